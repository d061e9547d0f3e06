// Holds what is told of an Envoy that does not start, does not serve, or never puts in force what it is given; programs that behave so stand in its place.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Envoy, type EnvoyTiming, startEnvoy } from './supervisor.ts'

/** A program that answers at the admin socket of its bootstrap file: `answers` has a body for each page, and 503 for the others. */
function answering(answers: Readonly<Record<string, string>>): string {
  return `const answers = ${JSON.stringify(answers)}
const { admin } = JSON.parse(require('node:fs').readFileSync(process.argv[process.argv.indexOf('-c') + 1], 'utf8'))
require('node:http').createServer((request, response) => {
  const body = answers[request.url.split('?')[0]]
  response.writeHead(body === undefined ? 503 : 200).end(body)
}).listen(admin.address.pipe.path)`
}

function started(program: string, timing: Partial<EnvoyTiming> = {}): { readonly envoy: Envoy; readonly notes: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'supervisor-'))
  const path = join(folder, 'envoy')
  writeFileSync(path, `#!${process.execPath}\n${program}`)
  chmodSync(path, 0o755)
  const notes: string[] = []
  const envoy = startEnvoy({
    binary: { path, version: '1.40.0' },
    folder,
    node: { id: 'x' },
    ads: join(folder, 'ads.sock'),
    resolver: { ip: '127.0.0.1', port: 9 },
    onNote: (text) => notes.push(text),
    timing: { firstPause: 60_000, ...timing },
  })
  onTestFinished(async () => {
    await envoy.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { envoy, notes }
}

test('one that ends at once is told of in its own words, and is not waited for', async () => {
  const { envoy, notes } = started("process.stderr.write('critical: no such field\\n', () => process.exit(7))")
  await expect.poll(() => notes).toContain('Envoy ended with code 7; it is started again in 60000 ms, and until then nothing passes')
  await expect(envoy.ready()).rejects.toMatchObject({
    code: 'SLP5103',
    message: 'Envoy ended before it served: critical: no such field',
  })
})

test('one that answers and does not serve is given up', async () => {
  const { envoy } = started(answering({}), { ready: 200 })
  await expect(envoy.ready()).rejects.toMatchObject({ code: 'SLP5103', message: 'Envoy did not serve within 200 ms: it said nothing' })
})

const warming = { clusters: 'cluster_manager.warming_clusters', listeners: 'listener_manager.total_listeners_warming' } as const

const settling: Record<string, { readonly answers: Readonly<Record<string, string>>; readonly waits: readonly string[] }> = {
  'has put all in force': { answers: { '/stats': `${warming.clusters}: 0\n${warming.listeners}: 0\n` }, waits: [] },
  'waits for a cluster': {
    answers: { '/stats': `${warming.clusters}: 2\n${warming.listeners}: 0\n` },
    waits: ['cluster_manager.warming_clusters: 2'],
  },
  'does not say': { answers: {}, waits: ['it does not say what it is waiting for'] },
}

test.each(Object.entries(settling))('what is waited for at the deadline is told: one that %s', async (_name, { answers, waits }) => {
  const { envoy } = started(answering({ '/ready': 'LIVE', ...answers }), { settle: 300 })
  await envoy.ready()
  expect(await envoy.settled()).toEqual(waits)
})
