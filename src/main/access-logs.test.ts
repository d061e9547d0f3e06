// Holds that the access log follows the declarations while flows are recorded.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Watchable } from '../base/index.ts'
import type { FlowRecord } from '../flow/index.ts'
import type { AccessLogPlan } from '../model/index.ts'
import { flowClosed } from '../telemetry/index.ts'
import { followAccessLogs } from './access-logs.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-logs-'))
afterAll(() => rmSync(folder, { recursive: true }))

const record: FlowRecord = {
  kind: 'connection',
  id: 'a',
  opened: 0,
  closed: 1,
  durationMs: 1,
  role: 'sidecar',
  source: { namespace: 'default', workload: 'client', labels: {}, address: '198.51.100.1:1', authenticated: false },
  destination: '203.0.113.1:80',
  protocol: 'tcp',
  verdict: 'deny',
  reason: { code: 'not-declared', text: 'nothing declares it' },
  path: 'none',
  redialled: false,
  bytesSent: 0,
  bytesReceived: 0,
  flag: 'UH',
}

test('a log is written from when it is declared until it is not', async () => {
  const [a, b] = [join(folder, 'a'), join(folder, 'b')]
  const plans = new Watchable<readonly AccessLogPlan[]>([{ path: a, encoding: 'TEXT' }])
  const close = followAccessLogs(plans)
  const tell = (): void => flowClosed.publish({ record, access: undefined })
  tell()
  plans.set([
    { path: a, encoding: 'TEXT' },
    { path: b, encoding: 'JSON' },
  ])
  tell()
  plans.set([{ path: b, encoding: 'JSON' }])
  tell()
  await close()
  tell()
  const lines = (path: string): string[] => readFileSync(path, 'utf8').trim().split('\n')
  await expect.poll(() => lines(a).length).toBe(2)
  expect(lines(b)).toHaveLength(2)
  expect(JSON.parse(lines(b)[0] ?? '')).toMatchObject({ response_flags: 'UH' })
})

test('a log that cannot be opened is an error at the beginning', () => {
  const plans = new Watchable<readonly AccessLogPlan[]>([{ path: join(folder, 'no', 'where'), encoding: 'TEXT' }])
  expect(() => followAccessLogs(plans)).toThrow('cannot open')
})
