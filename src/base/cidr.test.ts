// Holds what counts as a range, what is in it, and that the longest prefix wins.
import { describe, expect, test } from 'vitest'
import { CidrMap, cidrContains, formatCidr, parseCidr, parseIp } from './index.ts'

describe('ranges that are taken', () => {
  const cases: Record<string, { text: string; means: string }> = {
    'an ordinary range': { text: '10.0.0.0/8', means: '10.0.0.0/8' },
    'host bits are masked away': { text: '10.1.2.3/8', means: '10.0.0.0/8' },
    'a prefix that ends inside an octet': { text: '172.31.255.255/12', means: '172.16.0.0/12' },
    'a bare address is one address': { text: '192.0.2.1', means: '192.0.2.1/32' },
    everything: { text: '255.255.255.255/0', means: '0.0.0.0/0' },
    'an IPv6 range': { text: '2001:db8:ffff::1/33', means: '2001:db8:8000::/33' },
    'a bare IPv6 address': { text: '::1', means: '::1/128' },
    'every IPv6 address': { text: 'ffff::/0', means: '::/0' },
    'a prefix on a word boundary': { text: '1:2:3:4:5:6:7:8/64', means: '1:2:3:4::/64' },
    'a range of IPv4-mapped addresses is the IPv4 range': { text: '::ffff:10.1.0.0/104', means: '10.0.0.0/8' },
    'all IPv4-mapped addresses': { text: '::ffff:0:0/96', means: '0.0.0.0/0' },
  }
  test.each(Object.entries(cases))('%s', (_name, { text, means }) => {
    const cidr = parseCidr(text)!
    expect(formatCidr(cidr)).toBe(means)
    expect(cidr.family).toBe(means.includes(':') ? 6 : 4)
  })
})

describe('ranges that are refused', () => {
  const cases: Record<string, string> = {
    nothing: '',
    'no address': '/8',
    'no length': '10.0.0.0/',
    'a length over the width': '10.0.0.0/33',
    'an IPv6 length over the width': '::/129',
    'a negative length': '10.0.0.0/-1',
    'a length with a leading zero': '10.0.0.0/08',
    'a length that is no integer': '10.0.0.0/8.0',
    'a netmask': '10.0.0.0/255.0.0.0',
    'two lengths': '10.0.0.0/8/8',
    'a short address': '10/8',
    'an odd address': '010.0.0.0/8',
    'wider than the mapped addresses': '::ffff:0:0/95',
    'a space': '10.0.0.0 /8',
  }
  test.each(Object.entries(cases))('%s', (_name, text) => {
    expect(parseCidr(text)).toBeUndefined()
  })
})

describe('what is in a range', () => {
  const cases: Record<string, { cidr: string; ip: string; isIn: boolean }> = {
    'its first address': { cidr: '10.0.0.0/8', ip: '10.0.0.0', isIn: true },
    'its last address': { cidr: '10.0.0.0/8', ip: '10.255.255.255', isIn: true },
    'the address after it': { cidr: '10.0.0.0/8', ip: '11.0.0.0', isIn: false },
    'high addresses are unsigned': { cidr: '240.0.0.0/4', ip: '255.255.255.255', isIn: true },
    'a mapped address is an IPv4 address': { cidr: '10.0.0.0/8', ip: '::ffff:10.0.0.1', isIn: true },
    'everything holds no other family': { cidr: '0.0.0.0/0', ip: '::1', isIn: false },
    'and the other way round': { cidr: '::/0', ip: '1.2.3.4', isIn: false },
    'unique local addresses': { cidr: 'fc00::/7', ip: 'fdff::1', isIn: true },
    'past unique local addresses': { cidr: 'fc00::/7', ip: 'fe00::', isIn: false },
  }
  test.each(Object.entries(cases))('%s', (_name, { cidr, ip, isIn }) => {
    expect(cidrContains(parseCidr(cidr)!, parseIp(ip)!)).toBe(isIn)
    const map = new CidrMap<string>().set(parseCidr(cidr)!, cidr)
    expect(map.get(parseIp(ip)!)).toBe(isIn ? cidr : undefined)
  })
})

describe('the map', () => {
  const map = new CidrMap<string | undefined>()
  for (const text of ['0.0.0.0/0', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.3', '::/0', '2001:db8::/32']) map.set(parseCidr(text)!, text)

  const cases: Record<string, { ip: string; all: string[] }> = {
    'the address itself comes first': { ip: '10.1.2.3', all: ['10.1.2.3', '10.1.0.0/16', '10.0.0.0/8', '0.0.0.0/0'] },
    'then the longest prefix': { ip: '10.1.2.4', all: ['10.1.0.0/16', '10.0.0.0/8', '0.0.0.0/0'] },
    'at last everything': { ip: '192.0.2.1', all: ['0.0.0.0/0'] },
    'the families are apart': { ip: '2001:db8::1', all: ['2001:db8::/32', '::/0'] },
  }
  test.each(Object.entries(cases))('%s', (_name, { ip, all }) => {
    expect(map.getAll(parseIp(ip)!)).toEqual(all)
    expect(map.get(parseIp(ip)!)).toBe(all[0])
  })

  test('a second value for a range replaces the first', () => {
    const small = new CidrMap<number>().set(parseCidr('10.0.0.0/8')!, 1).set(parseCidr('10.9.9.9/8')!, 2)
    expect(small.size).toBe(1)
    expect(small.get(parseIp('10.0.0.1')!)).toBe(2)
  })

  test('a range whose value is undefined still hides the wider one', () => {
    const holes = new CidrMap<string | undefined>().set(parseCidr('10.0.0.0/8')!, 'wide').set(parseCidr('10.1.0.0/16')!, undefined)
    expect(holes.get(parseIp('10.1.0.1')!)).toBeUndefined()
    expect(holes.getAll(parseIp('10.1.0.1')!)).toEqual([undefined, 'wide'])
  })
})
