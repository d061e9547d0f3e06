// Adds up the flows that `top` shows: by destination, denial, workload and declaration, with rates.
import type { FlowRecord } from '../../flow/index.ts'
import { type FlowGroup, FlowGroups, groupings, mostGroups } from '../flows/flow-groups.ts'
import { hostOf, weightOf } from '../flows/record-line.ts'
import { FlowRates } from './flow-rates.ts'

export const views = ['destinations', 'denials', 'workloads', 'policies'] as const
export type View = (typeof views)[number]

export interface Row extends FlowGroup {
  /** Flows a second. */
  readonly rate: number
}

export interface Totals {
  readonly flows: number
  readonly denied: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly rate: number
  readonly lost: number
}

const keys: Record<View, (record: FlowRecord) => string> = {
  destinations: groupings.host,
  denials: (record) => `${record.reason.code} ${hostOf(record)}`,
  workloads: groupings.workload,
  policies: groupings.policy,
}

const ALL = ''

export class Traffic {
  readonly #groups: Record<View, FlowGroups>
  readonly #rates: Record<View, FlowRates>
  readonly #total = new FlowRates(1)
  #flows = 0
  #denied = 0
  #sent = 0
  #received = 0
  #lost = 0
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY

  constructor() {
    this.#groups = byView((view) => new FlowGroups(keys[view]))
    this.#rates = byView(() => new FlowRates(mostGroups))
  }

  add(record: FlowRecord): void {
    const weight = weightOf(record)
    this.#flows += weight
    if (record.verdict === 'deny') this.#denied += weight
    this.#sent += record.bytesSent
    this.#received += record.bytesReceived
    this.#first = Math.min(this.#first, record.closed)
    this.#last = Math.max(this.#last, record.closed)
    this.#total.add(ALL, record.closed, weight)
    for (const view of views) {
      if (view === 'denials' && record.verdict === 'allow') continue
      this.#groups[view].add(record)
      this.#rates[view].add(keys[view](record), record.closed, weight)
    }
  }

  addLoss(count: number): void {
    this.#lost += count
  }

  /** Rates are of the last seconds before `now`; without it, of the whole time that the flows span. */
  totals(now: number | undefined): Totals {
    return {
      flows: this.#flows,
      denied: this.#denied,
      bytesSent: this.#sent,
      bytesReceived: this.#received,
      rate: now === undefined ? this.#flows / this.#span() : this.#total.rateOf(ALL, now),
      lost: this.#lost,
    }
  }

  rows(view: View, now: number | undefined): readonly Row[] {
    const rates = this.#rates[view]
    return this.#groups[view]
      .groups()
      .map((group) => ({ ...group, rate: now === undefined ? group.flows / this.#span() : rates.rateOf(group.key, now) }))
  }

  /** In seconds; a single moment counts as one. */
  #span(): number {
    return Math.max(1, (this.#last - this.#first) / 1000)
  }
}

function byView<T>(make: (view: View) => T): Record<View, T> {
  return { destinations: make('destinations'), denials: make('denials'), workloads: make('workloads'), policies: make('policies') }
}
