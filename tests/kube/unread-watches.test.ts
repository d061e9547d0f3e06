// Hundreds of watches whose clients do not read: `sallyport serve` keeps what waits for them once, serves everybody else, and cuts them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { askApi, residentMegabytes, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

/** WATCHES=1000 takes half a minute, and two gigabytes of the kernel's buffers. */
const count = Number(process.env['WATCHES'] ?? 200)
const MEGABYTE = 1024 * 1024
const maps = '/api/v1/namespaces/default/configmaps'
const data = temporaryDirectory()
const sockets: TLSSocket[] = []
let api: ServedApi

beforeAll(async () => {
  api = await serveApi(data.path)
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await api.kill('SIGTERM')
  data.remove()
})

it('keeps what nobody reads once, serves others meanwhile, and cuts those who do not read', { retry: 0 }, async () => {
  for (let left = count; left > 0; left -= 50) await Promise.all(Array.from({ length: Math.min(left, 50) }, openUnread))
  const before = openFiles()
  expect(before).toBeGreaterThan(count)
  const big = 'x'.repeat(MEGABYTE)
  expect((await askApi(api, maps, { method: 'POST', body: JSON.stringify({ metadata: { name: 'big' }, data: { big } }) })).code).toBe(201)
  const headers = { 'Content-Type': 'application/merge-patch+json' }
  let mostMegabytes = 0
  // 16 MB wait at the server, and some in the kernel.
  for (let round = 0; round < 40 && openFiles() > before - count; round++) {
    const body = JSON.stringify({ metadata: { labels: { round: String(round) } } })
    expect((await askApi(api, `${maps}/big`, { method: 'PATCH', body, headers })).code).toBe(200)
    mostMegabytes = Math.max(mostMegabytes, residentMegabytes(api))
  }
  await expect.poll(openFiles).toBeLessThan(before - count / 2)
  // Each has one message on its way, encrypted for it alone; 16 for each would be more.
  expect(mostMegabytes).toBeLessThan(800 + 2 * count)
  expect((await askApi(api, `${maps}/big`)).code).toBe(200)
})

/** Reads the head of the answer, and no more. */
function openUnread(): Promise<void> {
  const { hostname, port } = new URL(api.url)
  const ca = readFileSync(join(data.path, 'pki/ca.crt'))
  const token = readFileSync(join(data.path, 'pki/admin.token'), 'utf8').trim()
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca, servername: 'localhost' })
    sockets.push(socket)
    socket.on('error', reject)
    socket.once('readable', () => resolve())
    socket.write(`GET ${maps}?watch=true HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  })
}

function openFiles(): number {
  return readdirSync(`/proc/${api.pid}/fd`).length
}
