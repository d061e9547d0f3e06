// Joins what Envoy wrote down with what our relay carried, so that each connection and each request ends in exactly one record.
import { type Clock, systemClock, type Timer } from '../../base/index.ts'
import type { FlowRecord } from '../../flow/index.ts'
import { type FlowClosed, flowClosed, flowOpened } from '../../telemetry/index.ts'
import { type Entry, readEntry } from './entry.ts'
import { accessOf, recordOf, type RecordSite } from './entry-record.ts'

export interface LedgerOptions extends RecordSite {
  readonly idPrefix: string
  /** The cluster by which relayed connections are told from those that the relay itself turned away. */
  readonly relay?: string
  readonly clock?: Clock
}

/** Envoy writes within milliseconds of the end; when it was killed it never will. */
const mostWaitMs = 1500
/** Of connections that are waited for on either side. */
const mostWaiting = 50_000

export class Ledger {
  readonly #options: LedgerOptions
  readonly #clock: Clock
  /** Connections that the relay has and that are open: id by source address. */
  readonly #open = new Map<string, string>()
  /** Ended at the relay, not told by Envoy yet. */
  readonly #relayed = new Map<string, { readonly closed: FlowClosed; readonly timer: Timer }>()
  /** Told by Envoy, not ended at the relay yet. */
  readonly #told = new Map<string, Entry | 'requests'>()
  /** Envoy's connections whose requests have records. */
  readonly #withRequests = new Set<string>()

  constructor(options: LedgerOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** A connection of the relay has begun. */
  begin(id: string, source: string): void {
    if (this.#open.size < mostWaiting) this.#open.set(source, id)
  }

  /** A connection of the relay has ended, or was turned away. */
  end(closed: FlowClosed): void {
    const { record } = closed
    if (record.cluster !== this.#options.relay) return publish(record, closed)
    const { address } = record.source
    const key = keyOf(address, record.destination)
    const told = this.#told.get(key)
    if (told !== undefined) {
      this.#told.delete(key)
      this.#forgetOpen(record)
      if (told !== 'requests') this.#join(record, told)
      return
    }
    const timer = this.#clock.setTimer(mostWaitMs, () => this.#giveUp(key))
    this.#relayed.set(key, { closed, timer })
    if (this.#relayed.size > mostWaiting) for (const first of this.#relayed.keys()) return this.#giveUp(first)
  }

  hear(line: string): void {
    const entry = readEntry(line)
    if (entry === undefined) return
    if (entry.kind === 'request') this.#onRequest(entry)
    else this.#onConnection(entry)
  }

  /** Envoy has ended: what it has not told it never will, and its numbers begin anew. */
  forget(): void {
    this.#withRequests.clear()
    for (const key of Array.from(this.#relayed.keys())) this.#giveUp(key)
  }

  #onRequest(entry: Entry): void {
    const connection = entry.text('connection') ?? ''
    if (this.#withRequests.size < mostWaiting) this.#withRequests.add(connection)
    const id = entry.text('id') ?? this.#connectionId(connection)
    const relayed = this.#open.get(entry.text('source') ?? '')
    const record = { ...recordOf(entry, id, this.#options), connection: relayed ?? this.#connectionId(connection) }
    publish(record, { record, access: accessOf(entry) })
  }

  #onConnection(entry: Entry): void {
    const connection = entry.text('connection') ?? ''
    const hadRequests = this.#withRequests.delete(connection)
    const source = entry.text('source') ?? ''
    // Somebody who looked whether the socket is there.
    if (!source.includes(':')) return
    const key = keyOf(source, entry.text('destination') ?? '')
    const relayed = this.#relayed.get(key)
    // It came to Envoy itself: the relay knows of its own before Envoy does.
    if (relayed === undefined && !this.#open.has(source)) {
      // Those that end before a filter chain is chosen have no number of their own.
      const id = `${this.#connectionId(connection)}-${entry.text('moment') ?? '0'}`
      if (!hadRequests) this.#publish(recordOf(entry, id, this.#options), entry)
      return
    }
    if (relayed === undefined) {
      this.#told.set(key, hadRequests ? 'requests' : entry)
      if (this.#told.size > mostWaiting) for (const first of this.#told.keys()) return void this.#told.delete(first)
      return
    }
    relayed.timer.cancel()
    this.#relayed.delete(key)
    this.#forgetOpen(relayed.closed.record)
    if (!hadRequests) this.#join(relayed.closed.record, entry)
  }

  /** Who, when and from where is known to the relay; what became of it, to Envoy. */
  #join(carried: FlowRecord, entry: Entry): void {
    const { id, opened, closed, durationMs, source, destination, host, bytesSent, bytesReceived } = carried
    const told = recordOf(entry, id, this.#options)
    this.#publish(
      { ...told, opened, closed, durationMs, source, destination, bytesSent, bytesReceived, ...(host !== undefined && { host }) },
      entry,
    )
  }

  #publish(record: FlowRecord, entry: Entry): void {
    publish(record, { record, access: accessOf(entry) })
  }

  #giveUp(key: string): void {
    const waiting = this.#relayed.get(key)
    if (waiting === undefined) return
    this.#relayed.delete(key)
    this.#forgetOpen(waiting.closed.record)
    waiting.timer.cancel()
    const { cluster: _cluster, upstream: _upstream, ...rest } = waiting.closed.record
    const text = 'Envoy ended before it wrote down what became of this connection'
    const record: FlowRecord = { ...rest, verdict: 'deny', reason: { code: 'internal-error', text }, path: 'none', redialled: false }
    publish(record, { record, access: waiting.closed.access })
  }

  /** Its port may be another connection's by now. */
  #forgetOpen({ id, source }: FlowRecord): void {
    if (this.#open.get(source.address) === id) this.#open.delete(source.address)
  }

  #connectionId(connection: string): string {
    return `${this.#options.idPrefix}-c${connection}`
  }
}

function keyOf(source: string, destination: string): string {
  return `${source} ${destination}`
}

/** A flow is counted where it is recorded: until then it is not known whether its requests stand for it. */
function publish(record: FlowRecord, closed: FlowClosed): void {
  if (flowOpened.hasSubscribers) flowOpened.publish({ id: record.id, kind: record.kind, role: record.role })
  if (flowClosed.hasSubscribers) flowClosed.publish(closed)
}
