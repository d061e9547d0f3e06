// Holds how an address with a port is written and read.
import { describe, expect, test } from 'vitest'
import { formatAddress, parseAddress, parsePort, sameAddress } from './index.ts'

describe('addresses that are taken, in their canonical text', () => {
  const cases: Record<string, { text: string; canonical: string }> = {
    'IPv4 and a port': { text: '1.2.3.4:80', canonical: '1.2.3.4:80' },
    'IPv6 in brackets (RFC 5952 §6)': { text: '[2001:DB8::0:1]:443', canonical: '[2001:db8::1]:443' },
    'a mapped address is its IPv4 form': { text: '[::ffff:1.2.3.4]:80', canonical: '1.2.3.4:80' },
    'the highest port': { text: '1.2.3.4:65535', canonical: '1.2.3.4:65535' },
    'port zero, which asks the system for one': { text: '127.0.0.1:0', canonical: '127.0.0.1:0' },
  }
  test.each(Object.entries(cases))('%s', (_name, { text, canonical }) => {
    const address = parseAddress(text)!
    expect(formatAddress(address)).toBe(canonical)
    expect(sameAddress(address, parseAddress(canonical)!)).toBe(true)
  })
})

describe('addresses that are refused', () => {
  const cases: Record<string, string> = {
    nothing: '',
    'no port': '1.2.3.4',
    'an empty port': '1.2.3.4:',
    'only a port': ':80',
    'IPv6 without brackets, which could be read in two ways': '2001:db8::1:80',
    'IPv4 in brackets': '[1.2.3.4]:80',
    'an open bracket': '[::1:80',
    'a port over the range': '1.2.3.4:65536',
    'a port with a leading zero': '1.2.3.4:080',
    'a negative port': '1.2.3.4:-1',
    'a port with a sign': '1.2.3.4:+80',
    'a hexadecimal port': '1.2.3.4:0x50',
    'a port by name': '1.2.3.4:http',
    'a name': 'example.com:80',
    'a space': '1.2.3.4: 80',
    'a zone': '[fe80::1%eth0]:80',
  }
  test.each(Object.entries(cases))('%s', (_name, text) => {
    expect(parseAddress(text)).toBeUndefined()
  })
})

test('two addresses are the same when both address and port are', () => {
  const address = parseAddress('1.2.3.4:80')!
  expect(sameAddress(address, parseAddress('1.2.3.4:81')!)).toBe(false)
  expect(sameAddress(address, parseAddress('1.2.3.5:80')!)).toBe(false)
})

test('a port is read in its one spelling', () => {
  expect(['0', '80', '65535'].map(parsePort)).toEqual([0, 80, 65535])
  expect(['', '00', '65536', '1e3', '8 0', '８０', '999999999999'].map(parsePort)).toEqual(Array(7).fill(undefined))
})
