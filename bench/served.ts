// Starts `sallyport serve` with the API as people do, and the clients that it has in a measurement.
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { generatorPath } from './generator.ts'
import { lateness, type Lateness } from './lateness.ts'
import type { ApiGranted, ApiPlace, ApiWish } from './load/api-client.ts'
import { readServed } from './load/served-files.ts'
import { type Program, start } from './processes.ts'
import { startTalker } from './talk.ts'

export interface Served extends ApiPlace {
  readonly program: Program
  readonly late: Lateness
  /** From the call to the words that say where the API is, */
  readonly startedMs: number
  /** and to where `/readyz` says that everything declared is read, too. */
  readonly readyMs: number
}

export interface ApiClients {
  readonly program: Program
  ask(wish: ApiWish): Promise<ApiGranted>
}

const START_MS = 120_000

export async function startServed(data: string): Promise<Served> {
  const late = lateness(`${data}.late`)
  const bin = join(import.meta.dirname, 'bin.js')
  const profile = process.env['BENCH_PROFILE']
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const began = performance.now()
  const command = [...profiling, '--import', late.script, bin, 'serve', '--data', data, '--listen', '127.0.0.1:0']
  const program = start('sallyport serve', [process.execPath, ...command])
  for (;;) {
    const url = /API at (https:\S+),/.exec(program.said())?.[1]
    if (url !== undefined) {
      const startedMs = performance.now() - began
      while (!(await isReady({ url, data }))) await new Promise((resolve) => setTimeout(resolve, 10))
      return { program, late, data, url, startedMs, readyMs: performance.now() - began }
    }
    if (program.child.exitCode !== null || performance.now() - began > START_MS)
      throw new Error(`sallyport serve does not serve: ${program.said()}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

function isReady({ url, data }: ApiPlace): Promise<boolean> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path: '/readyz', ca: readServed(data).authority, agent }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode === 200))
    })
    sent.once('error', reject).end()
  })
}

export async function startClients({ url, data }: Served): Promise<ApiClients> {
  const place: ApiPlace = { url, data }
  const { program, ask } = await startTalker('clients of the API', [process.execPath, generatorPath, 'api', JSON.stringify(place)])
  return { program, ask: async (wish) => (await ask(wish)) as ApiGranted }
}

/** The most that was resident at any time, in bytes. */
export function peakOf({ program }: Served): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))?.[1]) * 1024
}

/** Server-side apply of a ServiceEntry in the namespace `default`, in YAML. */
export function applyTo({ url, data }: Served, entry: string): Promise<void> {
  const { authority, token } = readServed(data)
  const { hostname, port } = new URL(url)
  const name = /^ {2}name: (\S+)$/m.exec(entry)?.[1] ?? ''
  const path = `/apis/networking.istio.io/v1/namespaces/default/serviceentries/${name}?fieldManager=bench&force=true`
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/apply-patch+yaml' }
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method: 'PATCH', ca: authority, headers, agent }, (response) => {
      response.resume().once('end', () => {
        if ((response.statusCode ?? 500) < 300) resolve()
        else reject(new Error(`${path}: ${response.statusCode ?? 0}`))
      })
    })
    sent.once('error', reject)
    sent.end(entry)
  })
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
