// Holds that a record's line is the record, in ASCII, whatever its texts are.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FlowRecord } from '../flow/index.ts'
import { formatRecord } from './record-line.ts'
import { sampleRecord } from './sample-record.ts'

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constant('"\\\n\u2028é\u007f'))
const texts = [
  'id',
  'connection',
  'parent',
  'destination',
  'host',
  'sni',
  'method',
  'requestPath',
  'cluster',
  'upstream',
  'upstreamLocal',
  'details',
] as const
const record: fc.Arbitrary<FlowRecord> = fc
  .record(
    {
      kind: fc.constantFrom('connection', 'request', 'packets', 'query'),
      verdict: fc.constantFrom('allow', 'deny'),
      reason: fc.record({ code: fc.constantFrom('declared', 'not-declared'), text }),
      by: fc.record(
        { kind: text, namespace: text, name: text, field: text, file: text, line: fc.nat() },
        { requiredKeys: ['kind', 'namespace', 'name'] },
      ),
      source: fc.record(
        { namespace: text, workload: text, labels: fc.dictionary(text, text), address: text, authenticated: fc.boolean(), principal: text },
        { requiredKeys: ['namespace', 'workload', 'labels', 'address', 'authenticated'] },
      ),
      opened: fc.nat({ max: 2 ** 42 }),
      durationMs: fc.nat(),
      bytesSent: fc.nat(),
      status: fc.nat({ max: 599 }),
      redialled: fc.boolean(),
      ...(Object.fromEntries(texts.map((name) => [name, text])) as Record<(typeof texts)[number], typeof text>),
    },
    { requiredKeys: [] },
  )
  .map((change) => sampleRecord(change as Partial<FlowRecord>))

test('what a line says is what the record says, in ASCII', () => {
  fc.assert(
    fc.property(record, (each) => {
      const line = formatRecord(each)
      // A second time, from what is remembered.
      expect(formatRecord(each)).toBe(line)
      expect(line).toMatch(/^[\x20-\x7e]*$/)
      expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(each)))
    }),
  )
})
