// Measures how a sidecar bears a hundred, a thousand and ten thousand ServiceEntries: its start, its memory, and a change of one among them.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { generatorFile, generatorPath } from './generator.ts'
import { lateness, type Lateness } from './lateness.ts'
import type { Place } from './peers.ts'
import { cpuOf, type Program, rssOf, start, stopAll, treeOf } from './processes.ts'
import { type Aim, median, quantile, type Row, type Section } from './report.ts'
import { type Declarations, type Layout, watchedName, writeEntries } from './scale-declarations.ts'

const counts = [100, 1000, 10_000]
const layouts: readonly Layout[] = ['one file', 'a file each']
const CHANGES = 60
const WARMING = 10
const SETTLE_MS = 1500

const method = `\`sallyport run -f FOLDER\` with ServiceEntries of every usual kind in one file, or in a file each. Start: from the call to the first answer of
the workload's resolver. Change: ${CHANGES} times one entry gets another address; from the moment in which the file has been written (3 MB of one file take as long as all
that follows, and are the writer's) to that in which the workload, asking every millisecond, is told the new one. The wait for a file to have been quiet (20 ms) is part of it. Loop: the longest that the sidecar's event loop was late in all of these
changes (perf_hooks, 1 ms resolution, loaded from outside by --import). CPU: of the sidecar, for each change, asking included.`

export async function measureScale({ folder }: Place): Promise<Section> {
  const found: Found[] = []
  try {
    for (const layout of layouts) for (const count of counts) found.push(await measureOne(join(folder, 'scale'), count, layout))
  } finally {
    await stopAll()
  }
  const rows = (of: (one: Found) => readonly number[], note?: (one: Found) => string): readonly Row[] =>
    found.map((one) => ({ who: `${one.count} in ${one.layout}`, samples: of(one), ...(note && { note: note(one) }) }))
  return {
    title: 'Scale',
    method,
    tables: [
      { title: 'start', unit: 'ms', rows: rows(({ started }) => [started]) },
      { title: 'memory', unit: 'MB', rows: rows(({ rss }) => [rss]) },
      {
        title: 'change',
        unit: 'ms',
        rows: rows(
          ({ changes }) => changes,
          ({ changes, loop }) => `p99 ${quantile(changes, 0.99).toFixed(0)} ms, loop ${loop.toFixed(0)} ms`,
        ),
      },
      { title: 'CPU of a change', unit: 'ms', rows: rows(({ cpu }) => [cpu]) },
    ],
    aims: found.flatMap((one) => aimsOf(one, found)),
  }
}

interface Found {
  readonly count: number
  readonly layout: Layout
  /** Milliseconds. */
  readonly started: number
  /** Megabytes. */
  readonly rss: number
  readonly changes: readonly number[]
  readonly cpu: number
  readonly loop: number
}

function aimsOf({ count, layout, started, rss, changes, loop }: Found, found: readonly Found[]): Aim[] {
  if (count !== counts.at(-1)) return []
  const least = found.find((one) => one.layout === layout && one.count === counts[0])
  const of = `${count} entries in ${layout}`
  return [
    { what: `${of}: start`, value: started, most: 3000, unit: 'ms' },
    { what: `${of}: memory`, value: rss, most: 300, unit: 'MB' },
    { what: `${of}: change, p99`, value: quantile(changes, 0.99), most: 50, unit: 'ms' },
    { what: `${of}: event loop late`, value: loop, most: 20, unit: 'ms' },
    { what: `${of}: change beside ${counts[0]} entries`, value: median(changes) / median(least?.changes ?? []), most: 2, unit: '×' },
  ]
}

async function measureOne(folder: string, count: number, layout: Layout): Promise<Found> {
  rmSync(folder, { recursive: true, force: true })
  const declarations = writeEntries(join(folder, 'policy'), count, layout)
  const late = lateness(join(folder, 'late'))
  const began = process.hrtime.bigint()
  const watcher = await startWatcher(declarations, late)
  const started = Number(watcher.first - began) / 1e6
  await settle()
  // Young garbage of the start is no part of what stays.
  const rss = Math.min(...(await samplesOf(() => rssOf(sidecarOf(watcher.program)) / 1e6)))
  for (let i = 0; i < WARMING; i++) await change(declarations, watcher, i)
  await late.begin()
  await settle()
  const changes: number[] = []
  const cpuBefore = cpuOf(sidecarOf(watcher.program))
  for (let i = 0; i < CHANGES; i++) changes.push(await change(declarations, watcher, WARMING + i))
  const cpu = (cpuOf(sidecarOf(watcher.program)) - cpuBefore) / 1e6 / CHANGES
  await settle()
  const loop = await late.end()
  await watcher.program.stop()
  return { count, layout, started, rss, changes, cpu, loop }
}

async function samplesOf(read: () => number): Promise<readonly number[]> {
  const samples: number[] = []
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    samples.push(read())
  }
  return samples
}

interface Watcher {
  readonly program: Program
  /** When the first answer came, by the monotonic clock. */
  readonly first: bigint
  /** The next answer. */
  next(): Promise<{ readonly address: string; readonly at: bigint }>
}

async function startWatcher({ folder }: Declarations, late: Lateness): Promise<Watcher> {
  const bin = join(import.meta.dirname, 'bin.js')
  const node = [process.execPath, '--import', late.script] as const
  const run = [bin, 'run', '--name', 'bench', '--outbound', 'REGISTRY_ONLY', '-f', folder] as const
  const program = start('sallyport run', [...node, ...run, '--', process.execPath, generatorPath, 'names', watchedName], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const { stdout } = program.child
  if (!stdout) throw new Error('the workload has no pipe')
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const line = await lines.next()
    if (line.done === true) throw new Error(`sallyport run has ended: ${program.said()}`)
    const [address = '', at = '0'] = line.value.split(' ')
    return { address, at: BigInt(at) }
  }
  return { program, first: (await next()).at, next }
}

async function change(declarations: Declarations, watcher: Watcher, i: number): Promise<number> {
  const address = `198.51.100.${2 + (i % 250)}`
  declarations.change(address)
  const began = process.hrtime.bigint()
  for (;;) {
    const told = await watcher.next()
    if (told.address !== address) continue
    // The next change is not to fall into what this one has left to do.
    await new Promise((resolve) => setTimeout(resolve, 100))
    return Number(told.at - began) / 1e6
  }
}

function sidecarOf({ pid }: Program): readonly number[] {
  return treeOf(pid, generatorFile).slice(0, 1)
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
}
