// Adds flows up by host, workload or whatever else they have in common, with bounded memory however many there are.
import type { FlowRecord } from '../../flow/index.ts'
import { hostOf, policyOf, portOf, weightOf, workloadOf } from './record-line.ts'

/** What flows can be grouped by, and the key of one flow. */
export const groupings = {
  host: hostOf,
  workload: workloadOf,
  reason: (record: FlowRecord) => record.reason.code,
  policy: (record: FlowRecord) => policyOf(record) ?? '-',
  port: (record: FlowRecord) => portOf(record) ?? '-',
  path: (record: FlowRecord) => record.path,
  verdict: (record: FlowRecord) => record.verdict,
} as const satisfies Record<string, (record: FlowRecord) => string>

export type Grouping = keyof typeof groupings

export interface FlowGroup {
  readonly key: string
  readonly flows: number
  readonly denied: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly p50: number
  readonly p95: number
  /** Milliseconds since the epoch. */
  readonly first: number
  readonly last: number
}

/** Groups beyond this number are added up in one that says so. */
export const mostGroups = 10_000
export const otherGroups = '(others)'

/** Durations that are kept of one group: the newest ones. */
const SAMPLES = 512

export class FlowGroups {
  readonly #keyOf: (record: FlowRecord) => string
  readonly #groups = new Map<string, Sum>()

  constructor(keyOf: (record: FlowRecord) => string) {
    this.#keyOf = keyOf
  }

  add(record: FlowRecord): void {
    const wanted = this.#keyOf(record)
    const key = this.#groups.has(wanted) || this.#groups.size < mostGroups ? wanted : otherGroups
    let sum = this.#groups.get(key)
    if (sum === undefined) {
      sum = new Sum(key, record.closed)
      this.#groups.set(key, sum)
    }
    sum.add(record)
  }

  /** By the number of flows, the largest first. */
  groups(): readonly FlowGroup[] {
    return Array.from(this.#groups.values(), (sum) => sum.group()).sort((a, b) => b.flows - a.flows || (a.key < b.key ? -1 : 1))
  }
}

class Sum {
  readonly #key: string
  #flows = 0
  #denied = 0
  #sent = 0
  #received = 0
  #first: number
  #last: number
  readonly #durations: number[] = []
  #turn = 0

  constructor(key: string, at: number) {
    this.#key = key
    this.#first = at
    this.#last = at
  }

  add(record: FlowRecord): void {
    const weight = weightOf(record)
    this.#flows += weight
    if (record.verdict === 'deny') this.#denied += weight
    this.#sent += record.bytesSent
    this.#received += record.bytesReceived
    this.#first = Math.min(this.#first, record.closed)
    this.#last = Math.max(this.#last, record.closed)
    this.#durations[this.#turn++ % SAMPLES] = record.durationMs
  }

  group(): FlowGroup {
    const sorted = this.#durations.toSorted((a, b) => a - b)
    return {
      key: this.#key,
      flows: this.#flows,
      denied: this.#denied,
      bytesSent: this.#sent,
      bytesReceived: this.#received,
      p50: quantile(sorted, 0.5),
      p95: quantile(sorted, 0.95),
      first: this.#first,
      last: this.#last,
    }
  }
}

/** The smallest value that so many are not above (nearest rank). */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}
