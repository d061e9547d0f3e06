// Holds how flows are printed: the words of a line, that nothing a stranger sent reaches the terminal raw, and the sums.
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { formatBytes, formatColumns, formatMs } from './columns.ts'
import { FlowGroups, groupings, mostGroups } from './flow-groups.ts'
import { formatItem } from './flow-text.ts'
import type { Item } from './record-line.ts'
import { recordOf, refusedPackets, tlsRecord } from './record.test-kit.ts'

/** Colours depend on where the tests run. */
function print(item: Item, format: 'compact' | 'wide' | 'table' = 'compact'): string {
  return stripVTControlCharacters(formatItem(item, format, Date.UTC(2026, 0, 2))).replace(/^\S*( ?\d\d:\d\d:\d\d\.\d{3})/, 'TIME')
}

const lines: Record<string, { item: Item; line: string }> = {
  'an allowed request': {
    item: recordOf(),
    line: 'TIME shop/cart -> api.example.com:80 http GET /v1?q=1 ALLOW 200 direct declared by ServiceEntry egress/api spec.hosts[0] (policy.yaml:9)',
  },
  'a refused request': {
    item: recordOf({ verdict: 'deny', reason: { code: 'not-declared', text: '' }, path: 'none', status: 403, by: undefined as never }),
    line: 'TIME shop/cart -> api.example.com:80 http GET /v1?q=1 DENY 403 not-declared',
  },
  'a TLS connection at a gateway that failed': {
    item: { ...tlsRecord, role: 'gateway', path: 'gateway', flag: 'UF,URX' },
    line: 'TIME gateway: shop/cart -> api.example.com:443 tls ALLOW gateway UF,URX declared by ServiceEntry egress/api spec.hosts[0] (policy.yaml:9)',
  },
  'packets that were counted together': {
    item: refusedPackets,
    line: 'TIME shop/cart -> 192.0.2.53:53 udp ×7 DENY protocol-not-carried',
  },
  'what a stranger sent is shown, not obeyed': {
    item: recordOf({ host: 'a\u001b[2Jb', requestPath: '/\r\u202e', by: undefined as never }),
    line: 'TIME shop/cart -> a\\x1b[2Jb:80 http GET /\\x0d\\u202e ALLOW 200 direct declared',
  },
  'lost records': {
    item: { kind: 'lost', count: 3, closed: 0 },
    line: 'TIME 3 records are missing here: they came too fast to be written',
  },
}

test.each(Object.entries(lines))('%s', (_name, { item, line }) => {
  expect(print(item)).toBe(line)
})

test('the wide form says where it went and spells the flags out', () => {
  const line = print({ ...tlsRecord, flag: 'UF,URX' }, 'wide')
  expect(line).toContain('id=f0000001 dialled=240.240.0.1:443 upstream=192.0.2.10:80')
  expect(line).toContain('flag="UF,URX: upstream connection failure after all TCP connection attempts"')
})

test('sums of flows, packets counted each', () => {
  const groups = new FlowGroups(groupings.host)
  for (let index = 1; index <= 20; index++) groups.add(recordOf({ durationMs: index }))
  groups.add(refusedPackets)
  expect(groups.groups()).toMatchObject([
    { key: 'api.example.com', flows: 20, denied: 0, bytesSent: 2000, bytesReceived: 40_000, p50: 10, p95: 19 },
    { key: '192.0.2.53', flows: 7, denied: 7 },
  ])
})

test('names that strangers make up do not fill the memory', () => {
  const groups = new FlowGroups(groupings.host)
  for (let index = 0; index < mostGroups + 5; index++) groups.add(recordOf({ host: `h${index}.example` }))
  expect(groups.groups()).toHaveLength(mostGroups + 1)
  expect(groups.groups()[0]).toMatchObject({ key: '(others)', flows: 5 })
})

describe('numbers', () => {
  const bytes: Record<number, string> = { 0: '0 B', 999: '999 B', 1000: '1.0 kB', 12_345: '12 kB', 999_600: '1.0 MB', 5e13: '50 TB' }
  test.each(Object.entries(bytes))('%s bytes', (value, text) => {
    expect(formatBytes(Number(value))).toBe(text)
  })
  const times: Record<number, string> = { 0: '0 ms', 999: '999 ms', 1250: '1.3 s', 120_000: '2 min' }
  test.each(Object.entries(times))('%s milliseconds', (value, text) => {
    expect(formatMs(Number(value))).toBe(text)
  })
  test('stand right, names left', () => {
    expect(
      formatColumns(
        ['NAME', 'N'],
        [
          ['a', '100'],
          ['long name', '2'],
        ],
      ),
    ).toBe('NAME         N\na          100\nlong name    2\n')
  })
})
