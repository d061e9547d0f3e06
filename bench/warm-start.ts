// Measures a start without its xDS server: ten thousand ServiceEntries come from the last good file.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from './peers.ts'
import { type Program, start, stopAll } from './processes.ts'
import { medianOf, type Section } from './report.ts'
import { writeEntries } from './scale-declarations.ts'

const ENTRIES = 10_000
const program = join(import.meta.dirname, 'bin.js')
const withFile = `${ENTRIES} entries from the last good file`

export async function measureWarmStart({ folder }: Place, rounds: number): Promise<Section> {
  const place = join(folder, 'warm')
  const state = join(place, 'state')
  const address = join(place, 'xds.sock')
  mkdirSync(place)
  const { folder: policy } = writeEntries(join(place, 'policy'), ENTRIES, 'one file')
  const run = ['run', '--name', 'bench', '--xds', address, '--state-dir', state, '--', 'true']
  try {
    await fillFile(run, { policy, address, state })
    const warm: number[] = []
    const empty: number[] = []
    for (let round = 0; round < rounds; round++) {
      warm.push(timeOf(run))
      empty.push(timeOf(['run', '--', 'true']))
    }
    const bytes = sizeOf(state)
    const rows = [
      { who: withFile, samples: warm, note: `the file has ${(bytes / 1e6).toFixed(1)} MB` },
      { who: 'no declaration at all', samples: empty },
    ]
    const table = { title: 'start to end', unit: 'ms', rows }
    const aim = { what: `start with ${withFile}`, value: medianOf(table, withFile), most: 1000, unit: 'ms' }
    return { title: 'Start without the server', method, tables: [table], aims: [aim] }
  } finally {
    await stopAll()
  }
}

const method = `\`sallyport run --xds ADDR -- true\` while nobody serves at ADDR: the configuration is that which \`sallyport serve\` sent at another time. Wall time from the
call to the end.`

interface Served {
  readonly policy: string
  readonly address: string
  readonly state: string
}

/** Lets a server say everything once, and ends it. */
async function fillFile(run: readonly string[], { policy, address, state }: Served): Promise<void> {
  const server = start('sallyport serve', [
    process.execPath,
    program,
    'serve',
    '-f',
    policy,
    '--outbound',
    'REGISTRY_ONLY',
    '--xds',
    address,
  ])
  await untilSaid(server, 'configuration at')
  // Long enough for all that the server has to say: of what comes in many responses, the first are enough to begin with.
  timeOf([...run.slice(0, -1), 'sleep', '30'])
  await server.stop()
  if (sizeOf(state) === 0) throw new Error('sallyport run has kept nothing')
}

async function untilSaid(server: Program, text: string): Promise<void> {
  const end = performance.now() + 120_000
  while (!server.said().includes(text)) {
    if (performance.now() > end || server.child.exitCode !== null) throw new Error(`${server.name} does not serve: ${server.said()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function timeOf(args: readonly string[]): number {
  const began = performance.now()
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'pipe'], timeout: 120_000 })
  if (status !== 0) throw new Error(`sallyport ${args.join(' ')} ended with ${status ?? 'nothing'}: ${String(stderr)}`)
  return performance.now() - began
}

function sizeOf(state: string): number {
  return readdirSync(state).reduce((sum, name) => sum + statSync(join(state, name)).size, 0)
}
