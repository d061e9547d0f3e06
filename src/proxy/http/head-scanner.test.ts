// Holds what the scanner finds in heads, and that it finds it however the bytes are cut.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeadScanner, hasLineEnd } from './head-scanner.ts'
import { classifyHeaderName, headerKinds } from './header-name.ts'

interface Found {
  readonly end: number
  readonly first: string
  readonly lines: readonly string[]
}

function found(scanner: HeadScanner, bytes: Buffer, end: number, first: string): Found {
  const lines = Array.from({ length: scanner.count }, (_, line) => {
    const name = bytes.toString('latin1', scanner.nameStart(line), scanner.nameEnd(line))
    const value = bytes.toString('latin1', scanner.valueStart(line), scanner.valueEnd(line))
    return `${name}=${value} (${headerKinds[scanner.kind(line)]})`
  })
  return { end, first, lines }
}

function scan(text: string): Found | 'more' | { status: number } {
  const scanner = new HeadScanner(10)
  const bytes = Buffer.from(text, 'latin1')
  const end = scanner.scanRequest(bytes, 0, bytes.length)
  if (end === 0) return 'more'
  if (end < 0) return { status: scanner.problem?.status ?? 0 }
  const method = bytes.toString('latin1', scanner.methodStart, scanner.methodEnd)
  const target = bytes.toString('latin1', scanner.targetStart, scanner.targetEnd)
  return found(scanner, bytes, end, `${method} ${target}`)
}

function scanResponse(text: string): Found | 'more' | 'broken' {
  const scanner = new HeadScanner(10)
  const bytes = Buffer.from(text, 'latin1')
  const end = scanner.scanResponse(bytes, 0, bytes.length)
  if (end <= 0) return end === 0 ? 'more' : 'broken'
  return found(scanner, bytes, end, String(scanner.status))
}

const head = 'GET /a?b HTTP/1.1\r\nHost: a.example\r\nX-A:b\r\nX-Empty:\r\nX-Spaces: \t b c \t\r\n\r\n'

describe('scanRequest', () => {
  it('finds method, target and lines, without the space around values', () => {
    expect(scan(`${head}body`)).toEqual({
      end: head.length,
      first: 'GET /a?b',
      lines: ['Host=a.example (host)', 'X-A=b (other)', 'X-Empty= (other)', 'X-Spaces=b c (other)'],
    })
  })

  it('takes bytes above ASCII in values as they are', () => {
    expect(scan('GET / HTTP/1.1\r\nX: \xe4\xff\r\n\r\n')).toMatchObject({ lines: ['X=\xe4\xff (other)'] })
  })

  it('waits for every byte of a head', () => {
    for (let length = 0; length < head.length; length++) expect(scan(head.slice(0, length))).toBe('more')
  })

  const refused: Record<string, { text: string; status: number }> = {
    'HTTP/1.0': { text: 'GET / HTTP/1.0\r\n', status: 426 },
    'a later minor version': { text: 'GET / HTTP/1.2\r\n', status: 505 },
    'another major version': { text: 'GET / HTTP/2.0\r\n', status: 505 },
    'too many lines': { text: `GET / HTTP/1.1\r\n${'a:b\r\n'.repeat(11)}`, status: 431 },
    'a NUL in a value': { text: 'GET / HTTP/1.1\r\na:\0\r\n', status: 400 },
    'a bare LF': { text: 'GET / HTTP/1.1\na:b\n\n', status: 400 },
  }
  for (const [name, { text, status }] of Object.entries(refused)) {
    it(`refuses ${name} with ${status}, before the head is complete`, () => {
      expect(scan(text)).toEqual({ status })
    })
  }

  it('never finds a head in a beginning that it does not find in the whole', () => {
    const pieces = fc.constantFrom(
      'GET',
      ' ',
      '/',
      'HTTP/1.1',
      '\r\n',
      '\r',
      '\n',
      'Host: a',
      'a:b',
      ':',
      '\0',
      '\t',
      'x',
      '\r\n\r\n',
      '\x80',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 20 }), fc.boolean(), (parts, begins) => {
        const text = (begins ? 'GET / HTTP/1.1\r\n' : '') + parts.join('')
        const whole = scan(text)
        for (let length = 0; length <= text.length; length++) {
          const part = scan(text.slice(0, length))
          // Whatever is settled by a beginning stays so.
          if (part !== 'more') expect(part).toEqual(whole)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('does not look beyond the end that it is given', () => {
    const bytes = Buffer.from(`${head}${head}`, 'latin1')
    const scanner = new HeadScanner(10)
    expect(scanner.scanRequest(bytes, 0, head.length - 1)).toBe(0)
    expect(scanner.scanRequest(bytes, head.length, bytes.length)).toBe(bytes.length)
  })
})

describe('scanResponse', () => {
  const cases: Record<string, { text: string; expected: ReturnType<typeof scanResponse> }> = {
    'an ordinary head': { text: 'HTTP/1.1 200 OK\r\nA: b\r\n\r\n', expected: { end: 25, first: '200', lines: ['A=b (other)'] } },
    'no reason phrase': { text: 'HTTP/1.1 404\r\n\r\n', expected: { end: 16, first: '404', lines: [] } },
    'an empty reason phrase': { text: 'HTTP/1.0 404 \r\n\r\n', expected: { end: 17, first: '404', lines: [] } },
    'half a status': { text: 'HTTP/1.1 20', expected: 'more' },
    'no status': { text: 'HTTP/1.1\r\n\r\n', expected: 'broken' },
    'a status of four digits': { text: 'HTTP/1.1 2000 OK\r\n\r\n', expected: 'broken' },
    'a status below 100': { text: 'HTTP/1.1 099 X\r\n\r\n', expected: 'broken' },
    'a status that is no number': { text: 'HTTP/1.1 2x0 X\r\n\r\n', expected: 'broken' },
    'another protocol': { text: 'SSH-2.0-OpenSSH\r\n', expected: 'broken' },
    'HTTP/2': { text: 'HTTP/2 200\r\n\r\n', expected: 'broken' },
    'a line that is folded': { text: 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', expected: 'broken' },
  }
  for (const [name, { text, expected }] of Object.entries(cases)) {
    it(`${expected === 'broken' ? 'refuses' : 'reads'} ${name}`, () => {
      expect(scanResponse(text)).toEqual(expected)
    })
  }
})

describe('classifyHeaderName', () => {
  it('knows its names in every case, and no others', () => {
    for (const kind of headerKinds) {
      if (kind === 'other' || kind.endsWith('*')) continue
      for (const spelling of [kind, kind.toUpperCase(), `${kind[0]?.toUpperCase()}${kind.slice(1)}`]) {
        const bytes = Buffer.from(spelling, 'latin1')
        expect(headerKinds[classifyHeaderName(bytes, 0, bytes.length)]).toBe(kind)
      }
      const longer = Buffer.from(`${kind}x`, 'latin1')
      expect(headerKinds[classifyHeaderName(longer, 0, longer.length)]).not.toBe(kind)
    }
    const envoy = Buffer.from('X-Envoy-Anything', 'latin1')
    expect(headerKinds[classifyHeaderName(envoy, 0, envoy.length)]).toBe('x-envoy-*')
  })
})

describe('hasLineEnd', () => {
  it('looks only between its bounds', () => {
    const bytes = Buffer.from('ab\ncd\n')
    expect([hasLineEnd(bytes, 0, 2), hasLineEnd(bytes, 0, 3), hasLineEnd(bytes, 3, 5), hasLineEnd(bytes, 3, 6)]).toEqual([
      false,
      true,
      false,
      true,
    ])
  })
})
