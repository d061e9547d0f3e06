// Holds what counts as HTTP/1.1 to a listener that looks first: what Envoy's http_inspector says, recorded on real Istio.
import { describe, expect, it } from 'vitest'
import { readRequestLine } from './http1.ts'

function read(text: string): ReturnType<typeof readRequestLine> {
  const bytes = Buffer.from(text, 'latin1')
  return readRequestLine(bytes, 0, bytes.length)
}

describe('readRequestLine', () => {
  const lines: Record<string, { text: string; method: string; target: string }> = {
    'a path': { text: 'GET /a?b HTTP/1.1\r\n', method: 'GET', target: '/a?b' },
    'an absolute URI': { text: 'GET http://a.example/ HTTP/1.1\r\n', method: 'GET', target: 'http://a.example/' },
    'a star': { text: 'OPTIONS * HTTP/1.1\r\n', method: 'OPTIONS', target: '*' },
    CONNECT: { text: 'CONNECT a.example:443 HTTP/1.1\r\n', method: 'CONNECT', target: 'a.example:443' },
    'a line that ends with LF alone': { text: 'GET / HTTP/1.1\n', method: 'GET', target: '/' },
    'the longest method': { text: 'UNSUBSCRIBE / HTTP/1.1\r', method: 'UNSUBSCRIBE', target: '/' },
    'several spaces, which the codec refuses later': { text: 'GET   /   HTTP/1.1\r\n', method: 'GET', target: '/' },
  }
  for (const [name, { text, method, target }] of Object.entries(lines)) {
    it(`takes ${name}`, () => {
      expect(read(text)).toEqual({ line: { method, target } })
    })
  }

  const others: Record<string, string> = {
    'HTTP/1.0': 'GET / HTTP/1.0\r\n',
    'HTTP/1.2': 'GET / HTTP/1.2\r\n',
    'http/1.1 in lower case': 'GET / http/1.1\r\n',
    'no version': 'GET /\r\n',
    'an empty line first': '\r\nGET / HTTP/1.1\r\n',
    'a target without leading slash': 'GET .. HTTP/1.1\r\n',
    'a target with bytes beyond ASCII': 'GET /\xe9 HTTP/1.1\r\n',
    'a method in lower case': 'get / HTTP/1.1\r\n',
    'a method that nobody knows': 'BREW / HTTP/1.1\r\n',
    'a method that only begins like one': 'GETS / HTTP/1.1\r\n',
    TLS: '\x16\x03\x01\x02\x00',
    SMTP: 'EHLO a.example\r\n',
    Redis: '*1\r\n$4\r\nPING\r\n',
    SSH: 'SSH-2.0-OpenSSH_9.2\r\n',
    'a tab': 'GET\t/ HTTP/1.1\r\n',
    'something after the version': 'GET / HTTP/1.1 x\r\n',
  }
  for (const [name, text] of Object.entries(others)) {
    it(`does not take ${name}`, () => {
      expect(read(text)).toHaveProperty('broken')
    })
  }

  it('tells the host when the head is whole and names one', () => {
    const line = { method: 'GET', target: '/' }
    expect(read('GET / HTTP/1.1\r\nA: b\r\nHOST: \ta.example \r\n\r\n')).toEqual({ line: { ...line, host: 'a.example' } })
    expect(read('GET / HTTP/1.1\r\nHost: a.example\r\n')).toEqual({ line })
    expect(read('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')).toEqual({ line })
    expect(read('GET / HTTP/1.1\r\nX-Host: a\r\n\r\n')).toEqual({ line })
    expect(read('GET / HTTP/1.1\r\nHost: a\nb\r\n\r\n')).toEqual({ line })
  })

  it('reads a value of blanks in time that grows with its length alone', () => {
    const blanks = ' '.repeat(200_000)
    expect(read(`GET / HTTP/1.1\r\nHost: a${blanks}b\r\n\r\n`)).toHaveProperty('line.host', `a${blanks}b`)
    expect(read(`GET / HTTP/1.1\r\nHost:${blanks}a${blanks}\r\n\r\n`)).toHaveProperty('line.host', 'a')
  })

  it('waits for more as long as it could still become one', () => {
    const text = 'PROPPATCH /a/b?c=d HTTP/1.1\r'
    for (let length = 0; length < text.length; length++) expect(read(text.slice(0, length))).toBe('more')
    expect(read(text)).toHaveProperty('line')
  })
})
