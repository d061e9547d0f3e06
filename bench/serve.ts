// Measures the API of `sallyport serve`: writes, lists, watches and starts with ten thousand objects, kubectl, and how soon what was applied is enforced.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { enforcedMethod, measureEnforced } from './serve-enforced.ts'
import { kubectlMethod, measureKubectl } from './serve-kubectl.ts'
import type { Place } from './peers.ts'
import { cpuOf, rssOf, stopAll } from './processes.ts'
import { type Aim, median, medianOf, quantile, type Row, type Section, type Table } from './report.ts'
import { type ApiClients, peakOf, type Served, startClients, startServed } from './served.ts'

const OBJECTS = 10_000
const WRITES = 400
const CLIENTS = 8
const WATCHERS = 1000
const CHANGES = 15
const LISTS = 10
const listPath = '/apis/networking.istio.io/v1/namespaces/default/serviceentries'

const method = `\`sallyport serve\` with the API, asked over HTTPS by clients in another process. Objects: ${OBJECTS} ServiceEntries of every usual kind, each a declaration that is read
and put into force. Writes: ServiceEntries, the answer awaited by each client before its next; every answer is given after its own write is on disk (200 writes a second are 5 ms each). List: the whole answer in one piece, the client's reading included;
the first after a start has to be made from what is stored. Fan-out: a ConfigMap changes, from before the request to the moment in which the last of ${WATCHERS} watchers, each with a connection of its own, has the event.
Start: from the call to the words that the API is there, and to where \`/readyz\` says that all that is declared is read and served, with the ${OBJECTS} objects in the store; memory: resident, once it is idle again. CPU: of the server.
${kubectlMethod}
${enforcedMethod}`

export async function measureServe({ folder }: Place, rounds: number): Promise<Section> {
  const place = join(folder, 'serve')
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  const data = join(place, 'data')
  const filled = join(place, 'filled')
  const tables: Table[] = []
  const aims: Aim[] = []
  const add = (part: Part): void => {
    tables.push(...part.tables)
    aims.push(...part.aims)
  }
  try {
    add(await measureWrites(data, rounds))
    await fill(filled)
    add(await measureStarts(filled, rounds))
    add(await measureReads(filled))
    add(await measureKubectl(place, filled, rounds))
    add(await measureEnforced(place))
  } finally {
    await stopAll()
  }
  return { title: 'API server', method, tables, aims }
}

export interface Part {
  readonly tables: readonly Table[]
  readonly aims: readonly Aim[]
}

async function measureWrites(data: string, rounds: number): Promise<Part> {
  const served = await startServed(data)
  const clients = await startClients(served)
  const rows: Row[] = []
  const cpu: Row[] = []
  const measure = async (who: string, count: number, verb: 'create' | 'apply'): Promise<void> => {
    const samples: number[] = []
    const spent: number[] = []
    const took: number[] = []
    for (let round = 0; round < rounds; round++) {
      const before = cpuOf([served.program.pid])
      const granted = await clients.ask({ write: WRITES, clients: count, verb })
      spent.push((cpuOf([served.program.pid]) - before) / 1e6 / WRITES)
      samples.push(granted.ms / WRITES)
      took.push(...granted.took)
    }
    rows.push({ who, samples, note: `${(1000 / median(samples)).toFixed(0)}/s, p99 ${quantile(took, 0.99).toFixed(1)} ms` })
    cpu.push({ who, samples: spent })
  }
  await clients.ask({ write: 100, clients: 1, verb: 'create' })
  await measure('creates, few objects, one client', 1, 'create')
  await measure(`creates, few objects, ${CLIENTS} clients`, CLIENTS, 'create')
  await clients.ask({ fill: OBJECTS })
  await settle()
  await measure(`creates, ${OBJECTS} objects, one client`, 1, 'create')
  await measure(`creates, ${OBJECTS} objects, ${CLIENTS} clients`, CLIENTS, 'create')
  await measure(`applies, ${OBJECTS} objects, one client`, 1, 'apply')
  await clients.program.stop()
  await served.program.stop()
  const table = { title: 'durable write', unit: 'ms', rows }
  const cpuTable = { title: 'CPU of a write', unit: 'ms', rows: cpu }
  return { tables: [table, cpuTable], aims: rows.map(({ who }) => ({ what: who, value: medianOf(table, who), most: 5, unit: 'ms' })) }
}

/** With so many objects and no more: those of the writes would be half as many again. */
async function fill(data: string): Promise<void> {
  const served = await startServed(data)
  const clients = await startClients(served)
  await clients.ask({ fill: OBJECTS })
  await clients.program.stop()
  await served.program.stop()
}

async function measureStarts(data: string, rounds: number): Promise<Part> {
  const api: number[] = []
  const ready: number[] = []
  const megabytes: number[] = []
  const peaks: number[] = []
  for (let round = 0; round < rounds; round++) {
    const served = await startServed(data)
    api.push(served.startedMs)
    ready.push(served.readyMs)
    await settle()
    megabytes.push(rssOf([served.program.pid]) / 1e6)
    peaks.push(peakOf(served) / 1e6)
    await served.program.stop()
  }
  const who = `start with ${OBJECTS} objects`
  const table = {
    title: 'start',
    unit: 'ms',
    rows: [
      { who: `${who}, the API`, samples: api },
      { who: `${who}, everything`, samples: ready },
    ],
  }
  const memory = { title: 'memory', unit: 'MB', rows: [{ who, samples: megabytes, note: `${median(peaks).toFixed(0)} MB at its height` }] }
  return {
    tables: [table, memory],
    aims: [
      { what: who, value: median(ready), most: 3000, unit: 'ms' },
      { what: `memory with ${OBJECTS} objects`, value: median(megabytes), most: 400, unit: 'MB' },
    ],
  }
}

async function measureReads(data: string): Promise<Part> {
  const served = await startServed(data)
  await settle()
  const clients = await startClients(served)
  const first = await clients.ask({ list: listPath, times: 1 })
  const before = cpuOf([served.program.pid])
  const lists = await clients.ask({ list: listPath, times: LISTS })
  const spent = (cpuOf([served.program.pid]) - before) / 1e6 / LISTS
  const fanOut = await measureFanOut(served, clients)
  await clients.program.stop()
  await served.program.stop()
  const megabytes = `${(lists.bytes / 1e6).toFixed(1)} MB, ${spent.toFixed(0)} ms of CPU`
  const list: Table = {
    title: 'list',
    unit: 'ms',
    rows: [
      { who: `${OBJECTS} objects, the first after a start`, samples: first.took },
      { who: `${OBJECTS} objects`, samples: lists.took, note: megabytes },
    ],
  }
  return {
    tables: [list, fanOut.table],
    aims: [
      { what: `list of ${OBJECTS} objects, the first`, value: median(first.took), most: 500, unit: 'ms' },
      { what: `list of ${OBJECTS} objects`, value: median(lists.took), most: 500, unit: 'ms' },
      { what: `fan-out to ${WATCHERS} watchers, worst`, value: fanOut.worst, most: 1000, unit: 'ms' },
    ],
  }
}

async function measureFanOut(served: Served, clients: ApiClients): Promise<{ readonly table: Table; readonly worst: number }> {
  await clients.ask({ watch: WATCHERS })
  const before = cpuOf([served.program.pid])
  const { took } = await clients.ask({ change: CHANGES })
  const spent = (cpuOf([served.program.pid]) - before) / 1e6 / CHANGES
  const rows = [{ who: `one change, ${WATCHERS} watchers`, samples: took, note: `${spent.toFixed(0)} ms of CPU` }]
  return { table: { title: 'fan-out', unit: 'ms', rows }, worst: Math.max(...took) }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3000))
}
