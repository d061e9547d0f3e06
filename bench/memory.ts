// Measures what an idle proxy and an idle connection take of memory.
import { type Generator, startGenerator } from './generator.ts'
import { hostName, type Job } from './load/jobs.ts'
import { type Place, startEnvoyHttp, startEnvoyTcp, startHttpOrigin, startTcpOrigin, writeHostLists } from './peers.ts'
import { freePorts, type Program, rssOf, stopAll, treeOf } from './processes.ts'
import { medianOf, type Row, type Section } from './report.ts'
import { startGateway, writeDeclarations } from './sallyport.ts'

const COUNT = 5000
/** For what was freed to be given back, and for young objects to be collected. */
const SETTLE_MS = 1500

const method = `Resident memory of a started proxy with a handful of declarations, and what ${COUNT} connections that are open, have been used once and are idle add to it, each.
TCP: both sides of each are open. HTTP: the client's side is; those to the origin are pooled.`

export async function measureMemory(place: Place): Promise<Section> {
  try {
    return await measureAll(place)
  } finally {
    await stopAll()
  }
}

async function measureAll(place: Place): Promise<Section> {
  const [tcporigin = 0, origin = 0, envoyTcp = 0, envoySni = 0, envoyHttp = 0, http = 0, tcp = 0, sni = 0, admin = 0] = await freePorts(9)
  writeHostLists(place, 1, 1)
  const declarations = writeDeclarations(place, { http, tcp, sni, origin, tcporigin }, { hosts: 1, names: 1 })
  const generator = await startGenerator('load generator')
  await startTcpOrigin(tcporigin)
  await startHttpOrigin(place, origin)
  const gateway = await startGateway(place, { declarations, port: tcp, admin })
  const envoyForTcp = await startEnvoyTcp(place, { tcp: envoyTcp, sni: envoySni, tcporigin }, 1)
  const envoyForHttp = await startEnvoyHttp(place, { name: 'envoy', port: envoyHttp, upstream: origin })
  await settle()
  const base: readonly Row[] = [
    { who: 'Envoy', samples: [rssOf([envoyForHttp.pid]) / 1e6] },
    { who: 'Sallyport', samples: [rssOf(treeOf(gateway.pid)) / 1e6] },
  ]
  const hold = (port: number, request?: string): Job => ({
    job: 'hold',
    at: { host: '127.0.0.1', port },
    count: COUNT,
    ...(request !== undefined && { request }),
  })
  const tcpTable = {
    title: 'idle TCP connection',
    unit: 'KB',
    rows: [await idle('Envoy', generator, envoyForTcp, hold(envoyTcp)), await idle('Sallyport', generator, gateway, hold(tcp))],
  }
  // What has been freed would hide what is added.
  await gateway.stop()
  const gatewayForHttp = await startGateway(place, { declarations, port: tcp, admin })
  await settle()
  const httpTable = {
    title: 'idle HTTP connection',
    unit: 'KB',
    rows: [
      await idle('Envoy', generator, envoyForHttp, hold(envoyHttp, hostName(0))),
      await idle('Sallyport', generator, gatewayForHttp, hold(http, hostName(0))),
    ],
  }
  const baseTable = { title: 'started', unit: 'MB', rows: base }
  return {
    title: 'Memory',
    method,
    tables: [baseTable, tcpTable, httpTable],
    aims: [
      { what: 'started gateway', value: medianOf(baseTable, 'Sallyport'), most: 120, unit: 'MB' },
      { what: 'idle TCP connection', value: medianOf(tcpTable, 'Sallyport'), most: 16, unit: 'KB' },
      { what: 'idle HTTP connection', value: medianOf(httpTable, 'Sallyport'), most: 16, unit: 'KB' },
    ],
  }
}

async function idle(who: string, generator: Generator, program: Program, job: Job): Promise<Row> {
  const before = rssOf(treeOf(program.pid))
  const { failed } = await generator.run(job)
  if (failed > 0) throw new Error(`${who}: ${failed} idle connections could not be opened`)
  await settle()
  const samples = [(rssOf(treeOf(program.pid)) - before) / COUNT / 1000]
  await generator.run({ job: 'release' })
  return { who, samples }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
}
