// Holds how --publish is read, and that bytes and ends pass both ways.
import net from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { openPublished, parsePublish, type Published } from './publish.ts'

const read: Record<string, { text: string; publish?: { address: string; port: number; inner: number } }> = {
  'a port alone': { text: '8080', publish: { address: '127.0.0.1', port: 8080, inner: 8080 } },
  'a port and the one inside': { text: '8080:80', publish: { address: '127.0.0.1', port: 8080, inner: 80 } },
  'an address': { text: '0.0.0.0:8080:80', publish: { address: '0.0.0.0', port: 8080, inner: 80 } },
  'an address and one port': { text: '10.0.0.1:8080', publish: { address: '10.0.0.1', port: 8080, inner: 8080 } },
  localhost: { text: 'localhost:8080:80', publish: { address: '127.0.0.1', port: 8080, inner: 80 } },
  'an IPv6 address': { text: '[::1]:8080:80', publish: { address: '::1', port: 8080, inner: 80 } },
  'any free port outside': { text: '0:80', publish: { address: '127.0.0.1', port: 0, inner: 80 } },
  nothing: { text: '' },
  'no number': { text: 'http' },
  'a port that does not exist': { text: '70000:80' },
  'port zero inside': { text: '8080:0' },
  'an address that is none': { text: '300.1.1.1:80:80' },
  'an IPv6 address without brackets': { text: '::1:80:80' },
  'too many parts': { text: '1:2:3:4' },
}

test.each(Object.entries(read))('%s', (_name, { text, publish }) => {
  const result = parsePublish(text)
  if (publish) expect(result).toEqual({ ok: true, value: publish })
  else expect(result.ok).toBe(false)
})

describe('published', () => {
  let published: Published | undefined
  const servers: net.Server[] = []

  afterEach(async () => {
    await published?.close()
    await Promise.all(servers.splice(0).map((server) => new Promise((done) => server.close(done))))
  })

  async function inner(onConnection: (socket: net.Socket) => void): Promise<number> {
    const server = net.createServer({ allowHalfOpen: true }, onConnection)
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return portOf(server)
  }

  async function publishTo(dial: (port: number) => Promise<net.Socket>): Promise<number> {
    const probe = net.createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    const port = portOf(probe)
    await new Promise((done) => probe.close(done))
    published = await openPublished([{ address: '127.0.0.1', port, inner: 80 }], dial)
    return port
  }

  async function connected(port: number): Promise<net.Socket> {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect')
    return socket
  }

  test('a half-closed request still gets its answer', async () => {
    const port = await inner((socket) => {
      const parts: Buffer[] = []
      socket.on('data', (part) => parts.push(part))
      socket.on('end', () => socket.end(`got ${Buffer.concat(parts).toString()}`))
    })
    const outer = await publishTo(() => connected(port))
    const socket = net.connect({ port: outer, host: '127.0.0.1', allowHalfOpen: true })
    socket.end('question')
    const [answer] = await once(socket.setEncoding('utf8'), 'data')
    expect(answer).toBe('got question')
    await once(socket, 'close')
  })

  test('a server that speaks first is heard', async () => {
    const port = await inner((socket) => socket.end('greeting'))
    const outer = await publishTo(async () => {
      const socket = await connected(port)
      socket.pause()
      return socket
    })
    const socket = net.connect(outer, '127.0.0.1')
    const [answer] = await once(socket.setEncoding('utf8'), 'data')
    expect(answer).toBe('greeting')
    socket.destroy()
  })

  test('nobody listens inside: the caller is told at once', async () => {
    const outer = await publishTo(() => Promise.reject(new Error('connect ECONNREFUSED')))
    const socket = net.connect(outer, '127.0.0.1')
    socket.on('error', () => undefined)
    await new Promise((done) => socket.on('close', done))
    expect(socket.bytesRead).toBe(0)
  })

  test('a port that is taken is an error that says which', async () => {
    const taken = await inner(() => undefined)
    await expect(
      openPublished([{ address: '127.0.0.1', port: taken, inner: 80 }], () => Promise.reject(new Error('never'))),
    ).rejects.toThrow(`--publish 127.0.0.1:${taken}`)
  })
})

function portOf(server: net.Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
