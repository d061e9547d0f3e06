// Holds that only the one strict spelling of an IP address is taken, and that one address has one text.
import { describe, expect, test } from 'vitest'
import { bytesOf, compareIp, familyOf, ipFromBytes, ipFromWords, parseIp, wordsOf } from './index.ts'

describe('addresses that are taken, in their canonical text', () => {
  const cases: Record<string, { text: string; canonical: string; family: 4 | 6 }> = {
    'an ordinary IPv4 address': { text: '192.0.2.1', canonical: '192.0.2.1', family: 4 },
    'the lowest IPv4 address': { text: '0.0.0.0', canonical: '0.0.0.0', family: 4 },
    'the highest IPv4 address': { text: '255.255.255.255', canonical: '255.255.255.255', family: 4 },
    'an IPv6 address in full (RFC 4291 §2.2.1)': {
      text: '2001:0DB8:0000:0000:0008:0800:200C:417A',
      canonical: '2001:db8::8:800:200c:417a',
      family: 6,
    },
    'the unspecified address': { text: '::', canonical: '::', family: 6 },
    'the loopback address': { text: '0:0:0:0:0:0:0:1', canonical: '::1', family: 6 },
    'zeros at the end': { text: 'fe80::', canonical: 'fe80::', family: 6 },
    'one zero group is not shortened (RFC 5952 §4.2.2)': { text: '2001:db8::1:1:1:1:1', canonical: '2001:db8:0:1:1:1:1:1', family: 6 },
    'the longest run is shortened (RFC 5952 §4.2.3)': { text: '2001:0:0:1:0:0:0:1', canonical: '2001:0:0:1::1', family: 6 },
    'the first of two equal runs is shortened (RFC 5952 §4.2.3)': {
      text: '2001:db8:0:0:1:0:0:1',
      canonical: '2001:db8::1:0:0:1',
      family: 6,
    },
    'a run at the very end': { text: '1:0:0:2:0:0:0:0', canonical: '1:0:0:2::', family: 6 },
    'an IPv4-mapped address is its IPv4 address (RFC 4291 §2.5.5.2)': { text: '::ffff:1.2.3.4', canonical: '1.2.3.4', family: 4 },
    'the same in hexadecimal': { text: '::ffff:102:304', canonical: '1.2.3.4', family: 4 },
    'the same in full and upper case': { text: '0:0:0:0:0:FFFF:0102:0304', canonical: '1.2.3.4', family: 4 },
    'an IPv4-compatible address is not mapped (RFC 4291 §2.5.5.1)': { text: '::1.2.3.4', canonical: '::102:304', family: 6 },
    'a NAT64 address (RFC 6052 §2.4)': { text: '64:ff9b::192.0.2.33', canonical: '64:ff9b::c000:221', family: 6 },
    'nearly mapped': { text: '::fffe:1.2.3.4', canonical: '::fffe:102:304', family: 6 },
    'a double colon for one group': { text: '1:2:3:4:5:6:7::', canonical: '1:2:3:4:5:6:7:0', family: 6 },
  }
  test.each(Object.entries(cases))('%s', (_name, { text, canonical, family }) => {
    const ip = parseIp(text)
    expect(ip).toBe(canonical)
    expect(ip && familyOf(ip)).toBe(family)
  })
})

describe('spellings that are refused', () => {
  const cases: Record<string, string> = {
    nothing: '',
    'a leading zero, which inet_aton reads as octal (RFC 6943 §3.1.1)': '010.0.0.1',
    'a leading zero in the last number': '127.0.0.01',
    'two zeros': '00.0.0.0',
    'hexadecimal (RFC 6943 §3.1.1)': '0x7f.0.0.1',
    'hexadecimal short form': '0x7f.1',
    'short form of two parts (RFC 6943 §3.1.1)': '127.1',
    'octal short form': '010.1',
    'short form of three parts': '127.0.1',
    'one number': '2130706433',
    'five parts': '1.2.3.4.5',
    'a number over 255': '1.2.3.256',
    'an empty part': '1..2.3',
    'a dot at the end': '1.2.3.4.',
    'a dot at the beginning': '.1.2.3.4',
    'a space before': ' 1.2.3.4',
    'a line end after': '1.2.3.4\n',
    'a sign': '+1.2.3.4',
    'full-width digits, which IDNA maps to digits': '１.2.3.4',
    'an ideographic full stop, which IDNA maps to a dot': '1。2。3。4',
    'a NUL byte': '1.2.3.4\0',
    'a port': '1.2.3.4:80',
    'a prefix length': '1.2.3.4/32',
    brackets: '[::1]',
    'a zone by name (RFC 4007 §11)': 'fe80::1%eth0',
    'a zone by number': 'fe80::1%1',
    'a zone, percent-encoded (RFC 6874)': 'fe80::1%25eth0',
    'two double colons': '1::2::3',
    'three colons': ':::',
    'one colon': ':',
    'seven groups': '1:2:3:4:5:6:7',
    'nine groups': '1:2:3:4:5:6:7:8:9',
    'a double colon for no group (RFC 4291 §2.2.2: one or more)': '1:2:3:4::5:6:7:8',
    'a colon at the beginning': ':1:2:3:4:5:6:7',
    'a colon at the end': '1:2:3:4:5:6:7:',
    'five digits in a group': '::12345',
    'no hexadecimal digit': '::g',
    'IPv4 that is not at the end': '1.2.3.4::',
    'IPv4 before a double colon': '::1.2.3.4:5',
    'odd IPv4 inside IPv6': '::ffff:127.1',
    'octal IPv4 inside IPv6': '::ffff:010.0.0.1',
    'IPv4 that leaves no room': '1:2:3:4:5:6:7:1.2.3.4',
    'a name': 'example.com',
  }
  test.each(Object.entries(cases))('%s', (_name, text) => {
    expect(parseIp(text)).toBeUndefined()
  })
})

test('bytes are in network order, and mapped bytes give the IPv4 form', () => {
  expect([...bytesOf(parseIp('1.2.3.255')!)]).toEqual([1, 2, 3, 255])
  expect([...bytesOf(parseIp('2001:db8::ff')!)]).toEqual([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff])
  expect(ipFromBytes(Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1]))).toBe('10.0.0.1')
  expect(() => ipFromBytes(new Uint8Array(5))).toThrow('4 or 16 bytes, not 5')
})

test('bytes are read from where their view begins', () => {
  const buffer = Uint8Array.from([9, 9, 32, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
  expect(ipFromBytes(buffer.subarray(2))).toBe('2001::1')
})

test('words are unsigned', () => {
  expect(wordsOf(parseIp('255.0.0.1')!)).toEqual([0xff000001])
  expect(ipFromWords([0xff000001])).toBe('255.0.0.1')
  expect(wordsOf(parseIp('ffff::1')!)).toEqual([0xffff0000, 0, 0, 1])
})

test('addresses are ordered by family, then by number and not by text', () => {
  const sorted = ['9.0.0.0', '10.0.0.0', '200.0.0.0', '::2', '::10', 'ffff::'].map((text) => parseIp(text)!)
  expect(sorted.toReversed().sort(compareIp)).toEqual(sorted)
  expect(compareIp(sorted[0]!, sorted[0]!)).toBe(0)
})
