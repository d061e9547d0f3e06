// Holds that the proxy's own answers are framed as their status demands.
import { expect, test } from 'vitest'
import { buildReply } from './local-reply.ts'

const frame = { contentType: 'text/plain', serverName: 'envoy', date: 'Thu, 01 Jan 1970 00:00:00 GMT', closes: false, isHead: false }

const rest = 'date: Thu, 01 Jan 1970 00:00:00 GMT\r\nserver: envoy\r\n'

const replies: Readonly<Record<string, readonly [status: number, body: string, written: string]>> = {
  'a body has its length and type': [
    503,
    'no',
    `HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n${rest}\r\nno`,
  ],
  'without a body the length is 0': [503, '', `HTTP/1.1 503 Service Unavailable\r\n${rest}content-length: 0\r\n\r\n`],
  '204 has neither body nor length': [204, 'HTTP/1.1 200 OK\r\n\r\n', `HTTP/1.1 204 No Content\r\n${rest}\r\n`],
  '304 has no body, whatever its length would be': [304, 'no', `HTTP/1.1 304 Not Modified\r\n${rest}\r\n`],
}

test.each(Object.entries(replies))('%s', (_, [status, body, written]) => {
  expect(buildReply({ ...frame, status, body }).toString('latin1')).toBe(written)
})
