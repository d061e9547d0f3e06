// Measures the full HTTP job for clients of HTTP/2 in clear, beside nginx, HAProxy and Envoy; the origin speaks HTTP/1.1.
import { createSocket } from 'node:dgram'
import { checkAnswers } from './answers.ts'
import { startGenerator } from './generator.ts'
import type { Job } from './load/jobs.ts'
import { type Place, startEnvoyHttp, startHaproxy, startHttpOrigin, startNginx, writeHostLists } from './peers.ts'
import { freePorts, openSyslog, type Program, stopAll } from './processes.ts'
import { ratio, type Section } from './report.ts'
import { type Contestant, measure } from './rounds.ts'
import { startGateway, writeDeclarations } from './sallyport.ts'

const HOSTS = 10_000
const CONNECTIONS = 8
const STREAMS = 8

const method = `The same job and the same contestants as for HTTP/1.1, one hop, asked over HTTP/2 in clear by clients that know that it is spoken; the origin is asked over HTTP/1.1.
Closed loop: h2load, ${CONNECTIONS} connections of ${STREAMS} streams at a time, one host of the ten thousand, a hundred paths.`

export async function measureHttp2(place: Place, rounds: number): Promise<Section> {
  // HAProxy's log goes where somebody receives it.
  const syslog = createSocket('udp4')
  try {
    const contestants = await startContestants(place, await openSyslog(syslog))
    const title = 'HTTP/2 full job, closed loop'
    const closed = await measure({ title, rounds, unit: 'µs/request', perUnit: 1000 }, contestants)
    const aims = [{ what: 'closed loop, of Envoy', value: ratio(closed, 'Sallyport', 'Envoy'), most: 0.45, unit: '×' }]
    return { title: 'HTTP/2', method, tables: [closed], aims }
  } finally {
    await stopAll()
    syslog.close()
  }
}

async function startContestants(place: Place, syslog: number): Promise<readonly Contestant[]> {
  const [origin = 0, nginx = 0, http2 = 0, http = 0, tcp = 0, sni = 0, envoy = 0, way = 0, wayTcp = 0, waySni = 0, tcporigin = 0] =
    await freePorts(11)
  writeHostLists(place, HOSTS, 1)
  const declarations = writeDeclarations(place, { http: way, tcp: wayTcp, sni: waySni, origin, tcporigin }, { hosts: HOSTS, names: 1 })
  const generator = await startGenerator('load generator')
  await startHttpOrigin(place, origin)
  const contestant = async (who: string, port: number, program: Program): Promise<Contestant> => {
    const at = { host: '127.0.0.1', port }
    await checkAnswers({ who, generator, at }, 'ask2')
    const job: Job = { job: 'closed2', at, connections: CONNECTIONS, streams: STREAMS, seconds: 1 }
    return { who, generator, programs: [program], job }
  }
  return [
    await contestant('nginx', http2, await startNginx(place, { port: nginx, http2, origin })),
    await contestant('HAProxy', http, await startHaproxy(place, { http, tcp, sni, origin, tcporigin, syslog })),
    await contestant('Envoy', envoy, await startEnvoyHttp(place, { name: 'envoy', port: envoy, upstream: origin })),
    await contestant('Sallyport', way, await startGateway(place, { declarations, port: way })),
  ]
}
