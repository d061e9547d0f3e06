// Measures the configuration server: the first push of ten thousand entries, and a change of one entry to five hundred streams.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { typeUrls } from '../src/xds/type-urls.ts'
import { generatorPath } from './generator.ts'
import { lateness } from './lateness.ts'
import type { Granted, Wish } from './load/xds-client.ts'
import type { Place } from './peers.ts'
import { cpuOf, freePorts, type Program, rssOf, start, stopAll } from './processes.ts'
import { median, quantile, type Section } from './report.ts'
import { writeEntries } from './scale-declarations.ts'
import { startTalker } from './talk.ts'

const FIRST_ENTRIES = 10_000
const STREAM_ENTRIES = 1000
const STREAMS = 500
const CHANGES = 40
const WARMING = 5
/** CPU that a server takes in a second in which it has nothing to do, at the most: looking how late its loop is takes the most of it. */
const IDLE_NS = 100e6

const method = `\`sallyport serve -f FOLDER\` with ServiceEntries of every usual kind in one file, and streams of the incremental protocol that ask for clusters, endpoints, listeners,
route tables, names and places. First push: from the opening of the first stream of a server that has translated and encoded nothing yet, as soon as it says that it serves, to the last byte of what traffic is judged by, with ${FIRST_ENTRIES} entries;
then to the last byte of names and places, too. Prepared: the same for a stream that comes when the server has been idle for a while, and has made beforehand what sidecars of the namespace of the declarations are told.
Change: ${CHANGES} times one of ${STREAM_ENTRIES} entries gets another endpoint; from before the file is written to the moment in which the last of ${STREAMS} streams has what has changed and has accepted it;
the wait for a file to have been quiet (20 ms) is part of it. Bytes: of messages, on one stream. Memory: what ${STREAMS} streams add to the server, for each. Loop: the longest that the server's event loop was
late during the changes (perf_hooks, 1 ms resolution, loaded from outside by --import).`

export async function measureXds({ folder }: Place, rounds: number): Promise<Section> {
  const first: Pushed[] = []
  const prepared: Pushed[] = []
  const streams: Streamed[] = []
  try {
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      first.push(await measureFirst(join(folder, 'xds'), false))
      prepared.push(await measureFirst(join(folder, 'xds'), true))
      streams.push(await measureStreams(join(folder, 'xds')))
    }
  } finally {
    await stopAll()
  }
  const of = <T>(list: readonly T[], value: (one: T) => number): readonly number[] => list.map(value)
  const changes = streams.flatMap(({ took }) => took)
  const rows = [
    {
      title: 'first push',
      unit: 'ms',
      rows: [
        {
          who: `${FIRST_ENTRIES} entries, one stream`,
          samples: of(first, ({ ms }) => ms),
          note: `${median(of(first, ({ megabytes }) => megabytes)).toFixed(1)} MB`,
        },
        { who: 'with names and places', samples: of(first, ({ allMs }) => allMs) },
        { who: 'prepared', samples: of(prepared, ({ ms }) => ms) },
        { who: 'prepared, with names and places', samples: of(prepared, ({ allMs }) => allMs) },
      ],
    },
    {
      title: 'change',
      unit: 'ms',
      rows: [
        { who: `one of ${STREAM_ENTRIES}, ${STREAMS} streams`, samples: changes, note: `p99 ${quantile(changes, 0.99).toFixed(0)} ms` },
      ],
    },
    { title: 'sent for a change', unit: 'B', rows: [{ who: 'on one stream', samples: of(streams, ({ bytes }) => bytes) }] },
    { title: 'memory', unit: 'kB', rows: [{ who: 'a stream', samples: of(streams, ({ kilobytes }) => kilobytes) }] },
    {
      title: 'event loop late',
      unit: 'ms',
      rows: [
        { who: 'during the first push', samples: of(first, ({ loop }) => loop) },
        { who: 'during a prepared one', samples: of(prepared, ({ loop }) => loop) },
        { who: 'during changes', samples: of(streams, ({ loop }) => loop) },
      ],
    },
  ]
  return {
    title: 'Configuration server',
    method,
    tables: rows,
    aims: [
      { what: 'first push', value: median(of(first, ({ ms }) => ms)), most: 2000, unit: 'ms' },
      { what: 'change to the last stream, p99', value: quantile(changes, 0.99), most: 250, unit: 'ms' },
      { what: 'bytes of a change on a stream', value: median(of(streams, ({ bytes }) => bytes)), most: 4096, unit: 'B' },
      { what: 'memory of a stream', value: median(of(streams, ({ kilobytes }) => kilobytes)), most: 300, unit: 'kB' },
      { what: 'event loop late during the first push', value: median(of(first, ({ loop }) => loop)), most: 20, unit: 'ms' },
      { what: 'event loop late during changes', value: median(of(streams, ({ loop }) => loop)), most: 20, unit: 'ms' },
    ],
  }
}

interface Pushed {
  readonly ms: number
  readonly megabytes: number
  readonly allMs: number
  readonly loop: number
}

async function measureFirst(folder: string, isPrepared: boolean): Promise<Pushed> {
  const { server, holder, late } = await startServer(folder, FIRST_ENTRIES)
  if (isPrepared) await untilIdle(server.pid)
  await late.begin()
  const began = process.hrtime.bigint()
  const traffic = await holder.wish({ open: 1 })
  const names = await holder.wish({ complete: true })
  const msTo = ({ at }: Granted): number => Number(BigInt(at) - began) / 1e6
  const loop = await late.end()
  await holder.program.stop()
  await server.stop()
  return { ms: msTo(traffic), megabytes: traffic.bytes / 1e6, allMs: msTo(names), loop }
}

interface Streamed {
  readonly took: readonly number[]
  readonly bytes: number
  readonly kilobytes: number
  readonly loop: number
}

async function measureStreams(folder: string): Promise<Streamed> {
  const { server, holder, late, change } = await startServer(folder, STREAM_ENTRIES)
  await untilIdle(server.pid)
  await holder.wish({ open: 1 })
  await holder.wish({ complete: true })
  await pause(3000)
  const before = rssOf([server.pid])
  await holder.wish({ open: STREAMS - 1 })
  await holder.wish({ complete: true })
  // Young garbage of the pushes is no part of what stays.
  const after = Math.min(...(await samplesOf(() => rssOf([server.pid]))))
  const took: number[] = []
  let bytes = 0
  for (let i = 0; i < WARMING + CHANGES; i++) {
    if (i === WARMING) {
      await late.begin()
      took.length = 0
    }
    const began = process.hrtime.bigint()
    change(`198.51.100.${2 + i}`)
    const granted = await holder.wish({ await: typeUrls.endpoint })
    took.push(Number(BigInt(granted.at) - began) / 1e6)
    bytes = granted.bytes / STREAMS
    await pause(150)
  }
  const loop = await late.end()
  await holder.program.stop()
  await server.stop()
  return { took, bytes, kilobytes: (after - before) / (STREAMS - 1) / 1000, loop }
}

export interface Holder {
  readonly program: Program
  wish(wish: Wish): Promise<Granted>
}

async function startServer(folder: string, count: number) {
  rmSync(folder, { recursive: true, force: true })
  const declarations = writeEntries(join(folder, 'policy'), count, 'one file')
  const late = lateness(join(folder, 'late'))
  const [port] = await freePorts(1)
  const address = `127.0.0.1:${port ?? 0}`
  const holder = await startHolder(address)
  const bin = join(import.meta.dirname, 'bin.js')
  const server = start(
    'sallyport serve',
    [process.execPath, '--import', late.script, bin, 'serve', '-f', declarations.folder, '--xds', address],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  while (!server.said().includes('configuration at')) {
    if (server.child.exitCode !== null) throw new Error(`sallyport serve has ended: ${server.said()}`)
    await pause(20)
  }
  return { server, holder, late, change: (to: string) => declarations.change(to) }
}

/** Until it has done nothing for a second. */
async function untilIdle(pid: number): Promise<void> {
  for (let before = -1, now = cpuOf([pid]); now > before; now = cpuOf([pid])) {
    before = now + IDLE_NS
    await pause(1000)
  }
}

/** `data`: the folder of a server of the API, at whose port configuration is served. */
export async function startHolder(address: string, data = ''): Promise<Holder> {
  const { program, ask } = await startTalker('holder of streams', [process.execPath, generatorPath, 'xds', address, data])
  return { program, wish: async (wish) => (await ask(wish)) as Granted }
}

async function samplesOf(read: () => number): Promise<readonly number[]> {
  const samples: number[] = []
  for (let i = 0; i < 10; i++) {
    await pause(300)
    samples.push(read())
  }
  return samples
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
