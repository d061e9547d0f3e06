// Measures what too much load and slow clients do to a gateway whose heap is capped: memory, the latency of what is admitted, and recovery.
import { type Generator, startGenerator } from './generator.ts'
import type { Done, Job } from './load/jobs.ts'
import { type Place, startHttpOrigin } from './peers.ts'
import { freePorts, type Program, rssOf, stopAll, treeOf } from './processes.ts'
import { medianOf, type Section, type Table } from './report.ts'
import { startGateway, writeDeclarations } from './sallyport.ts'

const HOSTS = 100
const HEAP_MB = 128
/** Code, stacks and buffers, which no heap limit counts. */
const BESIDE_MB = 80
const CALM = 64
const TIMES = 10
const SLOW = 1000

const method = `\`sallyport gateway\` with a heap of ${HEAP_MB} MB. Usual load: ${CALM} connections that ask as soon as they are answered; overload: ${CALM * TIMES} such, for four seconds. Latency of
what was answered 200, seen by the client, after the first quarter of the time, in which the connections are made; beside it what was answered in each round, and the longest that the client's own event loop was late, which is in its latencies. Recovery: from the end of the overload to the first quarter of a second in which nothing fails and the p99 is at most twice the usual one.
Slow clients: ${SLOW} that send a request byte by byte, twice a second, and never end it; beside them 200 requests a second over 16 connections.`

export async function measureOverload(place: Place, rounds: number): Promise<Section> {
  try {
    return await measureAll(place, rounds)
  } finally {
    await stopAll()
  }
}

async function measureAll(place: Place, rounds: number): Promise<Section> {
  const [origin = 0, tcporigin = 0, http = 0, tcp = 0, sni = 0, admin = 0] = await freePorts(6)
  const declarations = writeDeclarations(place, { http, tcp, sni, origin, tcporigin }, { hosts: HOSTS, names: 1 })
  await startHttpOrigin(place, origin)
  const gateway = await startGateway(place, { declarations, port: http, admin, node: [`--max-old-space-size=${HEAP_MB}`] })
  const load = await startGenerator('load generator')
  const at = { host: '127.0.0.1', port: http }
  const pressed = (connections: number, seconds: number): Job => ({ job: 'pressed', at, connections, seconds, hosts: HOSTS })
  await load.run(pressed(CALM, 3))
  const usual: number[] = []
  const over: number[] = []
  const recovery: number[] = []
  const memory: number[] = []
  const notes: Done[] = []
  for (let round = 0; round < Math.ceil(rounds / 2); round++) {
    const calm = (await load.run(pressed(CALM, 2))).p99 ?? Number.NaN
    const [crowded, most] = await withMemory(gateway, load.run(pressed(CALM * TIMES, 4)))
    usual.push(calm)
    over.push(crowded.p99 ?? Number.NaN)
    memory.push(most / 1e6)
    notes.push(crowded)
    recovery.push(await recover(load, pressed(CALM, 0.25), calm))
  }
  const slow = await measureSlow(load, at, rounds)
  const latency: Table = {
    title: 'p99 of what is admitted',
    unit: 'ms',
    rows: [
      { who: 'usual load', samples: usual },
      {
        who: `${TIMES} × the usual load`,
        samples: over,
        note: notes.map(({ statuses, lateMs }) => `${JSON.stringify(statuses)}, client late ${lateMs?.toFixed(0)} ms`).join(' '),
      },
    ],
  }
  const after: Table = { title: 'recovery', unit: 's', rows: [{ who: 'Sallyport', samples: recovery }] }
  const resident: Table = { title: 'most resident memory', unit: 'MB', rows: [{ who: 'Sallyport', samples: memory }] }
  const ratioOf = (table: Table): number => medianOf(table, table.rows[1]?.who ?? '') / medianOf(table, table.rows[0]?.who ?? '')
  return {
    title: 'Overload',
    method,
    tables: [latency, after, resident, slow],
    aims: [
      { what: `p99 of what is admitted under ${TIMES} × the load`, value: ratioOf(latency), most: 5, unit: '×' },
      { what: 'recovery', value: Math.max(...recovery), most: 5, unit: 's' },
      { what: 'resident memory', value: Math.max(...memory), most: HEAP_MB + BESIDE_MB, unit: 'MB' },
      { what: `p99 beside ${SLOW} slow clients`, value: ratioOf(slow), most: 2, unit: '×' },
    ],
  }
}

/** The result, and the most memory that was seen meanwhile. */
async function withMemory<T>(program: Program, work: Promise<T>): Promise<[T, number]> {
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, rssOf(treeOf(program.pid)))
  }, 100)
  try {
    return [await work, most]
  } finally {
    clearInterval(timer)
  }
}

async function recover(load: Generator, job: Job, calm: number): Promise<number> {
  const began = performance.now()
  for (;;) {
    const { failed, p99 = Number.NaN } = await load.run(job)
    const seconds = (performance.now() - began) / 1000
    if ((failed === 0 && p99 <= 2 * calm) || seconds > 20) return seconds
  }
}

async function measureSlow(load: Generator, at: { readonly host: string; readonly port: number }, rounds: number): Promise<Table> {
  const slow = await startGenerator('slow clients')
  const healthy: Job = { job: 'paced', at, connections: 16, seconds: 2, rate: 200, hosts: HOSTS }
  const alone: number[] = []
  const beside: number[] = []
  for (let round = 0; round < rounds; round++) {
    alone.push((await load.run(healthy)).p99 ?? Number.NaN)
    await slow.run({ job: 'dribble', at, count: SLOW, everyMs: 500 })
    beside.push((await load.run(healthy)).p99 ?? Number.NaN)
    await slow.run({ job: 'release' })
  }
  return {
    title: 'p99 of a healthy client',
    unit: 'ms',
    rows: [
      { who: 'alone', samples: alone },
      { who: `beside ${SLOW} slow ones`, samples: beside },
    ],
  }
}
