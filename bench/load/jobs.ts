// Names the jobs that the load generator takes and what it answers: one line of JSON each way.

export interface Place {
  readonly host: string
  readonly port: number
}

export type Job =
  /** One request, to see what is answered. */
  | { readonly job: 'ask'; readonly at: Place; readonly host: string; readonly path: string }
  /** The same over HTTP/2. */
  | { readonly job: 'ask2'; readonly at: Place; readonly host: string; readonly path: string }
  /** As many requests as come back, each connection waiting for its answer. */
  | { readonly job: 'closed'; readonly at: Place; readonly connections: number; readonly seconds: number; readonly script: string }
  /** The same over HTTP/2, each stream waiting for its answer. */
  | { readonly job: 'closed2'; readonly at: Place; readonly connections: number; readonly streams: number; readonly seconds: number }
  /** So many requests each second, whether or not answers come. */
  | {
      readonly job: 'paced'
      readonly at: Place
      readonly connections: number
      readonly seconds: number
      readonly rate: number
      readonly hosts: number
    }
  /** As `closed`, with clients that connect anew when they are sent away, and the latency of what was answered 200 only. */
  | { readonly job: 'pressed'; readonly at: Place; readonly connections: number; readonly seconds: number; readonly hosts: number }
  /** New connections, so many at one time; each says something, is answered and ends. `names`: what is said is a ClientHello for one of so many. */
  | { readonly job: 'connect'; readonly at: Place; readonly count: number; readonly concurrency: number; readonly names?: number }
  | { readonly job: 'bulk'; readonly at: Place; readonly megabytes: number; readonly connections: number }
  /** Opens connections and holds them, each after one request or byte was answered; then lets go of them. */
  | { readonly job: 'hold'; readonly at: Place; readonly count: number; readonly request?: string }
  /** Opens connections that send a request byte by byte and never end it. */
  | { readonly job: 'dribble'; readonly at: Place; readonly count: number; readonly everyMs: number }
  | { readonly job: 'release' }

export interface Done {
  readonly done: number
  readonly failed: number
  readonly seconds: number
  /** Milliseconds. */
  readonly p50?: number
  readonly p99?: number
  /** By status, where it matters. */
  readonly statuses?: Readonly<Record<string, number>>
  /** By how much the load generator's own event loop was late at most: what it measured is late by as much. */
  readonly lateMs?: number
  /** Of `ask`: head and body. */
  readonly answer?: string
}

export function hostName(index: number): string {
  return `h${index}.bench.example`
}

export function serverName(index: number): string {
  return `s${String(index).padStart(4, '0')}.bench.example`
}

export const requestHeaders = {
  'User-Agent': 'bench/1.0 (load generator)',
  Accept: 'application/json, text/plain, */*',
  'Accept-Encoding': 'gzip, deflate',
  Cookie: 'session=0123456789abcdef0123456789abcdef; theme=dark',
  'X-Trace': '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01',
} as const

/** What every contestant is asked: a request as browsers and libraries make them. */
export function requestText(host: string, path: string): string {
  const headers = Object.entries(requestHeaders).map(([name, value]) => `${name}: ${value}`)
  return [`GET ${path} HTTP/1.1`, `Host: ${host}`, ...headers, '', ''].join('\r\n')
}
