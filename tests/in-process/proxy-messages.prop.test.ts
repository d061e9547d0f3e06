// Holds that messages arrive whole in both directions, whatever their framing, however they are cut, and one after the other.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dialPeer, forward, http, type Origin, type Peer, type Plane, sniffThen, startOrigin, startPlane, until } from './proxy-kit.ts'

interface Message {
  readonly size: number
  readonly isChunked: boolean
  /** Sizes of the pieces that it is sent in, over and over. */
  readonly pieces: readonly number[]
}

const message = fc.record({
  size: fc.oneof(fc.nat(50), fc.nat(5000), fc.integer({ min: 60_000, max: 400_000 })),
  isChunked: fc.boolean(),
  pieces: fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1000, max: 70_000 })), { minLength: 1, maxLength: 4 }),
})

function bodyOf(size: number, seed: number): Buffer {
  const body = Buffer.alloc(size)
  for (let index = 0; index < size; index++) body[index] = (index * 31 + seed * 7 + (index >> 8)) & 0xff
  return body
}

function frame({ size, isChunked, pieces }: Message, first: string, seed: number): Buffer {
  const body = bodyOf(size, seed)
  if (!isChunked) return Buffer.concat([Buffer.from(`${first}Content-Length: ${size}\r\n\r\n`), body])
  const parts: Buffer[] = [Buffer.from(`${first}Transfer-Encoding: chunked\r\n\r\n`)]
  for (let at = 0, index = 0; at < size; index++) {
    const chunk = body.subarray(at, at + pieces[index % pieces.length]!)
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
    at += chunk.length
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

async function sendInPieces(peer: Peer, bytes: Buffer, pieces: readonly number[]): Promise<void> {
  // Tiny pieces of a large message would only take long.
  const least = Math.ceil(bytes.length / 200)
  for (let at = 0, index = 0; at < bytes.length && !peer.closed; index++) {
    const piece = bytes.subarray(at, at + Math.max(least, pieces[index % pieces.length]!))
    at += piece.length
    if (!peer.socket.write(piece)) await new Promise<void>((resolve) => peer.socket.once('drain', resolve))
    else await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Reads messages from a stream the simple way, for comparison. */
class Reader {
  #bytes = Buffer.alloc(0)
  readonly heads: string[] = []
  readonly bodies: string[] = []
  readonly sizes: number[] = []

  constructor(peer: Peer, onMessage?: (index: number) => void) {
    peer.socket.removeAllListeners('data')
    peer.socket.on('data', (data) => {
      this.#bytes = Buffer.concat([this.#bytes, data])
      while (this.#take()) onMessage?.(this.bodies.length - 1)
    })
  }

  #take(): boolean {
    const end = this.#bytes.indexOf('\r\n\r\n')
    if (end === -1) return false
    const head = this.#bytes.toString('latin1', 0, end)
    const length = /content-length: (\d+)/.exec(head)?.[1]
    const whole = length === undefined ? this.#chunks(end + 4) : this.#fixed(end + 4, Number(length))
    if (!whole) return false
    this.heads.push(head)
    this.sizes.push(whole.body.length)
    this.bodies.push(digest(whole.body))
    this.#bytes = this.#bytes.subarray(whole.end)
    return true
  }

  #fixed(start: number, length: number): { body: Buffer; end: number } | undefined {
    return this.#bytes.length < start + length ? undefined : { body: this.#bytes.subarray(start, start + length), end: start + length }
  }

  #chunks(start: number): { body: Buffer; end: number } | undefined {
    const parts: Buffer[] = []
    let at = start
    for (;;) {
      const line = this.#bytes.indexOf('\r\n', at)
      if (line === -1) return undefined
      const size = Number.parseInt(this.#bytes.toString('latin1', at, line), 16)
      if (this.#bytes.length < line + 2 + size + 2) return undefined
      if (size === 0) return { body: Buffer.concat(parts), end: line + 4 }
      parts.push(this.#bytes.subarray(line + 2, line + 2 + size))
      at = line + 2 + size + 2
    }
  }
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

let upstream: Origin
let sidecar: Plane
let responses: readonly Message[] = []
const readers: Reader[] = []
let served = 0

beforeAll(async () => {
  upstream = await startOrigin((peer) => {
    let turn = Promise.resolve()
    const reader = new Reader(peer, () => {
      const index = served++
      const response = responses[index]!
      turn = turn.then(() => sendInPieces(peer, frame(response, 'HTTP/1.1 200 OK\r\n', index + 100), response.pieces))
    })
    readers.push(reader)
  })
  sidecar = await startPlane({ connection: sniffThen(() => http), request: () => forward([upstream.target]) })
})

afterAll(async () => {
  await sidecar.close()
  upstream.close()
})

it('messages arrive whole and in order', async () => {
  const exchange = fc.record({ request: message, response: message })
  await fc.assert(
    fc.asyncProperty(fc.array(exchange, { minLength: 1, maxLength: 4 }), fc.boolean(), async (exchanges, isPipelined) => {
      responses = exchanges.map(({ response }) => response)
      served = 0
      const before = readers.flatMap((reader) => reader.bodies).length
      const client = await dialPeer(sidecar.port)
      const reader = new Reader(client)
      const requests = exchanges.map(({ request }, index) => frame(request, `POST /${index} HTTP/1.1\r\nHost: a.example\r\n`, index))
      if (isPipelined) await sendInPieces(client, Buffer.concat(requests), exchanges[0]!.request.pieces)
      for (const [index, bytes] of requests.entries()) {
        if (!isPipelined) await sendInPieces(client, bytes, exchanges[index]!.request.pieces)
        await until(() => reader.bodies.length > index, `response ${index}`, 20_000)
      }
      const received = readers.flatMap(({ bodies }) => bodies).slice(before)
      client.socket.destroy()
      expect([...received].sort()).toEqual(exchanges.map(({ request }, index) => digest(bodyOf(request.size, index))).sort())
      expect(reader.bodies).toEqual(exchanges.map(({ response }, index) => digest(bodyOf(response.size, index + 100))))
      for (const peer of upstream.peers) expect(peer.error).toBeUndefined()
    }),
    { numRuns: 40, endOnFailure: true },
  )
  await until(() => sidecar.plane.counters.active === 0, 'the end of all flows')
}, 120_000)
