// Starts nginx, HAProxy and Envoy as proxies in front of a recorder each, so that it can be seen what they read.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { listening, type Program, start, stopAll } from '../../bench/processes.ts'
import { closedPort } from '../in-process/proxy-kit.ts'
import { findEnvoy } from '../support/envoy.ts'

export type PeerName = 'nginx' | 'haproxy' | 'envoy'

/** A request as it was understood. */
export interface Understood {
  readonly method: string
  readonly target: string
  readonly host: string
  /** Name and values of each header that is the client's own, in the order of their names. */
  readonly headers: readonly string[]
  readonly body: string
}

export interface PeerProxy {
  readonly name: PeerName
  readonly port: number
  /** What its recorder got since the last call. */
  take(): readonly Understood[]
  stop(): Promise<void>
}

/** What one hop adds, changes or consumes: not what was asked. */
const ofTheHop =
  /^(host|connection|keep-alive|te|trailer|transfer-encoding|content-length|via|x-real-ip|x-request-id|x-forwarded-.*|x-envoy-.*)$/

/** Their files are written into the folder, which must stay until they have stopped. */
export async function startPeerProxies(folder: string): Promise<readonly PeerProxy[]> {
  const names: readonly PeerName[] = findEnvoy() ? ['nginx', 'haproxy', 'envoy'] : ['nginx', 'haproxy']
  try {
    return await Promise.all(names.map((name) => startPeer(name, folder)))
  } catch (error) {
    await stopAll()
    throw error
  }
}

async function startPeer(name: PeerName, folder: string): Promise<PeerProxy> {
  const recorder = await startRecorder()
  const port = await closedPort()
  const program = programs[name]({ folder, port, origin: recorder.port })
  await listening(program, port)
  return {
    name,
    port,
    take: () => recorder.take(),
    stop: async () => {
      await program.stop()
      recorder.server.closeAllConnections()
      recorder.server.close()
    },
  }
}

interface Recorder {
  readonly server: Server
  readonly port: number
  take(): readonly Understood[]
}

async function startRecorder(): Promise<Recorder> {
  let got: Understood[] = []
  const server = createServer({ maxHeaderSize: 131_072, keepAliveTimeout: 60_000 }, (request, response) => {
    const hash = createHash('sha256')
    let length = 0
    request.on('data', (bytes: Buffer) => {
      hash.update(bytes)
      length += bytes.length
    })
    request.on('end', () => {
      got.push(understood(request, `${length} ${hash.digest('hex')}`))
      response.setHeader('content-length', '2').end('hi')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const take = (): readonly Understood[] => {
    const taken = got
    got = []
    return taken
  }
  return { server, port: (server.address() as AddressInfo).port, take }
}

function understood(request: IncomingMessage, body: string): Understood {
  const lines: (readonly [string, string])[] = []
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    lines.push([request.rawHeaders[index] ?? '', request.rawHeaders[index + 1] ?? ''])
  }
  return { method: request.method ?? '', target: request.url ?? '', host: request.headers.host ?? '', headers: ownHeaders(lines), body }
}

/** Lines of one name are one list, as RFC 9110 §5.3 has it. */
export function ownHeaders(lines: Iterable<readonly [string, string]>): readonly string[] {
  const values = new Map<string, string[]>()
  for (const [name, value] of lines) {
    const lower = name.toLowerCase()
    if (!ofTheHop.test(lower)) values.set(lower, [...(values.get(lower) ?? []), value])
  }
  return Array.from(values, ([name, list]) => `${name}: ${list.join(', ')}`).toSorted((a, b) => a.localeCompare(b))
}

interface Places {
  readonly folder: string
  readonly port: number
  readonly origin: number
}

/** However this process ends, they end with it. */
const withUs = ['setpriv', '--pdeathsig', 'KILL', '--'] as const

const programs: Readonly<Record<PeerName, (places: Places) => Program>> = {
  nginx: ({ folder, port, origin }) => {
    const file = write(folder, 'nginx.conf', [
      'daemon off; master_process off; pid nginx.pid; error_log stderr error;',
      process.getuid?.() === 0 ? 'user root;' : '',
      'events {}',
      'http { access_log off; client_max_body_size 0; underscores_in_headers on; ignore_invalid_headers off; large_client_header_buffers 8 64k;',
      ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`),
      `server { listen 127.0.0.1:${port}; merge_slashes off; location / { proxy_pass http://127.0.0.1:${origin}; proxy_http_version 1.1;`,
      'proxy_set_header Host $http_host; proxy_request_buffering off; proxy_set_header Connection ""; } } }',
    ])
    return start('nginx', [...withUs, 'nginx', '-p', folder, '-c', file])
  },
  haproxy: ({ folder, port, origin }) => {
    const file = write(folder, 'haproxy.cfg', [
      'global',
      '  tune.bufsize 131072',
      '  tune.http.maxhdr 200',
      'defaults',
      '  mode http',
      '  timeout connect 5s',
      '  timeout client 30s',
      '  timeout server 30s',
      'frontend in',
      `  bind 127.0.0.1:${port}`,
      '  default_backend out',
      'backend out',
      `  server recorder 127.0.0.1:${origin}`,
    ])
    return start('haproxy', [...withUs, 'haproxy', '-db', '-f', file])
  },
  envoy: ({ folder, port, origin }) => {
    const file = write(folder, 'envoy.json', [JSON.stringify(envoyConfig(port, origin))])
    const path = findEnvoy()?.path ?? 'envoy'
    return start('envoy', [...withUs, path, '-c', file, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'error'])
  },
}

function write(folder: string, name: string, lines: readonly string[]): string {
  const path = join(folder, name)
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

function envoyConfig(port: number, origin: number): object {
  const socket = (number: number): object => ({ socket_address: { address: '127.0.0.1', port_value: number } })
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'in',
    max_request_headers_kb: 128,
    common_http_protocol_options: { max_headers_count: 200 },
    http_protocol_options: { enable_trailers: true },
    http_filters: [{ name: 'router', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }],
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'recorder' } }] }],
    },
  }
  const assignment = { cluster_name: 'recorder', endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(origin) } }] }] }
  return {
    static_resources: {
      listeners: [{ name: 'in', address: socket(port), filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }] }],
      clusters: [{ name: 'recorder', connect_timeout: '5s', load_assignment: assignment }],
    },
  }
}
