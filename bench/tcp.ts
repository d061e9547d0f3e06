// Measures connections whose bytes are not looked into: bulk, new connections, and TLS by server name, beside HAProxy and Envoy.
import { type Generator, startGenerator } from './generator.ts'
import { type Place, startEnvoyTcp, startHaproxy, startTcpOrigin, writeHostLists } from './peers.ts'
import { freePorts, type Program, stopAll } from './processes.ts'
import { type Aim, ratio, type Section } from './report.ts'
import { type Contestant, measure } from './rounds.ts'
import { declaredAddress, startGateway, startSealed, writeDeclarations } from './sallyport.ts'

const NAMES = 1000
const MEGABYTES = 192
const STREAMS = 4
const CONNECTIONS = 2000
const CONCURRENCY = 16

const method = `Bulk: ${STREAMS} connections at a time fetch ${MEGABYTES} MB each. New connections: ${CONCURRENCY} at a time, two bytes each way, then closed by the client. By server name: the
same with a ClientHello for one of ${NAMES} names, one filter chain or map entry each. One log line or record for each connection, one worker each. HAProxy splices in the kernel.
Sallyport: \`sallyport gateway\`. Beside it, the same through \`sallyport run\`: sealed, nftables, straight to the origin.`

interface Lane {
  readonly who: string
  readonly generator: Generator
  readonly programs: readonly Program[]
  readonly tcp: { readonly host: string; readonly port: number }
  readonly sni?: { readonly host: string; readonly port: number }
}

export async function measureTcp(place: Place, rounds: number): Promise<Section> {
  try {
    return await measureLanes(await startLanes(place), rounds)
  } finally {
    await stopAll()
  }
}

async function measureLanes(lanes: readonly Lane[], rounds: number): Promise<Section> {
  const bulk = await measure(
    { title: 'TCP bulk', rounds, unit: 's/GB', perUnit: 1e9 },
    lanes.map(({ tcp, ...lane }): Contestant => ({ ...lane, job: { job: 'bulk', at: tcp, megabytes: MEGABYTES, connections: STREAMS } })),
  )
  const job = { job: 'connect', count: CONNECTIONS, concurrency: CONCURRENCY } as const
  const fresh = await measure(
    { title: 'TCP, new connection', rounds, unit: 'µs', perUnit: 1000 },
    lanes.map(({ tcp, ...lane }): Contestant => ({ ...lane, job: { ...job, at: tcp } })),
  )
  const named = await measure(
    { title: `TLS passthrough among ${NAMES} names, new connection`, rounds, unit: 'µs', perUnit: 1000 },
    lanes.flatMap(({ sni, ...lane }): Contestant[] => (sni ? [{ ...lane, job: { ...job, at: sni, names: NAMES } }] : [])),
  )
  const aim = (what: string, value: number, most: number): Aim => ({ what, value, most, unit: '×' })
  return {
    title: 'TCP and TLS passthrough',
    method,
    tables: [bulk, fresh, named],
    aims: [
      aim('bulk, of Envoy', ratio(bulk, 'Sallyport', 'Envoy'), 1),
      aim('new connection, of Envoy', ratio(fresh, 'Sallyport', 'Envoy'), 1.5),
      aim('by server name, of Envoy', ratio(named, 'Sallyport', 'Envoy'), 1.3),
    ],
  }
}

async function startLanes(place: Place): Promise<readonly Lane[]> {
  const [
    tcporigin = 0,
    origin = 0,
    http = 0,
    haproxyTcp = 0,
    haproxySni = 0,
    envoyTcp = 0,
    envoySni = 0,
    gatewayHttp = 0,
    tcp = 0,
    sni = 0,
  ] = await freePorts(10)
  const [admin = 0, sidecarAdmin = 0] = await freePorts(2)
  writeHostLists(place, 1, NAMES)
  const declarations = writeDeclarations(place, { http: gatewayHttp, tcp, sni, origin, tcporigin }, { hosts: 1, names: NAMES })
  const generator = await startGenerator('load generator')
  await startTcpOrigin(tcporigin)
  const at = (port: number) => ({ host: '127.0.0.1', port })
  const haproxy = await startHaproxy(place, { http, tcp: haproxyTcp, sni: haproxySni, origin, tcporigin, syslog: 9 })
  const envoy = await startEnvoyTcp(place, { tcp: envoyTcp, sni: envoySni, tcporigin }, NAMES)
  const gateway = await startGateway(place, { declarations, port: tcp, admin })
  const sealed = await startSealed(place, { declarations, admin: sidecarAdmin })
  return [
    { who: 'HAProxy', generator, programs: [haproxy], tcp: at(haproxyTcp), sni: at(haproxySni) },
    { who: 'Envoy', generator, programs: [envoy], tcp: at(envoyTcp), sni: at(envoySni) },
    { who: 'Sallyport', generator, programs: [gateway], tcp: at(tcp), sni: at(sni) },
    { who: 'Sallyport, sealed', generator: sealed, programs: [sealed.program], tcp: { host: declaredAddress, port: tcp } },
  ]
}
