// Holds how long a response is taken to be (RFC 9112 §6.3), and which are not believed.
import { describe, expect, it } from 'vitest'
import { HeadScanner } from './head-scanner.ts'
import { interpretResponse, type ResponseHead } from './response-head.ts'

function interpret(head: string, method = 'GET'): ResponseHead | string {
  const scanner = new HeadScanner(20)
  const bytes = Buffer.from(`${head.replaceAll('\n', '\r\n')}\r\n\r\n`, 'latin1')
  if (scanner.scanResponse(bytes, 0, bytes.length) <= 0) throw new Error(scanner.problem?.text)
  return interpretResponse(scanner, method)
}

describe('interpretResponse', () => {
  const cases: Record<string, { head: string; method?: string; body: ResponseHead['body']; keepAlive: boolean }> = {
    'by its length': { head: 'HTTP/1.1 200 OK\nContent-Length: 5', body: { kind: 'length', length: 5 }, keepAlive: true },
    'by chunks': { head: 'HTTP/1.1 200 OK\nTransfer-Encoding: Chunked', body: { kind: 'chunked' }, keepAlive: true },
    'until the connection ends': { head: 'HTTP/1.1 200 OK', body: { kind: 'until-close' }, keepAlive: false },
    'none after HEAD': { head: 'HTTP/1.1 200 OK\nContent-Length: 5', method: 'HEAD', body: { kind: 'none' }, keepAlive: true },
    'none with 204': { head: 'HTTP/1.1 204 No Content', body: { kind: 'none' }, keepAlive: true },
    'none with 304': { head: 'HTTP/1.1 304 Not Modified\nContent-Length: 5', body: { kind: 'none' }, keepAlive: true },
    'and the connection ends when it says so': {
      head: 'HTTP/1.1 200 OK\nContent-Length: 0\nConnection: Close',
      body: { kind: 'length', length: 0 },
      keepAlive: false,
    },
    'and the connection ends when it says so beside something else': {
      head: 'HTTP/1.1 200 OK\nContent-Length: 0\nConnection: close, keep-alive',
      body: { kind: 'length', length: 0 },
      keepAlive: false,
    },
    'none with 204 that announces a body, and the connection ends': {
      head: 'HTTP/1.1 204 No Content\nContent-Length: 5',
      body: { kind: 'none' },
      keepAlive: false,
    },
    'of HTTP/1.0 ends the connection': {
      head: 'HTTP/1.0 200 OK\nContent-Length: 1',
      body: { kind: 'length', length: 1 },
      keepAlive: false,
    },
    'of HTTP/1.0 that keeps the connection': {
      head: 'HTTP/1.0 200 OK\nContent-Length: 1\nConnection: keep-alive',
      body: { kind: 'length', length: 1 },
      keepAlive: true,
    },
  }
  for (const [name, { head, method, body, keepAlive }] of Object.entries(cases)) {
    it(`a response is measured ${name}`, () => {
      expect(interpret(head, method)).toMatchObject({ body, keepAlive })
    })
  }

  const broken: Record<string, string> = {
    'both framings': 'HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked',
    'two lengths': 'HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 5',
    'a list of lengths': 'HTTP/1.1 200 OK\nContent-Length: 5, 5',
    'a length that is no number': 'HTTP/1.1 200 OK\nContent-Length: -1',
    'another coding': 'HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked',
    'chunks in HTTP/1.0': 'HTTP/1.0 200 OK\nTransfer-Encoding: chunked',
    'a switch of protocols': 'HTTP/1.1 101 Switching Protocols',
  }
  for (const [name, head] of Object.entries(broken)) {
    it(`a response with ${name} is not believed`, () => {
      expect(interpret(head)).toBeTypeOf('string')
    })
  }
})
