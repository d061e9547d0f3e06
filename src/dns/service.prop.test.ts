// Holds that no packet whatever makes the DNS service throw, answer a response, or answer with something that is no DNS.
import fc from 'fast-check'
import { decode, encode } from 'dns-packet'
import { describe, expect, test } from 'vitest'
import { Watchable } from '../base/index.ts'
import type { Runtime } from '../runtime/index.ts'
import { createRefusalAddresses } from './index.ts'
import { createResponder } from './responder.ts'
import type { Responder } from './responder.ts'

const runtime: Runtime = {
  version: 1,
  strict: true,
  outboundPolicy: 'REGISTRY_ONLY',
  knowsNames: true,
  boundListeners: [],
  declaredName: () => undefined,
  nameOfAddress: () => undefined,
  placed: (ref) => ref,
}

const refusals = createRefusalAddresses({ names: 64 })

function responder(): Responder {
  return createResponder(
    {
      runtime: new Watchable<Runtime | undefined>(runtime),
      names: { query: async () => ({ status: 'no-name', expires: 0 }) },
      refusals,
      onRefused: ({ name }) => expect(name).toMatch(/^[a-z0-9_.\\-]*$/),
    },
    { queries: 0, asked: 0, refused: 0, stripped: 0, malformed: 0, limited: 0, unsent: 0 },
  )
}

const anyQuery = fc
  .record({
    id: fc.nat(0xffff),
    flags: fc.nat(0x7fff),
    name: fc.string({ unit: 'grapheme-ascii', maxLength: 60 }).map((text) => text.replaceAll('..', '.')),
    type: fc.constantFrom('A', 'AAAA', 'PTR', 'TXT', 'UNKNOWN_65', 'ANY', 'SRV', 'SOA', 'UNKNOWN_999'),
    edns: fc.boolean(),
  })
  .map(({ id, flags, name, type, edns }) => {
    const opt = {
      type: 'OPT' as const,
      name: '.',
      udpPayloadSize: 4096,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
    }
    return encode({ type: 'query', id, flags, questions: [{ type: type as 'A', name }], additionals: edns ? [opt] : [] })
  })

const mutated = fc
  .tuple(anyQuery, fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 8 }), fc.nat(600))
  .map(([packet, changes, length]) => {
    const copy = Buffer.from(packet.subarray(0, length))
    for (const [at, byte] of changes) if (at < copy.length) copy[at] = byte
    return copy
  })

const anyPacket = fc.oneof(
  fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  anyQuery,
  mutated,
)

describe('any packet', () => {
  test('is answered with a packet that can be read and names the same question, or not at all', async () => {
    await fc.assert(
      fc.asyncProperty(anyPacket, fc.constantFrom('udp' as const, 'tcp' as const), async (packet, transport) => {
        const reply = await responder().respond(packet, transport)
        const isResponse = packet.length < 12 || (packet[2] ?? 0) >= 0x80
        expect(reply === undefined).toBe(isResponse)
        if (reply === undefined) return
        const read = decode(reply)
        expect(read.type).toBe('response')
        expect(reply.subarray(0, 2)).toEqual(packet.subarray(0, 2))
        expect(reply.length).toBeLessThanOrEqual(transport === 'udp' ? 4096 : 65_535)
        const question = reply.subarray(12, 12 + 4)
        if ((read.questions ?? []).length > 0) expect(question).toEqual(packet.subarray(12, 12 + 4))
      }),
      { numRuns: 2000 },
    )
  })
})
