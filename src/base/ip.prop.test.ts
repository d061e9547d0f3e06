// Holds for all addresses that text, bytes and words are three forms of one thing, in agreement with node's own parsers.
import { SocketAddress, isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesOf, compareIp, type Ip, ipFromBytes, ipFromWords, parseIp, wordsOf } from './index.ts'

const anyIp = fc
  .oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    // Runs of zeros are what the canonical form is about.
    fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
  )
  .map(ipFromBytes)

test('an address survives text, bytes and words', () => {
  fc.assert(
    fc.property(anyIp, (ip) => {
      expect(parseIp(ip)).toBe(ip)
      expect(ipFromBytes(bytesOf(ip))).toBe(ip)
      expect(ipFromWords(wordsOf(ip))).toBe(ip)
    }),
  )
})

test('the canonical text is the one that node gives', () => {
  fc.assert(
    fc.property(anyIp, (ip) => {
      const family = ip.includes(':') ? 'ipv6' : 'ipv4'
      const theirs = new SocketAddress({ address: ip, family }).address
      // inet_ntop writes the deprecated IPv4-compatible addresses with dots; RFC 5952 §5 leaves it to us.
      if (!(family === 'ipv6' && theirs.includes('.'))) expect(theirs).toBe(ip)
    }),
  )
})

test('whatever is taken, node takes too, and nothing that node takes is missed', () => {
  const text = fc.string({ unit: fc.constantFrom(...'0123456789abcdefx.:%/'.split('')), minLength: 1, maxLength: 24 })
  fc.assert(
    fc.property(fc.oneof(text, anyIp), (candidate) => {
      const isTheirs = isIP(candidate) !== 0 && !candidate.includes('%')
      expect(parseIp(candidate) !== undefined).toBe(isTheirs)
    }),
    { numRuns: 2000 },
  )
})

test('the order is that of the bytes within a family', () => {
  fc.assert(
    fc.property(anyIp, anyIp, (a: Ip, b: Ip) => {
      expect(Math.sign(compareIp(a, b))).toBe(-Math.sign(compareIp(b, a)) + 0)
      expect(compareIp(a, b) === 0).toBe(a === b)
      if (bytesOf(a).length === bytesOf(b).length) {
        expect(Math.sign(compareIp(a, b))).toBe(Buffer.compare(bytesOf(a), bytesOf(b)))
      }
    }),
  )
})
