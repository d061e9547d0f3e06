// Measures the full HTTP/1.1 job beside nginx, HAProxy and Envoy, and the two hops of sidecar and gateway beside two of Envoy.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSocket } from 'node:dgram'
import { checkAnswers } from './answers.ts'
import { type Generator, startGenerator } from './generator.ts'
import { type Job, requestText } from './load/jobs.ts'
import { type Place, startEnvoyHttp, startHaproxy, startHttpOrigin, startNginx, writeHostLists } from './peers.ts'
import { freePorts, openSyslog, type Program, stopAll } from './processes.ts'
import { type Aim, ratio, type Section } from './report.ts'
import { type Contestant, measure } from './rounds.ts'
import { startGateway, startSealed, writeDeclarations } from './sallyport.ts'

const HOSTS = 10_000
const NAMES = 1000
const CONNECTIONS = 32
const PACED_CONNECTIONS = 16
const RATE = 1000

const method = `${HOSTS} hosts, four routes each, headers added to request and response, one JSON line and one histogram sample per request, keep-alive, an answer of 80 bytes.
nginx, HAProxy and Envoy with one worker; Sallyport: \`sallyport gateway\` with flow records and metrics, strict. Two hops: \`sallyport run\` (sealed, nftables, strict) and
\`sallyport gateway\`; beside them one Envoy that forwards to another, without any capture. Closed loop: wrk, ${CONNECTIONS} connections. Paced: ${RATE} requests a second over ${PACED_CONNECTIONS} connections.
nginx has no histogram; HAProxy logs by UDP.`

interface Lane {
  readonly who: string
  readonly generator: Generator
  readonly programs: readonly Program[]
  readonly at: { readonly host: string; readonly port: number }
}

export async function measureHttp(place: Place, rounds: number): Promise<Section> {
  // HAProxy's log goes where somebody receives it.
  const syslog = createSocket('udp4')
  try {
    return await measureLanes(place, rounds, await openSyslog(syslog))
  } finally {
    await stopAll()
    syslog.close()
  }
}

async function measureLanes(place: Place, rounds: number, syslog: number): Promise<Section> {
  const lanes = await startLanes(place, syslog)
  for (const lane of lanes) await checkAnswers(lane, 'ask')
  const script = writeScript(place)
  const closed = await measure(
    { title: 'HTTP/1.1 full job, closed loop', rounds, unit: 'µs/request', perUnit: 1000 },
    lanes.map(contestant(({ at }) => ({ job: 'closed', at, connections: CONNECTIONS, seconds: 1, script }))),
  )
  const paced = await measure(
    { title: `HTTP/1.1 full job, ${RATE} requests/s`, rounds, unit: 'µs/request', perUnit: 1000 },
    lanes.map(contestant(({ at }) => ({ job: 'paced', at, connections: PACED_CONNECTIONS, seconds: 1, rate: RATE, hosts: HOSTS }))),
  )
  const aim = (what: string, value: number, most: number): Aim => ({ what, value, most, unit: '×' })
  return {
    title: 'HTTP/1.1',
    method,
    tables: [closed, paced],
    aims: [
      aim('closed loop, of Envoy', ratio(closed, 'Sallyport', 'Envoy'), 0.45),
      aim('closed loop, of nginx', ratio(closed, 'Sallyport', 'nginx'), 1.25),
      aim(`${RATE} requests/s, of Envoy`, ratio(paced, 'Sallyport', 'Envoy'), 0.65),
      aim('two hops closed loop, of two Envoy hops', ratio(closed, 'Sallyport, two hops', 'Envoy, two hops'), 0.5),
    ],
  }
}

function contestant(job: (lane: Lane) => Job): (lane: Lane) => Contestant {
  return (lane) => ({ who: lane.who, generator: lane.generator, programs: lane.programs, job: job(lane) })
}

async function startLanes(place: Place, syslog: number): Promise<readonly Lane[]> {
  const [
    origin = 0,
    nginx = 0,
    http = 0,
    tcp = 0,
    sni = 0,
    envoy = 0,
    outer = 0,
    inner = 0,
    gatewayHttp = 0,
    gatewayTcp = 0,
    gatewaySni = 0,
    tcporigin = 0,
    admin = 0,
    sidecarAdmin = 0,
    http2 = 0,
  ] = await freePorts(15)
  writeHostLists(place, HOSTS, NAMES)
  const gatewayPorts = { http: gatewayHttp, tcp: gatewayTcp, sni: gatewaySni, origin, tcporigin }
  const declarations = writeDeclarations(place, gatewayPorts, { hosts: HOSTS, names: NAMES })
  const generator = await startGenerator('load generator')
  await startHttpOrigin(place, origin)
  const at = (port: number) => ({ host: '127.0.0.1', port })
  const lane = (who: string, port: number, ...programs: readonly Program[]): Lane => ({ who, generator, programs, at: at(port) })
  const gateway = await startGateway(place, { declarations, port: gatewayHttp, admin })
  const sealed = await startSealed(place, { declarations, admin: sidecarAdmin })
  const second = await startEnvoyHttp(place, { name: 'envoy-inner', port: inner, upstream: origin })
  return [
    lane('nginx', nginx, await startNginx(place, { port: nginx, http2, origin })),
    lane('HAProxy', http, await startHaproxy(place, { http, tcp, sni, origin, tcporigin, syslog })),
    lane('Envoy', envoy, await startEnvoyHttp(place, { name: 'envoy', port: envoy, upstream: origin })),
    lane('Sallyport', gatewayHttp, gateway),
    lane('Envoy, two hops', outer, await startEnvoyHttp(place, { name: 'envoy-outer', port: outer, upstream: inner }), second),
    {
      who: 'Sallyport, two hops',
      generator: sealed,
      programs: [sealed.program, gateway],
      // Whatever is dialled: the request's own host decides.
      at: { host: '198.51.100.80', port: 80 },
    },
  ]
}

/** Requests are made once, so that wrk only picks one. */
function writeScript({ folder }: Place): string {
  const path = join(folder, 'requests.lua')
  const request = requestText('HOST', '/api/items?id=NUMBER').replaceAll('\r\n', '\\r\\n')
  writeFileSync(
    path,
    `local made = {}
for i = 0, ${HOSTS - 1} do made[i] = (("${request}"):gsub("HOST", "h" .. i .. ".bench.example"):gsub("NUMBER", tostring(i))) end
local at = 0
request = function() at = (at * 1 + 7919) % ${HOSTS}; return made[at] end
`,
  )
  return path
}
