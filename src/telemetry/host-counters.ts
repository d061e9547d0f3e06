// Counts by cluster and dialled host what Envoy's `/clusters` page shows, with bounded memory.
import type { FlowRecord } from '../flow/index.ts'
import { flowClosed } from './events.ts'

/** One host of a cluster; the names are Envoy's. Counted when a request or connection ends. */
export interface HostCount {
  readonly cluster: string
  /** What was dialled: `ip:port`, or the path of a Unix socket. */
  readonly host: string
  readonly cx_total: number
  readonly cx_connect_fail: number
  readonly rq_total: number
  readonly rq_success: number
  readonly rq_error: number
  readonly rq_timeout: number
}

export interface HostCounters {
  /** Begins to count; the returned function ends it. */
  attach(): () => void
  counts(): Iterable<HostCount>
}

/** Hosts beyond this number are counted together as `other`. */
const mostHosts = 10_000

export function createHostCounters(limit = mostHosts): HostCounters {
  /** By cluster and host. */
  const clusters = new Map<string, Map<string, Mutable>>()
  const all: Mutable[] = []
  const countOf = (cluster: string, host: string): Mutable => {
    const known = clusters.get(cluster)?.get(host)
    if (known) return known
    if (all.length >= limit && cluster !== OTHER) return countOf(OTHER, OTHER)
    const made = createCount(cluster, host)
    all.push(made)
    const hosts = clusters.get(cluster) ?? new Map<string, Mutable>()
    clusters.set(cluster, hosts.set(host, made))
    return made
  }
  const count = (record: FlowRecord): void => {
    if (record.cluster === undefined || record.upstream === undefined) return
    const host = countOf(record.cluster, record.upstream)
    if (record.kind === 'request') countRequest(host, record)
    else countConnection(host, record)
  }
  return {
    attach: () => flowClosed.subscribe(({ record }) => count(record)),
    counts: () => all,
  }
}

const OTHER = 'other'

type Mutable = { -readonly [K in keyof HostCount]: HostCount[K] }

function createCount(cluster: string, host: string): Mutable {
  return { cluster, host, cx_total: 0, cx_connect_fail: 0, rq_total: 0, rq_success: 0, rq_error: 0, rq_timeout: 0 }
}

function countRequest(host: Mutable, { status = 0, flag }: FlowRecord): void {
  host.rq_total++
  if (status > 0 && status < 500) host.rq_success++
  else host.rq_error++
  if (flag.includes('UT')) host.rq_timeout++
  if (flag.includes('UF')) host.cx_connect_fail++
}

function countConnection(host: Mutable, { flag }: FlowRecord): void {
  host.cx_total++
  if (flag.includes('UF')) host.cx_connect_fail++
}
