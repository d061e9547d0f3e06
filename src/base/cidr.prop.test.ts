// Holds that the map answers as a plain search through all ranges would, and as node's own block list does.
import { BlockList } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Cidr, CidrMap, cidrContains, formatCidr, familyOf, type Ip, ipFromBytes, parseCidr } from './index.ts'

// Few distinct bytes, so that addresses and ranges meet.
const byte = fc.constantFrom(0, 1, 10, 127, 128, 255)
const anyIp = fc
  .oneof(fc.array(byte, { minLength: 4, maxLength: 4 }), fc.array(byte, { minLength: 16, maxLength: 16 }))
  .map((bytes) => ipFromBytes(Uint8Array.from(bytes)))
const anyCidr = fc
  .tuple(anyIp, fc.nat({ max: 128 }))
  .map(([ip, bits]) => parseCidr(`${ip}/${familyOf(ip) === 4 ? bits % 33 : bits}`) as Cidr)

test('the text of a range is read back as the same range', () => {
  fc.assert(
    fc.property(anyCidr, (cidr) => {
      expect(parseCidr(formatCidr(cidr))).toEqual(cidr)
    }),
  )
})

test('get and getAll find what a linear search finds', () => {
  fc.assert(
    fc.property(fc.array(anyCidr, { maxLength: 30 }), anyIp, (cidrs: Cidr[], ip: Ip) => {
      const map = new CidrMap<string>()
      for (const cidr of cidrs) map.set(cidr, formatCidr(cidr))
      const holding = cidrs.filter((cidr) => cidrContains(cidr, ip)).sort((a, b) => b.bits - a.bits)
      const expected = [...new Set(holding.map(formatCidr))]
      expect(map.getAll(ip)).toEqual(expected)
      expect(map.get(ip)).toBe(expected[0])
    }),
  )
})

test('a range holds what node says that it holds', () => {
  fc.assert(
    fc.property(anyCidr, anyIp, (cidr, ip) => {
      if (familyOf(ip) !== cidr.family) return
      const family = cidr.family === 4 ? 'ipv4' : 'ipv6'
      const list = new BlockList()
      // Node refuses a prefix of zero bits for no reason that matters here.
      if (cidr.bits === 0) return
      list.addSubnet(cidr.ip, cidr.bits, family)
      expect(cidrContains(cidr, ip)).toBe(list.check(ip, family))
    }),
  )
})
