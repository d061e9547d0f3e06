// Drives the door as HTTP proxies' and SOCKS5 clients do, and holds what is asked for to the facts that every other connection has.
import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { ConnectionFacts } from '../../src/flow/index.ts'
import {
  deny,
  dialPeer,
  forward,
  http,
  ipOf,
  listen,
  local,
  type Peer,
  type Plane,
  type PlaneParts,
  portOf,
  type RuntimeParts,
  sniffThen,
  startPlane,
} from './proxy-kit.ts'

const standIn = ipOf('240.240.0.7')
let closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.toReversed()) await close()
  closers = []
})

interface Door {
  readonly plane: Plane
  readonly connect: () => Promise<Peer>
  readonly judged: ConnectionFacts[]
}

async function openDoor(parts: RuntimeParts, options: PlaneParts = {}): Promise<Door> {
  const judged: ConnectionFacts[] = []
  const connection = (facts: ConnectionFacts) => {
    judged.push(facts)
    return parts.connection?.(facts) ?? deny()
  }
  const plane = await startPlane({ ...parts, connection }, { virtualNames: (ip) => (ip === standIn ? 'a.test' : undefined), ...options })
  const server = createServer()
  await listen(server)
  plane.plane.adoptDoor(server, () => standIn)
  closers.push(
    () => plane.close(),
    () => void server.close(),
  )
  const connect = async (): Promise<Peer> => {
    const peer = await dialPeer(portOf(server))
    closers.push(() => void peer.socket.destroy())
    return peer
  }
  return { plane, connect, judged }
}

async function echo(answer: (text: string) => string): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('data', (data) => socket.write(answer(data.toString('latin1'))))
    socket.on('error', () => undefined)
  })
  await listen(server)
  closers.push(() => void server.close())
  return portOf(server)
}

const placeOf = ({ destination, virtualName }: ConnectionFacts): string => `${destination.ip}:${destination.port} ${virtualName ?? '-'}`
const refusal = deny({ status: 403, reason: { code: 'not-declared', text: 'no ServiceEntry declares host "a.test"' } })
const socks = (host: string, port: number): Buffer =>
  Buffer.concat([Buffer.from([5, 1, 0, 3, host.length]), Buffer.from(host), Buffer.from([port >> 8, port & 255])])

describe('CONNECT', () => {
  test('opens the connection that the client would have made to the name, and carries what follows', async () => {
    const origin = await echo((text) => `heard ${text}`)
    const door = await openDoor({ connection: sniffThen(() => forward([local(origin)])) })
    const peer = await door.connect()
    peer.write('CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n')
    await peer.until('200 Connection Established\r\n\r\n')
    peer.write('hello')
    await peer.until('heard hello')
    peer.socket.end()
    const record = await door.plane.record(0)
    expect(record).toMatchObject({ kind: 'connection', destination: '240.240.0.7:443', host: 'a.test', verdict: 'allow' })
    expect(new Set(door.judged.map(placeOf))).toEqual(new Set(['240.240.0.7:443 a.test']))
  })

  test('bytes that came with the head are part of the tunnel', async () => {
    const origin = await echo((text) => `heard ${text}`)
    const door = await openDoor({ connection: sniffThen(() => forward([local(origin)])) })
    const peer = await door.connect()
    peer.write('CONNECT a.test:7000 HTTP/1.1\r\nHost: a.test:7000\r\n\r\nearly')
    await peer.until('heard early')
  })

  test('what would be refused whatever came next is refused with 403 and the reason', async () => {
    const door = await openDoor({ connection: sniffThen(() => refusal) })
    const peer = await door.connect()
    peer.write('CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n')
    const text = await peer.untilEnd()
    expect(text).toMatch(/^HTTP\/1\.1 403 /)
    expect(text).toContain('no ServiceEntry declares host "a.test"')
    expect(text).toContain('protocol: TLS')
    expect(await door.plane.record(0)).toMatchObject({ kind: 'request', method: 'CONNECT', verdict: 'deny', status: 403, host: 'a.test' })
    expect(door.plane.closed).toHaveLength(1)
  })

  test('a client of HTTP/1.0 has its tunnel, or is told why not', async () => {
    const origin = await echo((text) => `heard ${text}`)
    const open = await openDoor({ connection: sniffThen(() => forward([local(origin)])) })
    const peer = await open.connect()
    peer.write('CONNECT a.test:443 HTTP/1.0\r\n\r\n')
    await peer.until('200 Connection Established\r\n\r\n')
    peer.write('hello')
    await peer.until('heard hello')
    peer.socket.end()
    const closed = await openDoor({ connection: sniffThen(() => refusal) })
    const other = await closed.connect()
    other.write('CONNECT a.test:443 HTTP/1.0\r\n\r\n')
    expect(await other.untilEnd()).toMatch(/^HTTP\/1\.1 403 .*no ServiceEntry declares host "a\.test"/s)
    expect(await closed.plane.record(0)).toMatchObject({ method: 'CONNECT', verdict: 'deny', status: 403, host: 'a.test' })
  })

  test('a tunnel to one name by a request for another is refused, and nothing is judged', async () => {
    const door = await openDoor({ connection: sniffThen(() => forward([local(1)])) })
    const peer = await door.connect()
    peer.write('CONNECT a.test:443 HTTP/1.1\r\nHost: b.test:443\r\n\r\n')
    expect(await peer.untilEnd()).toMatch(/^HTTP\/1\.1 400 .*name different places/s)
    expect(door.judged).toEqual([])
    expect(await door.plane.record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'name-mismatch' }, status: 400 })
  })

  test('a client that may speak TLS by that name is let speak, and judged by what it says', async () => {
    const connection = sniffThen((facts) => (facts.first?.protocol === 'tls' ? forward([]) : refusal))
    const door = await openDoor({ connection })
    const peer = await door.connect()
    peer.write('CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n')
    await peer.until('200 Connection Established')
    peer.write('GET / HTTP/1.1\r\nHost: b.test\r\n\r\n')
    expect(await peer.untilEnd()).toMatch(/HTTP\/1\.1 403 /)
    expect(await door.plane.record(0)).toMatchObject({ verdict: 'deny' })
  })

  test.each([
    ['127.0.0.1:80'],
    ['[::1]:80'],
    ['[::ffff:127.0.0.1]:80'],
    ['0.0.0.0:80'],
    ['[::]:80'],
    ['localhost:80'],
    ['LOCALHOST.:80'],
    ['x.localhost:80'],
  ])('%s is inside the workload and never asked of the machine', async (authority) => {
    const door = await openDoor({ connection: () => forward([local(1)]) })
    const peer = await door.connect()
    peer.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
    expect(await peer.untilEnd()).toMatch(/^HTTP\/1\.1 403 .*inside the workload itself/s)
    expect(door.judged).toEqual([])
  })

  test.each([['2130706433:80'], ['0x7f.1:80'], ['127.1:80'], ['a b:80'], ['a.test']])('%s is no place', async (authority) => {
    const door = await openDoor({ connection: () => forward([local(1)]) })
    const peer = await door.connect()
    peer.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
    expect(await peer.untilEnd()).toMatch(/^HTTP\/1\.1 400 /)
    expect(door.judged).toEqual([])
  })
})

describe('a request with an absolute URI', () => {
  const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

  test('is judged by its host and port, and sent on as a path', async () => {
    let seen = ''
    const origin = await echo((text) => {
      seen = text
      return answer
    })
    const door = await openDoor({ connection: sniffThen(() => http), request: () => forward([local(origin)]) })
    const peer = await door.connect()
    peer.write('GET http://a.test:8080/x HTTP/1.1\r\nHost: a.test:8080\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: x\r\n\r\n')
    const text = await peer.untilEnd()
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n.*connection: close\r\n/is)
    expect(seen).toMatch(/^GET \/x HTTP\/1\.1\r\nhost: a\.test:8080\r\n/i)
    expect(seen).not.toMatch(/proxy-/i)
    expect(door.judged.map(placeOf)).toContain('240.240.0.7:8080 a.test')
    expect(await door.plane.record(0)).toMatchObject({ kind: 'request', host: 'a.test', verdict: 'allow' })
  })

  test('that disagrees with its Host is refused', async () => {
    const door = await openDoor({ connection: sniffThen(() => http), request: () => forward([local(1)]) })
    const peer = await door.connect()
    peer.write('GET http://a.test/x HTTP/1.1\r\nHost: b.test\r\n\r\n')
    expect(await peer.untilEnd()).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('for https is refused: it would go out in clear', async () => {
    const door = await openDoor({ connection: sniffThen(() => refusal) })
    const peer = await door.connect()
    peer.write('GET https://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n')
    expect(await peer.untilEnd()).toMatch(/^HTTP\/1\.1 40[03] /)
  })
})

describe('SOCKS5', () => {
  test('opens the connection to the name', async () => {
    const origin = await echo((text) => `heard ${text}`)
    const door = await openDoor({ connection: () => forward([local(origin)]) })
    const peer = await door.connect()
    peer.write(Buffer.from([5, 1, 0]))
    await peer.until('\u0005\u0000')
    peer.write(socks('a.test', 6379))
    await peer.until('\u0005\u0000\u0000\u0001')
    peer.write('PING')
    await peer.until('heard PING')
    peer.socket.end()
    expect(await door.plane.record(0)).toMatchObject({ destination: '240.240.0.7:6379', host: 'a.test', verdict: 'allow' })
  })

  test('everything at once, byte by byte', async () => {
    const origin = await echo((text) => `heard ${text}`)
    const door = await openDoor({ connection: () => forward([local(origin)]) })
    const peer = await door.connect()
    for (const byte of Buffer.concat([Buffer.from([5, 1, 0]), socks('a.test', 6379), Buffer.from('PING')])) peer.write(Buffer.from([byte]))
    await peer.until('heard ')
  })

  test('an address that DNS gave out is its name', async () => {
    const door = await openDoor({ connection: sniffThen(() => refusal) })
    const peer = await door.connect()
    peer.write(Buffer.from([5, 1, 0, 5, 1, 0, 1, 240, 240, 0, 7, 0, 80]))
    await peer.untilEnd()
    expect(peer.text).toBe('\u0005\u0000\u0005\u0002\u0000\u0001\u0000\u0000\u0000\u0000\u0000\u0000')
    expect(await door.plane.record(0)).toMatchObject({
      kind: 'connection',
      host: 'a.test',
      verdict: 'deny',
      reason: { code: 'not-declared' },
    })
  })

  test.each([
    ['a refusal is "not allowed by ruleset"', [5, 1, 0], [...socks('a.test', 80)], [5, 0, 5, 2]],
    ['the workload itself', [5, 1, 0], [5, 1, 0, 1, 127, 0, 0, 1, 0, 80], [5, 0, 5, 2]],
    ['BIND is refused', [5, 1, 0], [5, 2, 0, 1, 203, 0, 113, 1, 0, 80], [5, 0, 5, 7]],
    ['UDP ASSOCIATE is refused', [5, 1, 0], [5, 3, 0, 1, 203, 0, 113, 1, 0, 80], [5, 0, 5, 7]],
    ['a password is not asked for', [5, 1, 2], [], [5, 255]],
  ])('%s', async (_, greeting, request, answer) => {
    const door = await openDoor({ connection: sniffThen(() => refusal) })
    const peer = await door.connect()
    peer.write(Buffer.from([...greeting, ...request]))
    await peer.untilEnd()
    expect([...Buffer.from(peer.text, 'latin1')].slice(0, answer.length)).toEqual(answer)
    expect(await door.plane.record(0)).toMatchObject({ verdict: 'deny' })
    expect(door.plane.closed).toHaveLength(1)
  })
})

describe('a client that says nothing useful', () => {
  test.each([
    ['nothing', ''],
    ['half a greeting', '\u0005'],
    ['half a head', 'CONNECT a.te'],
  ])('%s, and ends: one record', async (_, text) => {
    const door = await openDoor({ connection: () => refusal })
    const peer = await door.connect()
    if (text !== '') peer.write(text)
    peer.socket.end()
    expect(await door.plane.record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'bad-request' } })
    expect(door.plane.closed).toHaveLength(1)
  })

  test('and waits: it is let go after a time', async () => {
    const door = await openDoor({ connection: () => refusal }, { limits: { proxyHeaderMs: 30 } })
    const peer = await door.connect()
    await peer.untilEnd()
    expect(await door.plane.record(0)).toMatchObject({ reason: { code: 'bad-request' } })
  })
})
