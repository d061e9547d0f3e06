// Opens flows and closes each in exactly one record, so that nothing passes unseen and nothing is counted twice.
import { randomUUID } from 'node:crypto'
import type { Clock } from '../base/index.ts'
import type {
  AccessDetails,
  FlowPath,
  FlowProtocol,
  FlowRecord,
  FlowSource,
  OriginRef,
  PlacedRef,
  Reason,
  ResponseFlag,
  Verdict,
} from '../flow/index.ts'
import { type FlowClosed, flowClosed, type FlowDecided, flowDecided, type FlowOpened, flowOpened } from '../telemetry/index.ts'

export interface FlowCounters {
  opened: number
  recorded: number
  active: number
}

/** What is learnt of a flow on its way; starts as a refusal, because deny is the zero value. */
export type FlowDraft = Omit<OpenRecord, 'id' | 'kind' | 'role' | 'opened' | 'closed' | 'durationMs' | 'by'>

const undecided: Reason = { code: 'internal-error', text: 'the flow ended before it was decided' }

/** Is told of flows in the place of the channels. */
export interface FlowSink {
  opened(flow: FlowOpened): void
  decided(flow: FlowDecided): void
  closed(flow: FlowClosed): void
}

export interface FlowRecorderOptions {
  readonly role: FlowRecord['role']
  readonly clock: Clock
  /** Joins a reference with the place that it has now. */
  readonly placed: (ref: OriginRef) => PlacedRef
  readonly sink?: FlowSink
}

export class FlowRecorder {
  readonly counters: FlowCounters = { opened: 0, recorded: 0, active: 0 }
  readonly role: FlowRecord['role']
  readonly clock: Clock
  readonly placed: (ref: OriginRef) => PlacedRef
  readonly sink: FlowSink | undefined

  constructor(options: FlowRecorderOptions) {
    this.role = options.role
    this.clock = options.clock
    this.placed = options.placed
    this.sink = options.sink
  }

  /** The flow counts from its `announce` on, or from its end. */
  open(kind: 'connection' | 'request', source: FlowSource, destination: string): Flow {
    return new Flow(this, kind, source, destination)
  }
}

/** What will be published, while it is being filled in. All fields are there from the beginning: an object that grows costs more than all else here. */
class OpenRecord {
  readonly id: string
  readonly kind: 'connection' | 'request'
  connection: string | undefined
  parent: string | undefined
  readonly role: FlowRecord['role']
  readonly opened: number
  closed = 0
  durationMs = 0
  source: FlowSource
  destination: string
  protocol: FlowProtocol = 'unknown'
  host: string | undefined
  sni: string | undefined
  method: string | undefined
  requestPath: string | undefined
  verdict: Verdict = 'deny'
  reason: Reason = undecided
  by: PlacedRef | undefined
  path: FlowPath = 'none'
  cluster: string | undefined
  upstream: string | undefined
  upstreamLocal: string | undefined
  upstreamPrincipal: string | undefined
  redialled = false
  bytesSent = 0
  bytesReceived = 0
  status: number | undefined
  flag: ResponseFlag = '-'
  details: string | undefined

  constructor(recorder: FlowRecorder, kind: 'connection' | 'request', source: FlowSource, destination: string) {
    this.id = randomUUID()
    this.kind = kind
    this.role = recorder.role
    this.opened = recorder.clock.now()
    this.source = source
    this.destination = destination
  }
}

/** Fills in what only an access log asks for. */
export interface AccessTeller {
  accessDetails(): AccessDetails
}

export class Flow implements FlowClosed {
  /** Asked once at most, when the record is written. */
  teller: AccessTeller | undefined
  readonly #record: OpenRecord
  readonly #recorder: FlowRecorder
  readonly #started: number
  #access: AccessDetails | undefined
  #announced = false
  #closed = false

  constructor(recorder: FlowRecorder, kind: 'connection' | 'request', source: FlowSource, destination: string) {
    this.#recorder = recorder
    this.#started = recorder.clock.monotonic()
    this.#record = new OpenRecord(recorder, kind, source, destination)
  }

  get id(): string {
    return this.#record.id
  }

  /** What is written into it after the flow was closed is not heard. */
  get draft(): FlowDraft {
    return this.#closed ? Object.assign({}, this.#record) : this.#record
  }

  get isClosed(): boolean {
    return this.#closed
  }

  get elapsedMs(): number {
    return this.#recorder.clock.monotonic() - this.#started
  }

  /** From here on exactly one record will follow. An HTTP connection whose requests are recorded is never announced itself. */
  announce(): void {
    if (this.#announced || this.#closed) return
    this.#announced = true
    const { counters, role, sink } = this.#recorder
    counters.opened++
    counters.active++
    if (sink) sink.opened({ id: this.id, kind: this.#record.kind, role })
    else if (flowOpened.hasSubscribers) flowOpened.publish({ id: this.id, kind: this.#record.kind, role })
  }

  /** Requests stand for this connection: it has no record of its own. */
  discard(): void {
    if (!this.#announced) this.#closed = true
  }

  /** Tells that a long-lived flow has found its way. */
  decided(): void {
    this.announce()
    const { sink } = this.#recorder
    if (!sink && !flowDecided.hasSubscribers) return
    const { source, protocol, verdict, reason, path, cluster, host, sni } = this.draft
    const told: FlowDecided = {
      id: this.id,
      kind: this.#record.kind,
      role: this.#recorder.role,
      source,
      protocol,
      verdict,
      path,
      reason: { code: reason.code, text: reason.text },
      by: reason.by && this.#recorder.placed(reason.by),
      cluster,
      host,
      sni,
    }
    if (sink) sink.decided(told)
    else flowDecided.publish(told)
  }

  /** The first call writes the record; whoever comes later is only the last resort and is not heard. */
  close(): void {
    if (this.#closed) return
    this.announce()
    this.#closed = true
    const { counters, sink } = this.#recorder
    counters.recorded++
    counters.active--
    if (!sink && !flowClosed.hasSubscribers) return
    this.#finish()
    if (sink) sink.closed(this)
    else flowClosed.publish(this)
  }

  get record(): FlowRecord {
    return this.#record
  }

  /** Made only where somebody writes an access log. */
  get access(): AccessDetails | undefined {
    this.#access ??= this.teller?.accessDetails()
    return this.#access
  }

  /** From now on nobody writes into the record. */
  #finish(): void {
    const record = this.#record
    const { reason } = record
    record.durationMs = Math.round(this.elapsedMs)
    record.closed = this.#recorder.clock.now()
    if (!reason.by) return
    record.by = this.#recorder.placed(reason.by)
    record.reason = withoutOrigin(reason)
  }
}

/** What allows a flow is as old as its declaration, and is told with the same object each time. */
const toldReasons = new WeakMap<Reason, FlowRecord['reason']>()

/** A record names the place of what decided, too, and so in a field of its own. */
function withoutOrigin(reason: Reason): FlowRecord['reason'] {
  if (reason.code !== 'declared') return { code: reason.code, text: reason.text }
  let told = toldReasons.get(reason)
  if (told === undefined) {
    told = { code: reason.code, text: reason.text }
    toldReasons.set(reason, told)
  }
  return told
}
