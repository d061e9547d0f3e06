// What the process of a Pod, or who asks for it, can do wrong: `sallyport serve` passes on what is meant, holds back what is not read, and goes on.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { channels, frame } from '../../src/client/index.ts'
import { openSocket, playNode, type Session } from './fake-node.ts'
import { askApi, residentMegabytes, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

const data = temporaryDirectory()
const pod = '/api/v1/namespaces/default/pods'
const closers: (() => void)[] = []
let api: ServedApi

beforeAll(async () => {
  api = await serveApi(data.path)
})
afterAll(async () => {
  for (const close of closers) close()
  await api.kill('SIGTERM')
  data.remove()
})

async function play(name: string, serve: (session: Session) => void): Promise<void> {
  const node = await playNode(api, name, serve)
  closers.push(() => node.close())
}

const success = frame(channels.status, Buffer.from('{"status":"Success"}'))
const stdout = (text: string): Buffer => frame(channels.stdout, Buffer.from(text))
const status = (text: string): Buffer => frame(channels.status, Buffer.from(text))

/** Frames of a node, and what its client is given. */
const logs: Record<string, { frames: readonly (Buffer | string)[]; body: string }> = {
  'a status that is no JSON': { frames: [stdout('line\n'), status('{"half":')], body: 'line\n' },
  'a status that is no object': { frames: [stdout('line\n'), status('null')], body: 'line\n' },
  'a message that is no text': { frames: [status('{"status":"Failure","message":{"a":1}}')], body: '' },
  'a failure': { frames: [stdout('line\n'), status('{"status":"Failure","message":"it broke"}')], body: 'line\nit broke\n' },
  'a status ten thousand levels deep': { frames: [status('['.repeat(10_000) + ']'.repeat(10_000))], body: '' },
  'output after the end': { frames: [success, stdout('late\n'), success], body: '' },
  'frames without a channel, of others, and as text': { frames: [Buffer.alloc(0), Buffer.from([77, 1]), 'text', success], body: '' },
}

it.each(Object.entries(logs))('goes on when what a process has written ends with %s', async (name, { frames, body }) => {
  const pod_ = `log-${Object.keys(logs).indexOf(name)}`
  await play(pod_, ({ socket }) => {
    for (const one of frames) socket.send(one)
    socket.close()
  })
  const replied = await askApi(api, `${pod}/${pod_}/log`)
  expect(replied).toMatchObject({ code: 200, body })
  expect((await askApi(api, '/readyz')).code).toBe(200)
})

it('goes on when a link says what nobody asked for, and a frame is larger than may be', async () => {
  const node = await playNode(api, 'noisy', ({ socket }) => socket.send(Buffer.alloc(5 * 1024 * 1024, 1)))
  closers.push(() => node.close())
  for (const text of ['{', 'null', '[]', '{"session":1}', 'x'.repeat(100_000)]) node.link.send(text)
  expect((await askApi(api, `${pod}/noisy/log`)).code).toBe(200)
  expect((await askApi(api, '/readyz')).code).toBe(200)
})

const addresses: Record<string, { status: object; field: string }> = {
  'a word': { status: { podIP: 'gateway' }, field: 'status.podIP' },
  'a socket of the machine': { status: { podIP: 'unix:///run/x.sock' }, field: 'status.podIP' },
  'one of several that is none': { status: { podIPs: [{ ip: '10.0.0.1' }, { ip: '10.0.0.300' }] }, field: 'status.podIPs[1].ip' },
}

it.each(Object.entries(addresses))('sends nobody to what is no address: %s', async (_name, { status: told, field }) => {
  await askApi(api, pod, {
    method: 'POST',
    body: JSON.stringify({ metadata: { name: 'lost' }, spec: { nodeName: 'far', containers: [{ name: 'x', image: 'x' }] } }),
  })
  const headers = { 'Content-Type': 'application/merge-patch+json' }
  const replied = await askApi(api, `${pod}/lost/status`, { method: 'PATCH', headers, body: JSON.stringify({ status: told }) })
  expect(replied.code).toBe(422)
  expect(replied.body).toContain(`${field}: Invalid value`)
})

it('keeps no session for whoever begins a WebSocket wrongly', async () => {
  await play('keys', ({ socket }) => {
    socket.once('message', () => {
      socket.send(success)
      socket.close(1000)
    })
  })
  // One more than a Pod may have at a time.
  for (let left = 65; left > 0; left -= 13) await Promise.all(Array.from({ length: 13 }, () => beginWrongly(`${pod}/keys/exec`)))
  const said = await new Promise<readonly [number, Buffer]>((resolve, reject) => {
    const socket = openSocket(api, `${pod}/keys/exec?command=true&stdin=true`, 'v5.channel.k8s.io')
    socket.once('open', () => socket.send(frame(channels.stdin, Buffer.from('x'))))
    socket.once('message', (bytes: Buffer) => socket.once('close', (code) => resolve([code, bytes])))
    socket.once('unexpected-response', (_request, { statusCode }) => reject(new Error(`answered ${statusCode}`)))
  })
  expect(said).toEqual([1000, success])
})

/** Resolves when the connection is over. */
function beginWrongly(path: string): Promise<void> {
  const { hostname, port } = new URL(api.url)
  const token = readFileSync(join(data.path, 'pki/admin.token'), 'utf8').trim()
  const head = [
    `GET ${path}?command=true&stdin=true HTTP/1.1`,
    'Host: localhost',
    `Authorization: Bearer ${token}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: not a key',
    'Sec-WebSocket-Protocol: v5.channel.k8s.io',
  ]
  return new Promise((resolve, reject) => {
    const ca = readFileSync(join(data.path, 'pki/ca.crt'))
    const socket = connect({ host: hostname, port: Number(port), ca, servername: 'localhost' }, () => {
      socket.write(`${head.join('\r\n')}\r\n\r\n`)
      socket.resume()
    })
    socket.once('error', reject)
    socket.once('close', () => resolve())
  })
}

it('sallyport exec ends when nobody reads it any more', async () => {
  await play('pipe', ({ socket }) => {
    const timer = setInterval(() => socket.send(stdout('line\n')), 20)
    socket.once('close', () => clearInterval(timer))
  })
  const line = `node dist/bin.js exec --kubeconfig ${join(data.path, 'kubeconfig')} pipe -- yes | head -1`
  const child = spawn('bash', ['-c', `set -o pipefail; ${line}`])
  const said = { out: '', err: '' }
  child.stdout.on('data', (bytes: Buffer) => (said.out += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (said.err += bytes.toString()))
  expect(await new Promise((resolve) => child.once('close', resolve))).not.toBe(0)
  expect(said).toEqual({ out: 'line\n', err: '' })
})

it('passes on no more than is read: what a command writes waits with the command', { retry: 0 }, async () => {
  const [chunk, most] = [Buffer.alloc(64 * 1024, 'x'), 64 * 1024 * 1024]
  const sent = { bytes: 0, waits: false }
  await play('fast', ({ socket }) => {
    const pump = (): void => {
      sent.waits = socket.bufferedAmount > 1024 * 1024
      if (sent.bytes >= most) {
        socket.send(success)
        socket.close(1000)
        return
      }
      if (!sent.waits) {
        socket.send(frame(channels.stdout, chunk))
        sent.bytes += chunk.length
      }
      if (socket.readyState === socket.OPEN) setTimeout(pump, sent.waits ? 5 : 0)
    }
    pump()
  })
  const words = ['dist/bin.js', 'exec', '--kubeconfig', join(data.path, 'kubeconfig'), 'fast', '--', 'yes']
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  let held = -1
  // Nobody reads: after a while nothing moves any more.
  await expect
    .poll(
      () => {
        const isStill = sent.waits && held === sent.bytes
        held = sent.bytes
        return isStill
      },
      { timeout: 20_000, interval: 400 },
    )
    .toBe(true)
  expect(held).toBeLessThan(most / 2)
  expect(residentMegabytes({ pid: child.pid ?? 0 })).toBeLessThan(200)
  let read = 0
  child.stdout.on('data', (bytes: Buffer) => (read += bytes.length))
  expect(await ended).toBe(0)
  expect(read).toBe(most)
})
