// Holds `sallyport flows` as a shell sees it: what it prints, where, and with which exit code.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandLine, type Files, openFiles, sallyport } from './cli.ts'

let files: Files
let sidecar: string
let gateway: string

const base = {
  kind: 'request',
  role: 'sidecar',
  opened: 1_767_323_045_000,
  durationMs: 12,
  source: { namespace: 'shop', workload: 'cart', labels: {}, address: '10.0.0.7:40000', authenticated: false },
  destination: '240.240.0.1:80',
  protocol: 'http',
  host: 'api.example.com',
  method: 'GET',
  requestPath: '/',
  verdict: 'allow',
  reason: { code: 'declared', text: 'a declaration names this destination' },
  by: { kind: 'VirtualService', namespace: 'egress', name: 'api', field: 'spec.http[0]', file: 'policy.yaml', line: 9 },
  path: 'gateway',
  redialled: true,
  bytesSent: 100,
  bytesReceived: 2000,
  status: 200,
  flag: '-',
}
const record = (id: string, closed: number, change: object = {}): string => `${JSON.stringify({ ...base, id, closed, ...change })}\n`

beforeAll(() => {
  files = openFiles()
  const refused = {
    verdict: 'deny',
    reason: { code: 'not-declared', text: 'nothing declares it' },
    path: 'none',
    status: 403,
    host: 'evil.example',
  }
  sidecar = files.write(
    'sidecar.jsonl',
    record('aaaaaaaa-1', 1) + record('bbbbbbbb-2', 3, refused) + record('cccccccc-3', 4, { status: 503 }),
  )
  gateway = files.write('gateway.jsonl', record('dddddddd-4', 2, { role: 'gateway', parent: 'aaaaaaaa-1', path: 'direct' }))
})
afterAll(() => files.remove())

const idsOf = (jsonl: string): readonly string[] => Array.from(jsonl.matchAll(/"id":"([^"]*)"/g), ([, id]) => id ?? '')

describe('what is printed', () => {
  test('one line for each flow, in the order of time', async () => {
    const { code, stdout, stderr } = await sallyport(['flows', sidecar, gateway])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n')).toHaveLength(5)
    expect(stdout.split('\n')[1]).toContain('gateway: shop/cart -> api.example.com:80 http GET / ALLOW 200 direct declared')
    expect(stdout.split('\n')[2]).toMatch(
      /-> evil\.example:80 http GET \/ DENY 403 not-declared by VirtualService egress\/api spec\.http\[0\] \(policy\.yaml:9\)$/,
    )
  })

  const cases: Record<string, { args: readonly string[]; ids: readonly string[] }> = {
    'the last ones': { args: ['--last', '1'], ids: ['cccccccc-3'] },
    'those of a filter': { args: ['--verdict', 'deny'], ids: ['bbbbbbbb-2'] },
    'those that a filter does not name': { args: ['--not', '--http-status', '2xx', '--to-fqdn', '*.com'], ids: ['cccccccc-3'] },
    'those that either of two filters names': { args: ['--http-status', '403', '--http-status', '5xx'], ids: ['bbbbbbbb-2', 'cccccccc-3'] },
    'none, which is no failure': { args: ['--to-fqdn', 'nobody'], ids: [] },
  }
  test.each(Object.entries(cases))('%s', async (_name, { args, ids }) => {
    const { code, stdout } = await commandLine(['flows', sidecar, '-o', 'jsonl', ...args])
    expect({ code, ids: idsOf(stdout) }).toEqual({ code: 0, ids })
  })

  test('a list of JSON, also an empty one', async () => {
    expect(JSON.parse((await commandLine(['flows', sidecar, '-o', 'json'])).stdout)).toHaveLength(3)
    expect(JSON.parse((await commandLine(['flows', sidecar, '-o', 'json', '--port', '1'])).stdout)).toEqual([])
  })

  test('sums by host, and by what is asked for', async () => {
    expect((await commandLine(['flows', sidecar, '--stats'])).stdout).toMatch(
      /^HOST .*\napi\.example\.com +2 +2 +0 .*\nevil\.example +1 +0 +1 /,
    )
    const { stdout } = await commandLine(['flows', sidecar, '--group-by', 'reason', '-o', 'json'])
    expect(JSON.parse(stdout)).toMatchObject([
      { key: 'declared', flows: 2 },
      { key: 'not-declared', flows: 1, denied: 1 },
    ])
  })

  test('all of one flow, with its record at the gateway', async () => {
    const { code, stdout } = await commandLine(['flows', '--explain', 'aaaaaaaa', sidecar, gateway])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ALLOW {2}shop\/cart -> GET http:\/\/api\.example\.com\/\n/)
    expect(stdout).toContain('by      VirtualService egress/api spec.http[0] (policy.yaml:9)')
    expect(stdout).toMatch(/after, at the gateway\n(.*\n)+ {2}id {6}dddddddd-4\n/)
  })

  test('standard input, followed to its end', async () => {
    const { code, stdout } = await sallyport(['flows', '-f', '-', '-o', 'jsonl'], record('x', 1) + record('y', 2))
    expect({ code, ids: idsOf(stdout) }).toEqual({ code: 0, ids: ['x', 'y'] })
  })
})

describe('what is wrong', () => {
  const cases: Record<string, { args: () => readonly string[]; code: number; says: RegExp }> = {
    'no source': { args: () => [], code: 2, says: /missing required argument 'source'/ },
    'a file that is not there': { args: () => [`${sidecar}x`], code: 4, says: /ENOENT.*\n.*fix: / },
    'an admin address where nobody listens': { args: () => ['127.0.0.1:1'], code: 3, says: /ECONNREFUSED/ },
    'a socket where nobody listens': { args: () => ['unix:/nowhere'], code: 3, says: /ENOENT/ },
    'a flow that nobody knows': { args: () => ['--explain', 'ffffffff', sidecar], code: 1, says: /no flow has the id/ },
    'a negation of nothing': { args: () => [sidecar, '--verdict', 'deny', '--not'], code: 2, says: /--not negates the next filter/ },
    'a filter that never matches': { args: () => [sidecar, '--reason', 'nonsense'], code: 2, says: /fix: choose one of declared/ },
    'a list without an end': { args: () => [sidecar, '-f', '-o', 'json'], code: 2, says: /jsonl/ },
  }
  test.each(Object.entries(cases))('%s', async (_name, { args, code, says }) => {
    expect(await commandLine(['flows', ...args()])).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(says) })
  })

  test('lines that are no records are left out and counted', async () => {
    const { code, stdout, stderr } = await sallyport(['flows', '-'], `garbage\n${record('x', 1)}`)
    expect({ code, lines: stdout.split('\n').length, stderr }).toEqual({
      code: 0,
      lines: 2,
      stderr: 'sallyport: 1 line is no flow record, and left out\n',
    })
  })
})
