// Proves of each hostile way to speak HTTP/2 that it ends in the right frame and in a record, and that nothing of it arrives.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ErrorCode, errorCodes } from '../../src/proxy/http2/frames.ts'
import { HpackDecoder } from '../../src/proxy/http2/hpack-decoder.ts'
import { dialPeer, forward, http, type Origin, type Plane, sniffThen, startOrigin, startPlane, until } from '../in-process/proxy-kit.ts'
import { tellCounts } from '../support/counts.ts'
import { readFrames } from '../../src/proxy/http2/frames.test-kit.ts'
import { type HostileFrames, hostileFrames } from './hostile-frames.ts'

let origin: Origin | undefined
let plane: Plane
const refusals: ReadonlySet<string> = new Set(['bad-request', 'name-mismatch'])
const classes = [...new Set(hostileFrames.map((each) => each.class))]

beforeAll(async () => {
  plane = await startPlane({ connection: sniffThen(() => http), request: () => forward(origin ? [origin.target] : []) })
})

afterAll(async () => {
  await plane.close()
  tellCounts(`corpus: ${hostileFrames.length} hostile ways to speak HTTP/2 in ${classes.length} classes`)
})

describe.each(classes)('%s', (name) => {
  it.each(hostileFrames.filter((each) => each.class === name))('$name', async (hostile) => {
    for (const size of [hostile.bytes.length, ...(hostile.bytes.length < 600 ? [1] : [])]) await judge(hostile, size)
  })
})

async function judge({ bytes, breaksLate, ...ending }: HostileFrames, size: number): Promise<void> {
  // One of its own, so that nothing that is late is taken for this one's.
  const own = await startOrigin()
  origin = own
  const recorded = plane.closed.length
  const client = await dialPeer(plane.port)
  for (let at = 0; at < bytes.length; at += size) client.socket.write(bytes.subarray(at, at + size))
  const ends = (): readonly string[] => endsOf(Buffer.from(client.text, 'latin1'))
  const wanted = wantedOf(ending)
  try {
    await until(() => ends().includes(wanted) || client.ended || client.closed, wanted)
    expect(ends(), size === 1 ? 'in single bytes' : 'in one piece').toContain(wanted)
    // The connection is told to end, and does.
    if (ending.goaway !== undefined) await client.untilEnd()
  } finally {
    client.socket.destroy()
  }
  await until(() => plane.plane.counters.active === 0, 'the end of all flows')
  const arrived = own.peers.map((peer) => peer.text)
  own.close()
  if (breaksLate !== true) expect(arrived.join('')).toBe('')
  for (const text of arrived) expect(text).not.toMatch(/^POST.*\r\n\r\n(hello|0\r\n)/s)
  const records = plane.closed.slice(recorded).map(({ record }) => record)
  expect(records.length).toBeGreaterThan(0)
  expect(records.every(({ protocol }) => protocol === 'http2')).toBe(true)
  if (breaksLate !== true) expect(records.some(({ verdict, reason }) => verdict === 'deny' && refusals.has(reason.code))).toBe(true)
}

function wantedOf({ goaway, reset, status }: Pick<HostileFrames, 'goaway' | 'reset' | 'status'>): string {
  if (goaway !== undefined) return `GOAWAY ${goaway}`
  return reset === undefined ? `status ${status}` : `RST_STREAM ${reset}`
}

function endsOf(bytes: Buffer): readonly string[] {
  const decoder = new HpackDecoder({ bytes: 65_536, count: 100 })
  return readFrames(bytes).flatMap(({ type, content }) => {
    if (type === 7) return [`GOAWAY ${nameOf(content.readUInt32BE(4))}`]
    if (type === 3) return [`RST_STREAM ${nameOf(content.readUInt32BE(0))}`]
    const fields = type === 1 ? decoder.decode(content, 0, content.length) : undefined
    return fields ? [`status ${fields.values[0]}`] : []
  })
}

function nameOf(code: number): ErrorCode | undefined {
  return (Object.keys(errorCodes) as ErrorCode[]).find((name) => errorCodes[name] === code)
}
