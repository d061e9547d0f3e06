// Starts the shipped programs as what is measured: a gateway, and a sealed workload with its sidecar.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostName, serverName } from './load/jobs.ts'
import type { Place } from './peers.ts'
import { listening, type Program, start } from './processes.ts'
import { type Generator, startGenerator } from './generator.ts'

const program = join(import.meta.dirname, 'bin.js')

export interface GatewayPorts {
  readonly http: number
  readonly tcp: number
  readonly sni: number
  readonly origin: number
  readonly tcporigin: number
}

const hostsOfOne = 100
const gatewayService = 'istio-egressgateway.istio-system.svc.cluster.local'

/** An address that nothing but the declarations gives a meaning. */
export const declaredAddress = '198.51.100.10'

/** Hosts whose every request goes from the mesh through the gateway to one origin, by one of four routes each; names of TLS, and plain TCP. */
export function writeDeclarations(
  { folder }: Place,
  ports: GatewayPorts,
  counts: { readonly hosts: number; readonly names: number },
): string {
  const origins = [
    entry('origin', { hosts: ['origin.bench'], ports: [portOf(80, 'http', 'HTTP')], endpoints: [at(ports.origin, 'http')] }),
    entry('tcp-origin', {
      hosts: ['tcp.bench'],
      addresses: [declaredAddress],
      ports: [portOf(ports.tcp, 'tcp', 'TCP')],
      endpoints: [at(ports.tcporigin, 'tcp')],
    }),
    entry('sni-origin', { hosts: ['sni.bench'], ports: [portOf(443, 'tls', 'TLS')], endpoints: [at(ports.tcporigin, 'tls')] }),
  ]
  const documents = [...gatewayNode(ports), ...origins, ...gateways(ports), ...tcpRoutes(ports, counts.names)]
  for (let first = 0; first < counts.hosts; first += hostsOfOne) {
    const hosts = Array.from({ length: Math.min(hostsOfOne, counts.hosts - first) }, (_, index) => hostName(first + index))
    documents.push(entry(`hosts-${first}`, { hosts, ports: [portOf(80, 'http', 'HTTP')], endpoints: [at(ports.origin, 'http')] }))
    documents.push(...httpRoutes(`hosts-${first}`, hosts, ports.http))
  }
  const path = join(folder, 'declarations.yaml')
  writeFileSync(path, documents.map((document) => `${JSON.stringify(document)}\n`).join('---\n'))
  return path
}

type Fields = Readonly<Record<string, unknown>>

/** In `NAMESPACE/NAME` or, in the namespace `default`, `NAME`. */
function resource(apiVersion: string, kind: string, path: string, spec: Fields): Fields {
  const [namespace = '', name = ''] = path.includes('/') ? path.split('/') : ['default', path]
  return { apiVersion, kind, metadata: { name, namespace }, spec }
}

function networking(kind: string, path: string, spec: Fields): Fields {
  return resource('networking.istio.io/v1', kind, path, spec)
}

function entry(name: string, spec: Fields): Fields {
  return networking('ServiceEntry', name, { location: 'MESH_EXTERNAL', resolution: 'STATIC', ...spec })
}

function portOf(number: number, name: string, protocol: string): Fields {
  return { number, name, protocol }
}

function at(port: number, name: string): Fields {
  return { address: '127.0.0.1', ports: { [name]: port } }
}

function gatewayNode(ports: GatewayPorts): readonly Fields[] {
  const labels = { istio: 'egressgateway' }
  const named = Object.entries({ http2: ports.http, tcp: ports.tcp, tls: ports.sni }).map(([name, port]) => ({ name, port }))
  return [
    resource('v1', 'Service', 'istio-system/istio-egressgateway', { selector: labels, ports: named }),
    networking('WorkloadEntry', 'istio-system/gateway-node', { address: '127.0.0.1', labels }),
  ]
}

function gateways(ports: GatewayPorts): readonly Fields[] {
  const servers = [
    { port: portOf(ports.http, 'http', 'HTTP'), hosts: ['*'] },
    { port: portOf(ports.tcp, 'tcp', 'TCP'), hosts: ['*'] },
    { port: portOf(ports.sni, 'tls', 'TLS'), tls: { mode: 'PASSTHROUGH' }, hosts: ['*'] },
  ]
  return [networking('Gateway', 'way-out', { selector: { istio: 'egressgateway' }, servers })]
}

/** A leg from the mesh to the gateway, and one from there. */
function httpRoutes(name: string, hosts: readonly string[], gatewayPort: number): readonly Fields[] {
  const leg = (gateway: string, host: string, number: number): Fields =>
    networking('VirtualService', `${name}-${gateway}`, {
      hosts,
      gateways: [gateway],
      http: ['/api/v2/', '/api/', '/static/', '/'].map((prefix) => ({
        match: [{ uri: { prefix } }],
        route: [{ destination: { host, port: { number } } }],
      })),
    })
  return [leg('mesh', gatewayService, gatewayPort), leg('way-out', 'origin.bench', 80)]
}

function tcpRoutes(ports: GatewayPorts, names: number): readonly Fields[] {
  const sniHosts = Array.from({ length: names }, (_, index) => serverName(index))
  return [
    networking('VirtualService', 'tcp', {
      hosts: ['tcp.bench'],
      gateways: ['way-out'],
      tcp: [{ match: [{ port: ports.tcp }], route: [{ destination: { host: 'tcp.bench', port: { number: ports.tcp } } }] }],
    }),
    networking('VirtualService', 'sni', {
      hosts: sniHosts,
      gateways: ['way-out'],
      // A rule for each name, as a set of declarations for a thousand names has.
      tls: sniHosts.map((sni) => ({
        match: [{ port: ports.sni, sniHosts: [sni] }],
        route: [{ destination: { host: 'sni.bench', port: { number: 443 } } }],
      })),
    }),
  ]
}

export interface GatewayOptions {
  readonly declarations: string
  /** Waited for. */
  readonly port: number
  readonly admin?: number
  /** For Node.js itself, such as a heap limit. */
  readonly node?: readonly string[]
}

/** Flow records on, histograms on, strict. */
export async function startGateway({ folder }: Place, options: GatewayOptions): Promise<Program> {
  const { declarations, port, admin, node = profiling('gateway') } = options
  const command: [string, ...string[]] = [
    ...started(node),
    'gateway',
    '-l',
    'istio=egressgateway',
    '-f',
    declarations,
    '--from',
    '127.0.0.0/8',
  ]
  const outputs = ['--flows', outputFile(folder, 'gateway-flows.jsonl'), ...(admin === undefined ? [] : ['--admin', `127.0.0.1:${admin}`])]
  const gateway = start('sallyport gateway', [...command, ...outputs])
  await listening(gateway, port)
  return gateway
}

/** The load generator is the workload: what it does goes through the seal and the sidecar. */
export async function startSealed({ folder }: Place, options: Omit<GatewayOptions, 'port'>): Promise<Generator> {
  const { declarations, admin } = options
  const outputs = ['--flows', outputFile(folder, 'sidecar-flows.jsonl'), ...(admin === undefined ? [] : ['--admin', `127.0.0.1:${admin}`])]
  return startGenerator('sallyport run', [
    ...started(profiling('sidecar')),
    'run',
    '--name',
    'bench',
    '--outbound',
    'REGISTRY_ONLY',
    '-f',
    declarations,
    ...outputs,
    '--read-only',
    folder,
    '--',
  ])
}

/** Apart from the declarations, whose folder is watched. */
function outputFile(folder: string, name: string): string {
  const outputs = join(folder, 'records')
  mkdirSync(outputs, { recursive: true })
  return join(outputs, name)
}

/** As people start it, by its first line, unless Node.js is to be told something. */
function started(options: readonly string[]): [string, ...string[]] {
  return options.length === 0 ? [program] : [process.execPath, '--use-largepages=silent', ...options, program]
}

/** `BENCH_PROFILE=DIR` leaves a CPU profile of each shipped program there. */
function profiling(name: string): readonly string[] {
  const folder = process.env['BENCH_PROFILE']
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}.cpuprofile`]
}
