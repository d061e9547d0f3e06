// Tests that addresses are told apart by the RFCs that set them aside, in every form an IPv4 address can hide in.
import { expect, test } from 'vitest'
import { cidrContains, type Ip, parseCidr, parseIp } from '../base/index.ts'
import { type AddressClass, judgeAddress, rangeNames } from './address-class.ts'
import { classOf, neverReached } from './index.ts'

const classes: Record<string, { ip: string; is: AddressClass }> = {
  'RFC 1122 §3.2.1.3: this host on this network': { ip: '0.0.0.0', is: 'this-network' },
  'RFC 1122 §3.2.1.3: the end of this network': { ip: '0.255.255.255', is: 'this-network' },
  'the first ordinary address': { ip: '1.0.0.0', is: 'public' },
  'RFC 1122 §3.2.1.3: loopback': { ip: '127.0.0.1', is: 'loopback' },
  'loopback is a /8': { ip: '127.255.255.254', is: 'loopback' },
  'just above loopback': { ip: '128.0.0.1', is: 'public' },
  'RFC 3927: link-local, where clouds keep their metadata': { ip: '169.254.169.254', is: 'link-local' },
  'just above link-local': { ip: '169.255.0.1', is: 'public' },
  'Alibaba Cloud metadata, in CGNAT space': { ip: '100.100.100.200', is: 'metadata' },
  'Azure platform address': { ip: '168.63.129.16', is: 'metadata' },
  'RFC 5771: multicast': { ip: '224.0.0.1', is: 'multicast' },
  'RFC 1112 §4: reserved': { ip: '240.240.0.1', is: 'reserved' },
  'RFC 919: broadcast': { ip: '255.255.255.255', is: 'reserved' },
  'just below multicast': { ip: '223.255.255.255', is: 'public' },
  'RFC 1918: 10/8': { ip: '10.1.2.3', is: 'private' },
  'RFC 1918: 172.16/12 begins': { ip: '172.16.0.0', is: 'private' },
  'RFC 1918: 172.16/12 ends': { ip: '172.31.255.255', is: 'private' },
  'just above 172.16/12': { ip: '172.32.0.0', is: 'public' },
  'RFC 1918: 192.168/16': { ip: '192.168.1.1', is: 'private' },
  'RFC 6598: carrier-grade NAT': { ip: '100.64.0.1', is: 'private' },
  'just above carrier-grade NAT': { ip: '100.128.0.1', is: 'public' },
  'RFC 5737: documentation ranges are ordinary': { ip: '203.0.113.10', is: 'public' },
  'RFC 2544: benchmark ranges are ordinary': { ip: '198.18.0.1', is: 'public' },
  'RFC 4291 §2.5.2: unspecified': { ip: '::', is: 'unspecified' },
  'RFC 4291 §2.5.3: loopback': { ip: '::1', is: 'loopback' },
  'RFC 4291 §2.5.6: link-local': { ip: 'fe80::1', is: 'link-local' },
  'the end of fe80::/10': { ip: 'febf::1', is: 'link-local' },
  'RFC 3879: site-local, deprecated': { ip: 'fec0::1', is: 'private' },
  'RFC 4193: unique local': { ip: 'fd12:3456::1', is: 'private' },
  'AWS metadata, in unique local space': { ip: 'fd00:ec2::254', is: 'metadata' },
  'Google Cloud metadata, in unique local space': { ip: 'fd20:ce::254', is: 'metadata' },
  'RFC 4291 §2.7: multicast': { ip: 'ff02::1', is: 'multicast' },
  'an ordinary IPv6 address': { ip: '2606:4700::1111', is: 'public' },
  'RFC 3849: documentation is ordinary': { ip: '2001:db8::1', is: 'public' },
  'RFC 5180: benchmark is ordinary': { ip: '2001:2::1', is: 'public' },
  'RFC 4291 §2.5.5.2: IPv4-mapped loopback': { ip: '::ffff:127.0.0.1', is: 'loopback' },
  'IPv4-mapped private': { ip: '::ffff:10.0.0.1', is: 'private' },
  'IPv4-mapped ordinary': { ip: '::ffff:8.8.8.8', is: 'public' },
  'RFC 4291 §2.5.5.1: IPv4-compatible link-local': { ip: '::169.254.169.254', is: 'link-local' },
  'RFC 2765 §2.1: IPv4-translated loopback': { ip: '::ffff:0:127.0.0.1', is: 'loopback' },
  'RFC 6052: NAT64 of link-local': { ip: '64:ff9b::a9fe:a9fe', is: 'link-local' },
  'RFC 6052: NAT64 of private': { ip: '64:ff9b::10.0.0.1', is: 'private' },
  'RFC 6052: NAT64 of an ordinary address': { ip: '64:ff9b::8.8.8.8', is: 'public' },
  'RFC 8215: local-use NAT64': { ip: '64:ff9b:1::808:808', is: 'private' },
  'RFC 3056: 6to4 of loopback': { ip: '2002:7f00:1::1', is: 'loopback' },
  'RFC 3056: 6to4 of private': { ip: '2002:c0a8:101::1', is: 'private' },
  'RFC 3056: 6to4 of an ordinary address': { ip: '2002:808:808::1', is: 'public' },
  'RFC 4380: Teredo, the client is link-local (bits inverted)': { ip: '2001:0:808:808::5601:5601', is: 'link-local' },
  'RFC 4380: Teredo, the server is private': { ip: '2001:0:a00:1::f7f7:f7f7', is: 'private' },
  'RFC 4380: Teredo, server private and client loopback': { ip: '2001:0:a00:1::80ff:fffe', is: 'loopback' },
  'RFC 4380: Teredo between ordinary addresses': { ip: '2001:0:808:808::f7f7:f7f7', is: 'public' },
  'beside Teredo': { ip: '2001:1::1', is: 'public' },
}

test.each(Object.entries(classes))('%s', (_name, { ip, is }) => {
  expect(classOf(ipOf(ip))).toBe(is)
})

const own = new Set([ipOf('198.51.100.7')])
const judgements: Record<string, { ip: string; privateAllowed: boolean; is: AddressClass | undefined }> = {
  'an ordinary address may be reached': { ip: '203.0.113.1', privateAllowed: false, is: undefined },
  "the node's own address never": { ip: '198.51.100.7', privateAllowed: true, is: 'own' },
  'a private address by an exact name': { ip: '10.0.0.1', privateAllowed: true, is: undefined },
  'a private address by a wildcard': { ip: '10.0.0.1', privateAllowed: false, is: 'private' },
  'loopback not even by an exact name': { ip: '127.0.0.1', privateAllowed: true, is: 'loopback' },
}

test.each(Object.entries(judgements))('by a name: %s', (_name, { ip, privateAllowed, is }) => {
  expect(judgeAddress(ipOf(ip), { own, privateAllowed })).toBe(is)
})

const declared: Record<string, { range: string; ip: string; names: boolean }> = {
  'the address itself names it': { range: '169.254.169.254/32', ip: '169.254.169.254', names: true },
  'its whole class names it': { range: '169.254.0.0/16', ip: '169.254.169.254', names: true },
  'any address does not': { range: '0.0.0.0/0', ip: '169.254.169.254', names: false },
  'a range that is wider than the class does not': { range: '168.0.0.0/7', ip: '169.254.169.254', names: false },
  'another range does not': { range: '127.0.0.0/8', ip: '169.254.169.254', names: false },
  'the same for IPv6': { range: 'fe80::/64', ip: 'fe80::1', names: true },
}

test.each(Object.entries(declared))('a declared range: %s', (_name, { range, ip, names }) => {
  const cidr = parseCidr(range)
  expect(cidr && rangeNames(cidr, ipOf(ip))).toBe(names)
})

function ipOf(text: string): Ip {
  const ip = parseIp(text)
  if (ip === undefined) throw new TypeError(text)
  return ip
}

test.each([
  ['127.0.0.1', true],
  ['169.254.169.254', true],
  ['64:ff9b::7f00:1', true],
  ['64:ff9b::a9fe:a9fe', true],
  ['2002:7f00:1::', true],
  ['fe80::1', true],
  ['10.0.0.1', false],
  ['203.0.113.10', false],
  ['64:ff9b::cb00:710a', false],
])('the ranges that are never reached, as another engine is told them: %s is among them: %s', (text, isAmong) => {
  const ip = parseIp(text)
  expect(ip !== undefined && neverReached().some((cidr) => cidrContains(cidr, ip))).toBe(isAmong)
})
