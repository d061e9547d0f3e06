// Starts the proxies that ours is compared with, and the origin behind all of them, from the configurations in bench/peers/.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findEnvoy, noEnvoy } from '../tests/support/envoy.ts'
import { hostName, serverName } from './load/jobs.ts'
import { generatorPath } from './generator.ts'
import { listening, type Program, start } from './processes.ts'

/** Where configurations, logs and lists of one run are. */
export interface Place {
  readonly folder: string
}

const templates = resolve('bench', 'peers')

/** Fills the placeholders `{{name}}` of a committed configuration. */
function render(file: string, values: Readonly<Record<string, string | number>>, to: string): string {
  const text = readFileSync(join(templates, file), 'utf8').replace(/\{\{(\w+)\}\}/g, (_whole, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${file} asks for {{${name}}}, which nobody gives`)
    return String(value)
  })
  writeFileSync(to, text)
  return to
}

export function writeHostLists({ folder }: Place, hosts: number, names: number): void {
  const everyHost = Array.from({ length: hosts }, (_, index) => hostName(index))
  writeFileSync(join(folder, 'hosts.nginx'), everyHost.map((host) => `${host} origin;\n`).join(''))
  writeFileSync(join(folder, 'hosts.haproxy'), everyHost.map((host) => `${host} origin\n`).join(''))
  const everyName = Array.from({ length: names }, (_, index) => `${serverName(index)} tcp-origin\n`)
  writeFileSync(join(folder, 'names.haproxy'), everyName.join(''))
  const route = { timeout: '0s', cluster: 'origin' }
  const virtualHosts = everyHost.map((host) => ({
    name: host,
    domains: [host],
    include_request_attempt_count: true,
    routes: ['/api/v2/', '/api/', '/static/', '/'].map((prefix) => ({ name: prefix, match: { prefix }, route })),
  }))
  const table = { '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration', name: 'routes', virtual_hosts: virtualHosts }
  writeFileSync(join(folder, 'routes.json'), JSON.stringify({ version_info: '1', resources: [table] }))
}

export async function startHttpOrigin({ folder }: Place, port: number): Promise<Program> {
  const file = render('nginx-origin.conf', { folder, port }, join(folder, 'origin.conf'))
  return ready(start('origin', ['nginx', '-p', folder, '-c', file]), port)
}

export async function startTcpOrigin(port: number): Promise<Program> {
  const program = start('TCP origin', [process.execPath, generatorPath, 'origin', String(port)], { stdio: ['pipe', 'ignore', 'pipe'] })
  return ready(program, port)
}

export interface NginxPorts {
  readonly port: number
  /** Where HTTP/2 is spoken, which this version cannot tell from HTTP/1.1. */
  readonly http2: number
  readonly origin: number
}

export async function startNginx({ folder }: Place, ports: NginxPorts): Promise<Program> {
  const file = render('nginx-http.conf', { folder, ...ports }, join(folder, 'nginx.conf'))
  return ready(start('nginx', ['nginx', '-p', folder, '-c', file]), ports.port)
}

export interface HaproxyPorts {
  readonly http: number
  readonly tcp: number
  readonly sni: number
  readonly origin: number
  readonly tcporigin: number
  readonly syslog: number
}

export async function startHaproxy({ folder }: Place, ports: HaproxyPorts): Promise<Program> {
  const file = render('haproxy.cfg', { folder, ...ports }, join(folder, 'haproxy.cfg'))
  return ready(start('HAProxy', ['haproxy', '-db', '-f', file]), ports.http)
}

export interface EnvoyHttp {
  readonly name: string
  readonly port: number
  readonly upstream: number
}

export async function startEnvoyHttp({ folder }: Place, options: EnvoyHttp): Promise<Program> {
  const file = render('envoy-http.yaml', { folder, ...options }, join(folder, `${options.name}.yaml`))
  return ready(start(options.name, envoyCommand(file)), options.port)
}

export async function startEnvoyTcp(
  { folder }: Place,
  ports: { readonly tcp: number; readonly sni: number; readonly tcporigin: number },
  names: number,
): Promise<Program> {
  const log = {
    name: 'envoy.access_loggers.file',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path: join(folder, 'envoy-tcp-access.log'),
      log_format: { json_format: tcpLogFields },
    },
  }
  const proxy = {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      stat_prefix: 'tcp',
      cluster: 'origin',
      access_log: [log],
    },
  }
  const chains = Array.from({ length: names }, (_, index) => ({
    filter_chain_match: { server_names: [serverName(index)] },
    filters: [proxy],
  }))
  const values = { folder, ...ports, proxy: JSON.stringify(proxy), chains: JSON.stringify(chains) }
  return ready(start('Envoy', envoyCommand(render('envoy-tcp.yaml', values, join(folder, 'envoy-tcp.yaml')))), ports.sni)
}

const tcpLogFields = {
  start_time: '%START_TIME%',
  response_flags: '%RESPONSE_FLAGS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
}

function envoyCommand(file: string): [string, ...string[]] {
  const envoy = findEnvoy()
  if (!envoy) throw new Error(noEnvoy)
  return [envoy.path, '-c', file, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'error']
}

async function ready(program: Program, port: number): Promise<Program> {
  await listening(program, port)
  return program
}

export function versions(): readonly string[] {
  return [
    `nginx ${/nginx\/([\d.]+)/.exec(said('nginx', '-v'))?.[1] ?? '?'}`,
    `HAProxy ${/version ([\d.]+)/.exec(said('haproxy', '-v'))?.[1] ?? '?'}`,
    `Envoy ${findEnvoy()?.version ?? 'not installed'}`,
    `h2load ${/nghttp2\/([\d.]+)/.exec(said('h2load', '--version'))?.[1] ?? '?'}`,
    `wrk ${/wrk (?:debian\/)?([\d.]+)/.exec(said('wrk', '-v'))?.[1] ?? '?'}`,
  ]
}

/** Some say their version on stderr, and wrk with a failure. */
function said(command: string, flag: string): string {
  try {
    return execFileSync('sh', ['-c', `${command} ${flag} 2>&1; true`], { encoding: 'utf8', timeout: 5000 })
  } catch {
    return ''
  }
}
