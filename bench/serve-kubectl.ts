// Measures kubectl against ten thousand objects, beside the same kubectl at a server that only sends the same bytes again.
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generatorPath } from './generator.ts'
import { cpuOf } from './processes.ts'
import { medianOf, type Row } from './report.ts'
import type { Part } from './serve.ts'
import { type Served, startServed } from './served.ts'
import { startTalker } from './talk.ts'

export const kubectlMethod = `kubectl: \`kubectl get serviceentries\` with its 10,000 rows, in pages of 500 as it asks for them, with its discovery cached; beside it the same against a Node server that sends the bytes which
the first had answered, and does nothing else: what the client itself takes. Interleaved.`

const who = { ours: 'sallyport serve', replayed: 'the same bytes replayed' } as const

export async function measureKubectl(place: string, data: string, rounds: number): Promise<Part> {
  const served = await startServed(data)
  const replayer = await startTalker('replaying server', [
    process.execPath,
    generatorPath,
    'replay',
    JSON.stringify({ url: served.url, data }),
  ])
  const ours = kubectlAt(join(place, 'kubectl'), served, served.url)
  const replayed = kubectlAt(join(place, 'kubectl-replayed'), served, `https://127.0.0.1:${portOf(replayer.first)}`)
  // Discovery, and what is to be sent again.
  for (const run of [ours, replayed, replayed]) await run()
  const asked = JSON.stringify(await replayer.ask({}))
  const samples: { readonly ours: number[]; readonly replayed: number[]; readonly cpu: number[] } = { ours: [], replayed: [], cpu: [] }
  for (let round = 0; round < 3 * rounds; round++) {
    samples.replayed.push(await replayed())
    const before = cpuOf([served.program.pid])
    samples.ours.push(await ours())
    samples.cpu.push((cpuOf([served.program.pid]) - before) / 1e6)
  }
  if (JSON.stringify(await replayer.ask({})) !== asked) throw new Error('kubectl has asked for what was not recorded')
  await replayer.program.stop()
  await served.program.stop()
  const rows: readonly Row[] = [
    { who: who.ours, samples: samples.ours },
    { who: who.replayed, samples: samples.replayed },
  ]
  const table = { title: 'kubectl get', unit: 'ms', rows }
  const cpu = { title: 'CPU of the server for it', unit: 'ms', rows: [{ who: who.ours, samples: samples.cpu }] }
  const value = medianOf(table, who.ours) / medianOf(table, who.replayed)
  return { tables: [table, cpu], aims: [{ what: 'kubectl get, of the same bytes replayed', value, most: 1.1, unit: '×' }] }
}

function portOf(said: unknown): number {
  return (said as { readonly port: number }).port
}

/** With a home of its own. Resolves with the milliseconds that it took. */
function kubectlAt(home: string, { data, url }: Served, server: string): () => Promise<number> {
  mkdirSync(home, { recursive: true })
  const kubeconfig = join(home, 'config')
  writeFileSync(kubeconfig, readFileSync(join(data, 'kubeconfig'), 'utf8').replaceAll(url, server))
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, KUBECONFIG: kubeconfig }
  return () =>
    new Promise((resolve, reject) => {
      const began = performance.now()
      const child = spawn('kubectl', ['get', 'serviceentries', '-n', 'default'], { env, stdio: ['ignore', 'ignore', 'pipe'] })
      let said = ''
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
      child.once('error', reject)
      child.once('exit', (code) => {
        if (code === 0) resolve(performance.now() - began)
        else reject(new Error(`kubectl get ended with ${code ?? 'nothing'}: ${said}`))
      })
    })
}
