// Proves what a route can change in a head, and that no change reaches what frames the message.
import { describe, expect, it } from 'vitest'
import type { HeaderChange } from '../../runtime/index.ts'
import { changeHeaderList, changeRequestHead, changeResponseHead, mirrorMessage, type RequestChanges } from './header-changes.ts'
import { OutBuffer } from './out-buffer.ts'
import { parseIp } from '../../base/index.ts'

function holding(lines: readonly string[]): OutBuffer {
  const out = new OutBuffer()
  out.text(lines.join('\r\n'))
  return out
}

function read(out: OutBuffer): readonly string[] {
  return out.bytes.toString('latin1', 0, out.length).split('\r\n')
}

const request = [
  'POST /old?q HTTP/1.1',
  'host: a.example',
  'x-a: 1',
  'x-a: 2',
  'content-length: 3',
  'x-envoy-attempt-count: 1',
  'te: trailers',
  '',
]

describe('changeRequestHead', () => {
  const untouched = request.slice(0, -1)
  const cases: Record<string, { readonly changes: RequestChanges; readonly expected: readonly string[] }> = {
    'set replaces all lines of the name': {
      changes: { headers: [{ kind: 'set', name: 'x-a', value: '3' }] },
      expected: [...untouched.filter((line) => !line.startsWith('x-a')), 'x-a: 3'],
    },
    'set adds a name that is not there': {
      changes: { headers: [{ kind: 'set', name: 'x-b', value: '3' }] },
      expected: [...untouched, 'x-b: 3'],
    },
    'append leaves what is there': {
      changes: { headers: [{ kind: 'append', name: 'x-a', value: '3' }] },
      expected: [...untouched, 'x-a: 3'],
    },
    'add-if-absent does nothing where the name is there': {
      changes: { headers: [{ kind: 'add-if-absent', name: 'x-a', value: '3' }] },
      expected: untouched,
    },
    'add-if-absent adds where it is not': {
      changes: { headers: [{ kind: 'add-if-absent', name: 'x-b', value: '' }] },
      expected: [...untouched, 'x-b: '],
    },
    'remove takes all lines of the name': {
      changes: { headers: [{ kind: 'remove', name: 'x-a' }] },
      expected: untouched.filter((line) => !line.startsWith('x-a')),
    },
    'changes count in their order': {
      changes: {
        headers: [
          { kind: 'remove', name: 'x-a' },
          { kind: 'append', name: 'x-a', value: '4' },
          { kind: 'set', name: 'x-a', value: '5' },
        ],
      },
      expected: [...untouched.filter((line) => !line.startsWith('x-a')), 'x-a: 5'],
    },
    'nothing that frames the message, is of one hop, or says where it goes can be changed': {
      changes: {
        headers: ['content-length', 'transfer-encoding', 'connection', 'te', 'upgrade', 'expect', 'trailer', 'host', 'keep-alive'].flatMap(
          (name): HeaderChange[] => [
            { kind: 'remove', name },
            { kind: 'set', name, value: 'x' },
            { kind: 'append', name, value: 'y' },
          ],
        ),
      },
      expected: untouched,
    },
    'what only a proxy may say cannot be changed': {
      changes: {
        headers: [
          { kind: 'set', name: 'x-envoy-attempt-count', value: '7' },
          { kind: 'set', name: 'x-sallyport-flow', value: 'forged' },
        ],
      },
      expected: untouched,
    },
    'a new path leaves the old one in a header': {
      changes: { path: '/new/x?q' },
      expected: ['POST /new/x?q HTTP/1.1', ...untouched.slice(1), 'x-envoy-original-path: /old?q'],
    },
    'a path beyond ASCII is percent-encoded': {
      changes: { path: '/\u00e9' },
      expected: ['POST /%C3%A9 HTTP/1.1', ...untouched.slice(1), 'x-envoy-original-path: /old?q'],
    },
    'a new authority leaves the old one in a header': {
      changes: { authority: 'b.example:8080' },
      expected: ['POST /old?q HTTP/1.1', 'host: b.example:8080', ...untouched.slice(2), 'x-envoy-original-host: a.example'],
    },
    'a path and an authority that are the same again are no change': {
      changes: { path: '/old?q', authority: 'a.example' },
      expected: untouched,
    },
    'a value beyond ASCII leaves as UTF-8': {
      changes: { headers: [{ kind: 'set', name: 'x-b', value: 'é' }] },
      expected: [...untouched, 'x-b: \u00c3\u00a9'],
    },
  }
  for (const [name, { changes, expected }] of Object.entries(cases)) {
    it(name, () => {
      const out = holding(request)
      changeRequestHead(out, changes)
      expect(read(out)).toEqual([...expected, ''])
    })
  }

  const broken: Record<string, RequestChanges> = {
    'a path with a space': { path: '/a b' },
    'a path with a line end': { path: '/a\r\nx: y' },
    'a path that is none': { path: 'a' },
    'an authority with a path': { authority: 'a.example/b' },
    'a value with a line end': { headers: [{ kind: 'set', name: 'x-b', value: 'a\r\nx: y' }] },
    'a value with NUL': { headers: [{ kind: 'set', name: 'x-b', value: 'a\0' }] },
    'a name with a space': { headers: [{ kind: 'set', name: 'x b', value: 'a' }] },
    'a name with a line end': { headers: [{ kind: 'append', name: 'x\r\ny', value: 'a' }] },
  }
  for (const [name, changes] of Object.entries(broken)) {
    it(`throws for ${name}, whatever a compiler let through`, () => {
      expect(() => changeRequestHead(holding(request), changes)).toThrow('no HTTP message can carry')
    })
  }
})

describe('changeResponseHead', () => {
  it('changes all but the framing, the date and the server', () => {
    const head = ['HTTP/1.1 200 OK', 'content-length: 2', 'server: envoy', 'date: now', 'x-a: 1', '', '']
    const out = holding(head)
    changeResponseHead(out, [
      { kind: 'remove', name: 'x-a' },
      { kind: 'set', name: 'server', value: 'x' },
      { kind: 'remove', name: 'date' },
      { kind: 'set', name: 'content-length', value: '9' },
      { kind: 'append', name: 'set-cookie', value: 'a=b' },
    ])
    expect(read(out)).toEqual(['HTTP/1.1 200 OK', 'content-length: 2', 'server: envoy', 'date: now', 'set-cookie: a=b', '', ''])
  })
})

describe('changeHeaderList', () => {
  it('does the same to an answer that is not written yet', () => {
    const changed = changeHeaderList(
      [['location', 'https://a.example/']],
      [
        { kind: 'set', name: 'x-a', value: '1' },
        { kind: 'set', name: 'transfer-encoding', value: 'chunked' },
      ],
    )
    expect(changed).toEqual([
      ['location', 'https://a.example/'],
      ['x-a', '1'],
    ])
  })
})

describe('mirrorMessage', () => {
  const message = Buffer.from(
    'POST / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 192.0.2.1\r\nx-sallyport-flow: f\r\ncontent-length: 2\r\n\r\nhi',
  )
  it('marks the copy as internal and as forwarded by this proxy, and tells the flow to a gateway only', () => {
    const address = parseIp('198.18.0.11')
    expect(mirrorMessage(message, { address }).toString()).toBe(
      'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nx-envoy-internal: true\r\nx-forwarded-for: 192.0.2.1,198.18.0.11\r\n\r\nhi',
    )
    expect(mirrorMessage(message, { address: undefined, flow: 'g' }).toString()).toContain('x-forwarded-for: 192.0.2.1\r\n')
    expect(mirrorMessage(message, { address, flow: 'g', workload: 'a/b' }).toString()).toMatch(
      /x-sallyport-flow: g\r\nx-sallyport-source: a\/b\r\n\r\nhi$/,
    )
  })
})
