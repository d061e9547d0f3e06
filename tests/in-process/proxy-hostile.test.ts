// Proves that no hostile request reaches an upstream, whole or cut into pieces, and that each gets an error and a closed connection.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hostileBodies, hostileRequests } from './hostile-requests.ts'
import {
  answering,
  deny,
  dialPeer,
  forward,
  http,
  type Origin,
  type Plane,
  sniffThen,
  startOrigin,
  startPlane,
  until,
} from './proxy-kit.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'

let upstream: Origin
/** Reads HTTP without looking first, as a gateway does. */
let direct: Plane
/** Looks at the first bytes, as a sidecar does; what does not look like HTTP/1.1 there is refused as a connection. */
let sniffing: Plane

beforeAll(async () => {
  upstream = await startOrigin(answering(ok))
  const request = () => forward([upstream.target])
  direct = await startPlane({ connection: () => http, request })
  sniffing = await startPlane({
    connection: sniffThen((facts) => (facts.first?.protocol === 'http1' ? http : deny({ flag: 'UH' }))),
    request,
  })
})

afterAll(async () => {
  await direct.close()
  await sniffing.close()
  upstream.close()
})

/** Sends and returns all that came back until the proxy closed. */
async function send(port: number, pieces: readonly string[]): Promise<string> {
  const client = await dialPeer(port)
  client.socket.on('error', () => undefined)
  for (const piece of pieces) {
    if (client.closed || client.ended) break
    client.write(piece)
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve))
  }
  const answer = await client.untilEnd()
  client.socket.destroy()
  return answer
}

const statuses = /^HTTP\/1\.1 (400|403|404|408|417|426|431|501|505) /

describe('a request with', () => {
  for (const [name, request] of Object.entries({ ...hostileRequests, ...hostileBodies })) {
    it(`${name} is answered with an error and goes nowhere`, async () => {
      const before = upstream.peers.length
      expect(await send(direct.port, [request])).toMatch(statuses)
      expect(upstream.peers).toHaveLength(before)
      await until(() => direct.plane.counters.active === 0, 'the end of the flow')
      expect(direct.closed.at(-1)?.record).toMatchObject({ verdict: 'deny' })
    })
  }
})

describe('behind a listener that looks first, a request with', () => {
  for (const [name, request] of Object.entries({ ...hostileRequests, ...hostileBodies })) {
    it(`${name} goes nowhere`, async () => {
      const before = upstream.peers.length
      const answer = await send(sniffing.port, [request])
      if (answer !== '') expect(answer).toMatch(statuses)
      expect(upstream.peers).toHaveLength(before)
    })
  }
})

describe('cut into pieces, a request with', () => {
  for (const [name, request] of Object.entries(hostileRequests)) {
    if (request.length > 1000) continue
    it(`${name} goes nowhere`, async () => {
      const before = upstream.peers.length
      expect(await send(direct.port, Array.from(request))).toMatch(statuses)
      expect(upstream.peers).toHaveLength(before)
    })
  }

  for (const [name, request] of Object.entries(hostileBodies)) {
    it(`${name} never reaches an upstream whole`, async () => {
      const from = upstream.peers.length
      const head = request.indexOf('\r\n\r\n') + 4
      await send(direct.port, [request.slice(0, head), ...Array.from(request.slice(head, head + 300))])
      for (const peer of upstream.peers.slice(from)) {
        await peer.untilEnd()
        expect(peer.text).not.toContain('\r\n0\r\n\r\n')
        peer.socket.destroy()
      }
    })
  }
})

describe('a request that is in order', () => {
  it('still gets through after all that', async () => {
    const client = await dialPeer(direct.port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.until('hi')).toContain('HTTP/1.1 200 OK')
    client.socket.destroy()
  })

  it('is not followed by one that hides in its body', async () => {
    const seen = upstream.peers.length
    const hidden = 'GET /hidden HTTP/1.1\r\nHost: a.example\r\n\r\n'
    const client = await dialPeer(direct.port)
    client.write(`POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`)
    await client.until('hi')
    client.socket.destroy()
    expect(direct.closed.filter(({ record }) => record.requestPath === '/hidden')).toHaveLength(0)
    expect(upstream.peers.length).toBeGreaterThanOrEqual(seen)
  })
})
