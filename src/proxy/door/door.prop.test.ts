// Holds the door's readers to never failing, and to reading the same whether bytes come at once or one by one.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readProxyRequest } from './proxy-request.ts'
import { readGreeting, readSocksRequest } from './socks5.ts'

const limits = { headers: 20, headBytes: 2048 }
const socks = (bytes: Buffer, end: number): unknown => readSocksRequest(bytes, 0, end)
const greeting = (bytes: Buffer, end: number): unknown => readGreeting(bytes, 0, end)
const request = (bytes: Buffer, end: number): unknown => readProxyRequest(bytes, { start: 0, end, limits })

/** Begins like what is read, so that more than the first byte is looked at. */
const beginnings = fc.constantFrom(
  '',
  '\u0005\u0001\u0000\u0003',
  '\u0005\u0001\u0000\u0001',
  '\u0005\u0001\u0000\u0004',
  '\u0005\u0002',
  'CONNECT a.test:443 HTTP/1.1\r\n',
  'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n',
)
const input = fc
  .tuple(beginnings, fc.uint8Array({ maxLength: 40 }), fc.constantFrom('', '\r\n', '\r\n\r\n'))
  .map(([first, middle, last]) => Buffer.concat([Buffer.from(first, 'latin1'), middle, Buffer.from(last, 'latin1')]))

test.each([
  ['SOCKS5 requests', socks],
  ['SOCKS5 greetings', greeting],
  ['requests to an HTTP proxy', request],
])('%s: the first answer is the last', (_, read) => {
  fc.assert(
    fc.property(input, (bytes) => {
      let settled: unknown
      for (let end = 0; end <= bytes.length; end++) {
        const answer = read(bytes, end)
        if (settled !== undefined) expect(answer).toEqual(settled)
        else if (answer !== 'more') settled = answer
      }
    }),
    { numRuns: 300 },
  )
})

test('a place to connect to is always a host and a port that exists', () => {
  fc.assert(
    fc.property(input, (bytes) => {
      const found = readProxyRequest(bytes, { start: 0, end: bytes.length, limits })
      if (typeof found === 'string') return
      expect(found.port).toBeGreaterThan(0)
      expect(found.port).toBeLessThan(65_536)
      expect(found.host).toMatch(/^[A-Za-z0-9._~:-]+$/)
    }),
    { numRuns: 500 },
  )
})
