// Holds that first bytes are classified alike however they are cut, and that no bytes break the classifier.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hello, helloMessage, records } from './client-hello.test-kit.ts'
import { classifyFirstBytes } from './first-bytes.ts'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

const beginnings = fc.oneof(
  fc
    .record({
      sni: fc.stringMatching(/^[a-z]{1,20}(\.[a-z]{1,10}){0,3}$/),
      alpn: fc.option(fc.array(fc.stringMatching(/^[a-z0-9/.]{1,8}$/), { minLength: 1, maxLength: 3 }), { nil: undefined }),
      size: fc.integer({ min: 1, max: 300 }),
    })
    .map(({ sni, alpn, size }) => records(helloMessage({ sni, ...(alpn && { alpn }) }), size)),
  fc.stringMatching(/^[!-~]{0,30}$/).map((path) => Buffer.from(`GET /${path} HTTP/1.1\r\nHost: a\r\n`, 'latin1')),
  fc.constant(Buffer.from(PREFACE, 'latin1')),
)

const classify = (bytes: Buffer): ReturnType<typeof classifyFirstBytes> => classifyFirstBytes(bytes, 0, bytes.length)

describe('classifyFirstBytes', () => {
  it('says `more` for every beginning and then always the same', () => {
    fc.assert(
      fc.property(beginnings, (bytes) => {
        const whole = classify(bytes)
        expect(whole).not.toBe('more')
        let settled = false
        for (let length = 0; length <= bytes.length; length++) {
          const said = classify(bytes.subarray(0, length))
          if (settled) expect(said).toEqual(whole)
          else if (said !== 'more') {
            expect(said).toEqual(whole)
            settled = true
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  it('never throws, and a server name is printable, whichever byte of a hello is changed', () => {
    const bytes = hello({ sni: 'a.example', alpn: ['h2'] })
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const mutated = Buffer.from(bytes)
        mutated[at] = (mutated[at] ?? 0) ^ change
        const said = classify(mutated)
        if (said !== 'more' && said.protocol === 'tls' && said.sni !== undefined) expect(said.sni).toMatch(/^[\x21-\x7e]+$/)
      }),
      { numRuns: 500 },
    )
  })

  it('answers any bytes with a classification or the wish for more', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (random, looksLikeTls) => {
        const bytes = Buffer.from(random)
        if (looksLikeTls && bytes.length > 2) Buffer.from([22, 3, 1]).copy(bytes)
        const said = classify(bytes)
        expect(said === 'more' || ['tls', 'http1', 'http2', 'other'].includes(said.protocol)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('knows the HTTP/2 preface only when it is whole', () => {
    for (let length = 1; length < PREFACE.length; length++) expect(classify(Buffer.from(PREFACE.slice(0, length)))).toBe('more')
    expect(classify(Buffer.from(PREFACE))).toEqual({ protocol: 'http2' })
    expect(classify(Buffer.from(PREFACE.replace('SM', 'XX')))).toMatchObject({ protocol: 'other' })
  })
})
