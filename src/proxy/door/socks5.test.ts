// Holds the SOCKS5 of the door to RFC 1928, byte by byte, and to waiting for what is not there yet.
import { expect, test } from 'vitest'
import { greetingAnswer, readGreeting, readSocksRequest, socksAnswer, socksReplies } from './socks5.ts'

const bytes = (...values: readonly number[]): Buffer => Buffer.from(values)
const text = (words: string): number[] => [...Buffer.from(words, 'latin1')]

const requests: Readonly<Record<string, readonly [request: Buffer, outcome: unknown]>> = {
  'a name': [bytes(5, 1, 0, 3, 6, ...text('a.test'), 1, 187), { host: 'a.test', port: 443, length: 13 }],
  'an IPv4 address': [bytes(5, 1, 0, 1, 203, 0, 113, 1, 0, 80), { host: { ip: '203.0.113.1' }, port: 80, length: 10 }],
  'an IPv6 address': [
    bytes(5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80),
    { host: { ip: '2001:db8::1' }, port: 80, length: 22 },
  ],
  'bytes of the tunnel behind it stay': [
    bytes(5, 1, 0, 1, 203, 0, 113, 1, 0, 80, 1, 2),
    { host: { ip: '203.0.113.1' }, port: 80, length: 10 },
  ],
  BIND: [bytes(5, 2, 0, 1, 203, 0, 113, 1, 0, 80), { broken: 'BIND is not carried out', reply: 7 }],
  UDP: [bytes(5, 3, 0, 1, 203, 0, 113, 1, 0, 80), { broken: 'UDP ASSOCIATE is not carried out', reply: 7 }],
  'a command that nobody knows': [bytes(5, 9, 0, 1, 203, 0, 113, 1, 0, 80), { broken: 'the command 9 is not carried out', reply: 7 }],
  'a type of address that nobody knows': [bytes(5, 1, 0, 2, 0, 0), { broken: 'the address type 2 is unknown', reply: 8 }],
  'SOCKS4 in the middle': [bytes(4, 1, 0, 80), { broken: 'the request does not begin with the version of SOCKS5', reply: 1 }],
}

test.each(Object.entries(requests))('%s', (_, [request, outcome]) => {
  expect(readSocksRequest(request, 0, request.length)).toEqual(outcome)
})

test('every beginning of a request is waited for', () => {
  const request = bytes(5, 1, 0, 3, 6, ...text('a.test'), 1, 187)
  for (let end = 0; end < request.length; end++) expect(readSocksRequest(request, 0, end)).toBe('more')
})

test('of the ways to authenticate only none is taken', () => {
  expect(readGreeting(bytes(5, 1, 0), 0, 3)).toEqual({ length: 3, isOpen: true })
  expect(readGreeting(bytes(5, 2, 2, 0), 0, 4)).toEqual({ length: 4, isOpen: true })
  expect(readGreeting(bytes(5, 1, 2), 0, 3)).toEqual({ length: 3, isOpen: false })
  expect(readGreeting(bytes(5, 0), 0, 2)).toEqual({ length: 2, isOpen: false })
  expect(readGreeting(bytes(5, 2, 0), 0, 3)).toBe('more')
  expect(readGreeting(bytes(5), 0, 1)).toBe('more')
  expect([...greetingAnswer(true), ...greetingAnswer(false)]).toEqual([5, 0, 5, 0xff])
})

test('the answer is ten bytes, with the reason second', () => {
  expect([...socksAnswer(socksReplies.notAllowed)]).toEqual([5, 2, 0, 1, 0, 0, 0, 0, 0, 0])
})
