// Measures how soon what was applied over the API is enforced by a hundred proxies that have joined.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { typeUrls } from '../src/xds/index.ts'
import { generatorFile, generatorPath } from './generator.ts'
import { type Program, cpuOf, start, treeOf } from './processes.ts'
import { quantile, type Table } from './report.ts'
import { watchedEntry, watchedName } from './scale-declarations.ts'
import type { Part } from './serve.ts'
import { applyTo, type Served, startClients, startServed } from './served.ts'
import { startHolder } from './xds.ts'

const PROXIES = 100
const SIDECARS = 4
const KINDS = 10
const ENTRIES = 1000
const WARMING = 10
const CHANGES = 100
const ASKED_MS = 5

export const enforcedMethod = `Enforced: ${CHANGES} times one of ${ENTRIES} ServiceEntries is applied with another address, from before the request (server-side apply) until the last of ${PROXIES} proxies has it. ${SIDECARS} of them are whole sidecars,
\`sallyport run --join\`, whose sealed workload asks every ${ASKED_MS} ms for the name and is told the new address; the others are streams as proxies open them, each on a TLS connection of its own to the API's port, of ${KINDS} kinds of nodes, which accept what
they are sent and carry nothing out: a hundred sidecars would share two cores here, where in truth each has a machine of its own. The quiet time of 20 ms is part of it.`

export async function measureEnforced(place: string): Promise<Part> {
  const data = join(place, 'enforcing')
  const served = await startServed(data)
  const clients = await startClients(served)
  await clients.ask({ fill: ENTRIES - 1 })
  await clients.program.stop()
  await applyTo(served, watchedEntry('198.51.100.1'))
  const holder = await startHolder(new URL(served.url).host, data)
  await holder.wish({ open: PROXIES - SIDECARS, kinds: KINDS })
  await holder.wish({ complete: true })
  const sidecars: Sidecar[] = []
  for (let i = 0; i < SIDECARS; i++) sidecars.push(await startSidecar(place, served, i))
  const took: { readonly streams: number[]; readonly sidecars: number[]; readonly all: number[] } = { streams: [], sidecars: [], all: [] }
  const pids = (): number[] => [served.program.pid, ...sidecars.flatMap(({ program }) => treeOf(program.pid, generatorFile))]
  let before = { server: 0, all: 0 }
  const cpu = () => ({ server: cpuOf([served.program.pid]), all: cpuOf(pids()) })
  for (let i = 0; i < WARMING + CHANGES; i++) {
    if (i === WARMING) {
      for (const list of [took.streams, took.sidecars, took.all]) list.length = 0
      before = cpu()
      await served.late.begin()
    }
    const address = `198.51.100.${2 + (i % 250)}`
    const began = process.hrtime.bigint()
    const [granted, ...told] = await Promise.all([
      holder.wish({ await: typeUrls.endpoint }),
      ...sidecars.map((sidecar) => sidecar.until(address)),
      applyTo(served, watchedEntry(address)).then(() => 0n),
    ])
    const streams = Number(BigInt(granted.at) - began) / 1e6
    const whole = Math.max(...told.map((at) => Number(at - began) / 1e6))
    took.streams.push(streams)
    took.sidecars.push(whole)
    took.all.push(Math.max(streams, whole))
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  const loop = await served.late.end()
  const after = cpu()
  const ofServer = (after.server - before.server) / 1e6 / CHANGES
  const ofSidecar = (after.all - before.all - (after.server - before.server)) / 1e6 / CHANGES / SIDECARS
  await Promise.all([holder.program.stop(), ...sidecars.map(({ program }) => program.stop())])
  await served.program.stop()
  const row = (who: string, samples: readonly number[]) => ({ who, samples, note: `p99 ${quantile(samples, 0.99).toFixed(0)} ms` })
  const table: Table = {
    title: 'applied to enforced',
    unit: 'ms',
    rows: [row(`all ${PROXIES}`, took.all), row(`${SIDECARS} sidecars`, took.sidecars), row(`${PROXIES - SIDECARS} streams`, took.streams)],
  }
  const cpuRows = [
    { who: 'the server', samples: [ofServer], note: `loop late ${loop.toFixed(0)} ms` },
    { who: 'a sidecar, questions included', samples: [ofSidecar] },
  ]
  return {
    tables: [table, { title: 'CPU of an apply', unit: 'ms', rows: cpuRows }],
    aims: [{ what: `applied to enforced on ${PROXIES}, p99`, value: quantile(took.all, 0.99), most: 300, unit: 'ms' }],
  }
}

interface Sidecar {
  readonly program: Program
  /** When its workload was told this address, by the monotonic clock. */
  until(address: string): Promise<bigint>
}

async function startSidecar(place: string, { data }: Served, i: number): Promise<Sidecar> {
  const state = join(place, `state-${i}`)
  mkdirSync(state, { recursive: true })
  const bin = join(import.meta.dirname, 'bin.js')
  const joining = ['--join', '--kubeconfig', join(data, 'kubeconfig'), '--state-dir', state, '--node-name', 'bench', '--name', `bench-${i}`]
  const workload = [process.execPath, generatorPath, 'names', watchedName, String(ASKED_MS)]
  const program = start('sallyport run --join', [process.execPath, bin, 'run', ...joining, '--', ...workload], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const { stdout } = program.child
  if (!stdout) throw new Error('the workload has no pipe')
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  const sidecar: Sidecar = {
    program,
    async until(address) {
      for (;;) {
        const line = await lines.next()
        if (line.done === true) throw new Error(`sallyport run has ended: ${program.said()}`)
        const [told = '', at = '0'] = line.value.split(' ')
        if (told === address) return BigInt(at)
      }
    },
  }
  await sidecar.until('198.51.100.1')
  return sidecar
}
