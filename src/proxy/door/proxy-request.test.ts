// Holds where the door believes that an HTTP proxy's client wants to go.
import { expect, test } from 'vitest'
import { readProxyRequest } from './proxy-request.ts'

const limits = { headers: 20, headBytes: 4096 }
const read = (text: string): unknown => {
  const bytes = Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1')
  const found = readProxyRequest(bytes, { start: 0, end: bytes.length, limits })
  return typeof found === 'string' ? found : `${found.kind} ${found.host} ${found.port}${found.isForAnother ? ', for another' : ''}`
}

const requests: Readonly<Record<string, readonly [request: string, place: string]>> = {
  'a tunnel': ['CONNECT a.test:443 HTTP/1.1\nHost: a.test:443\n\n', 'connect a.test 443'],
  'a tunnel to an IPv6 address': ['CONNECT [2001:db8::1]:443 HTTP/1.1\nHost: [2001:DB8::1]:443\n\n', 'connect 2001:db8::1 443'],
  'a tunnel whose Host leaves the port out': ['CONNECT A.test:443 HTTP/1.1\nHost: a.test\n\n', 'connect A.test 443'],
  'a tunnel by a request for another name': ['CONNECT a.test:443 HTTP/1.1\nHost: b.test:443\n\n', 'connect a.test 443, for another'],
  'a tunnel by a request for another port': ['CONNECT a.test:443 HTTP/1.1\nHost: a.test:8443\n\n', 'connect a.test 443, for another'],
  'a tunnel in HTTP/1.0, which needs no Host': ['CONNECT a.test:443 HTTP/1.0\n\n', 'connect a.test 443'],
  'and may have one': ['CONNECT a.test:443 HTTP/1.0\nHost: a.test:443\n\n', 'connect a.test 443'],
  'which has to agree': ['CONNECT a.test:443 HTTP/1.0\nHost: b.test\n\n', 'connect a.test 443, for another'],
  'half a head in HTTP/1.0': ['CONNECT a.test:443 HTTP/1.0\nA: b', 'more'],
  'a broken head in HTTP/1.0': ['CONNECT a.test:443 HTTP/1.0\nA : b\n\n', 'unreadable'],
  'a request in HTTP/1.0': ['GET http://a.test/ HTTP/1.0\n\n', 'unreadable'],
  'a tunnel without Host': ['CONNECT a.test:443 HTTP/1.1\nA: b\n\n', 'unreadable'],
  'a tunnel with an empty Host': ['CONNECT a.test:443 HTTP/1.1\nHost:\n\n', 'unreadable'],
  'a tunnel with two Hosts': ['CONNECT a.test:443 HTTP/1.1\nHost: a.test:443\nHost: a.test:443\n\n', 'unreadable'],
  'a tunnel without a port': ['CONNECT a.test HTTP/1.1\nHost: a.test\n\n', 'unreadable'],
  'a tunnel to port 0': ['CONNECT a.test:0 HTTP/1.1\nHost: a.test\n\n', 'unreadable'],
  'a tunnel to a URI': ['CONNECT http://a.test/ HTTP/1.1\nHost: a.test\n\n', 'unreadable'],
  'a tunnel with a body': ['CONNECT a.test:443 HTTP/1.1\nHost: a.test\nContent-Length: 3\n\nabc', 'unreadable'],
  'a tunnel with a chunked body': ['CONNECT a.test:443 HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\n\n0\n\n', 'unreadable'],
  'a tunnel with user info': ['CONNECT u@a.test:443 HTTP/1.1\nHost: a.test\n\n', 'unreadable'],
  'an absolute URI': ['GET http://a.test/x HTTP/1.1\nHost: a.test\n\n', 'request a.test 80'],
  'an absolute URI with a port': ['GET http://a.test:8000/x HTTP/1.1\nHost: a.test:8000\n\n', 'request a.test 8000'],
  'the URI counts, and its disagreement with Host is judged with the request': [
    'GET http://a.test/x HTTP/1.1\nHost: b.test\n\n',
    'request a.test 80',
  ],
  'a path, with Host': ['GET /x HTTP/1.1\nHost: a.test:81\n\n', 'request a.test 81'],
  'a path without Host': ['GET /x HTTP/1.1\nA: b\n\n', 'unreadable'],
  'half a head': ['GET http://a.test/x HTTP/1.1\nHost: a', 'more'],
  'nothing of HTTP': ['\u0016\u0003\u0001\n\n', 'unreadable'],
}

test.each(Object.entries(requests))('%s', (_, [request, place]) => {
  expect(read(request)).toBe(place)
})

test('a head without end is not waited for', () => {
  expect(read(`GET http://a.test/ HTTP/1.1\nA: ${'a'.repeat(5000)}`)).toBe('unreadable')
})
