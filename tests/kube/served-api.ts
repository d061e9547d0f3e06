// Starts `sallyport serve` as a process of its own, and runs kubectl against it with a home that nobody else has.
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findKubectl } from '../support/kubectl.ts'

/** A server, and the folder with its authority and the token of its administrator. */
export interface Reached {
  readonly directory: string
  readonly url: string
}

export interface ServedApi extends Reached {
  readonly pid: number
  readonly stderr: () => string
  /** Resolves when the process is gone. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
}

export interface ServeParts {
  /** The folder is a file system of its own with so much room. */
  readonly diskBytes?: number
  /** Unix socket where proxies are served. */
  readonly xds?: string
  /** How far its clock is off. */
  readonly clockMs?: number
  /** A free port if absent. */
  readonly listen?: string
  /** Further options. */
  readonly more?: readonly string[]
}

/** Rejects with what the process said when it does not serve. */
export function serveApi(directory: string, parts: ServeParts = {}): Promise<ServedApi> {
  const { diskBytes, xds, clockMs = 0, listen = '127.0.0.1:0', more = [] } = parts
  const program = [
    process.execPath,
    ...(clockMs === 0 ? [] : ['--import', `data:text/javascript,const now=Date.now;Date.now=()=>now()+(${clockMs})`]),
    'dist/bin.js',
    'serve',
    '--data',
    directory,
    '--listen',
    listen,
    ...(xds === undefined ? [] : ['--xds', xds]),
    ...more,
  ]
  const mount = ['unshare', '-rm', 'sh', '-c', `mount -t tmpfs -o size=${diskBytes} none "$0" && exec "$@"`, directory]
  const [command = '', ...args] = diskBytes === undefined ? program : [...mount, ...program]
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let said = ''
  return new Promise((resolve, reject) => {
    void gone.then(() => reject(new Error(`serve has ended: ${said}`)))
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-20_000)
      const url = /API at (https:\S+),/.exec(said)?.[1]
      if (url === undefined) return
      const kill = (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
        child.kill(signal)
        return gone
      }
      // Its own file system is seen from outside by way of the process.
      const seen = diskBytes === undefined ? directory : `/proc/${child.pid}/root${directory}`
      resolve({ pid: child.pid ?? 0, directory: seen, url, stderr: () => said, kill })
    })
  })
}

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** kubectl with the kubeconfig of that server, and caches of its own. */
export function kubectlOf(directory: string, home: string): (args: readonly string[], input?: string) => Promise<Ran> {
  return (args, input = '') =>
    new Promise((resolve) => {
      const env = { ...process.env, HOME: home, KUBECONFIG: join(directory, 'kubeconfig'), KUBE_EDITOR: join(home, 'editor') }
      const child = execFile('kubectl', args, { env, timeout: 30_000 }, (error, out, err) => {
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, out, err })
      })
      child.stdin?.on('error', () => undefined)
      child.stdin?.end(input)
    })
}

export interface Replied {
  readonly code: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface Asked {
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly token?: string
  /** In the place of a token. */
  readonly certificate?: string
  readonly key?: string
  /** Keeps connections; each request has one of its own otherwise. */
  readonly agent?: Agent
}

/** One request by the administrator, over TLS that trusts the server's own authority alone. */
export function askApi({ directory, url }: Reached, path: string, asked: Asked = {}): Promise<Replied> {
  const ca = readFileSync(join(directory, 'pki/ca.crt'))
  const token = asked.token ?? readFileSync(join(directory, 'pki/admin.token'), 'utf8').trim()
  const { hostname, port } = new URL(url)
  const { certificate: cert, key } = asked
  const authorization = cert === undefined ? { Authorization: `Bearer ${token}` } : {}
  // Node.js says it by itself for methods only that usually have a body.
  const length = asked.body === undefined ? {} : { 'Content-Length': Buffer.byteLength(asked.body) }
  const headers = { ...authorization, ...length, 'Content-Type': 'application/json', ...asked.headers }
  return new Promise((resolve, reject) => {
    const sent = request(
      { hostname, port, path, ca, cert, key, method: asked.method ?? 'GET', headers, agent: asked.agent ?? false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', reject)
        response.once('end', () => {
          resolve({ code: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() })
        })
      },
    )
    sent.once('error', reject)
    sent.end(asked.body)
  })
}

export function residentMegabytes({ pid }: Pick<ServedApi, 'pid'>): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'served-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export function hasKubectl(): boolean {
  const has = findKubectl()
  if (!has && process.env['CI'] === 'true') throw new Error('there is no kubectl: tools/setup.sh kubectl')
  return has
}
