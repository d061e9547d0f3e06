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
import { type FlowClosed, flowClosed, flowDecided, flowOpened } from '../telemetry/index.ts'

export interface FlowCounters {
  opened: number
  recorded: number
  active: number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What is learnt of a flow on its way; starts as a refusal, because deny is the zero value. */
export interface FlowDraft {
  source: FlowSource
  destination: string
  connection?: string
  parent?: string
  protocol: FlowProtocol
  host?: string
  sni?: string
  method?: string
  requestPath?: string
  verdict: Verdict
  reason: Reason
  path: FlowPath
  cluster?: string
  upstream?: string
  upstreamLocal?: string
  redialled: boolean
  bytesSent: number
  bytesReceived: number
  status?: number
  flag: ResponseFlag
  details?: string
}

const undecided: Reason = { code: 'internal-error', text: 'the flow ended before it was decided' }

export interface FlowRecorderOptions {
  readonly role: FlowRecord['role']
  readonly clock: Clock
  /** Joins a reference with the place that it has now. */
  readonly placed: (ref: OriginRef) => PlacedRef
}

export class FlowRecorder {
  readonly counters: FlowCounters = { opened: 0, recorded: 0, active: 0 }
  readonly role: FlowRecord['role']
  readonly clock: Clock
  readonly placed: (ref: OriginRef) => PlacedRef

  constructor(options: FlowRecorderOptions) {
    this.role = options.role
    this.clock = options.clock
    this.placed = options.placed
  }

  /** The flow counts from its `announce` on, or from its end. */
  open(kind: 'connection' | 'request', source: FlowSource, destination: string): Flow {
    return new Flow(this, kind, source, destination)
  }
}

/** What will be published, while it is being filled in: a copy at the end would cost more than all else here. */
type OpenRecord = Mutable<Omit<FlowRecord, 'reason'>> & { reason: Reason }

export class Flow {
  readonly id: string = randomUUID()
  readonly opened: number
  /** Fills in what only an access log asks for; called once, when the record is written. */
  access: (() => AccessDetails) | undefined
  readonly #record: OpenRecord
  readonly #recorder: FlowRecorder
  readonly #kind: 'connection' | 'request'
  readonly #started: number
  #announced = false
  #closed = false

  constructor(recorder: FlowRecorder, kind: 'connection' | 'request', source: FlowSource, destination: string) {
    this.#recorder = recorder
    this.#kind = kind
    this.opened = recorder.clock.now()
    this.#started = recorder.clock.monotonic()
    this.#record = {
      id: this.id,
      kind,
      role: recorder.role,
      opened: this.opened,
      closed: 0,
      durationMs: 0,
      source,
      destination,
      protocol: 'unknown',
      verdict: 'deny',
      reason: undecided,
      path: 'none',
      redialled: false,
      bytesSent: 0,
      bytesReceived: 0,
      flag: '-',
    }
  }

  /** What is written into it after the flow was closed is not heard. */
  get draft(): FlowDraft {
    return this.#closed ? { ...this.#record } : this.#record
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
    const { counters, role } = this.#recorder
    counters.opened++
    counters.active++
    if (flowOpened.hasSubscribers) flowOpened.publish({ id: this.id, kind: this.#kind, role })
  }

  /** Requests stand for this connection: it has no record of its own. */
  discard(): void {
    if (!this.#announced) this.#closed = true
  }

  /** Tells that a long-lived flow has found its way. */
  decided(): void {
    this.announce()
    if (!flowDecided.hasSubscribers) return
    const { source, protocol, verdict, reason, path, cluster, host, sni } = this.draft
    flowDecided.publish({
      id: this.id,
      kind: this.#kind,
      role: this.#recorder.role,
      source,
      protocol,
      verdict,
      path,
      reason: { code: reason.code, text: reason.text },
      ...(reason.by && { by: this.#recorder.placed(reason.by) }),
      ...(cluster !== undefined && { cluster }),
      ...(host !== undefined && { host }),
      ...(sni !== undefined && { sni }),
    })
  }

  /** The first call writes the record; whoever comes later is only the last resort and is not heard. */
  close(): void {
    if (this.#closed) return
    this.announce()
    this.#closed = true
    const { counters } = this.#recorder
    counters.recorded++
    counters.active--
    if (!flowClosed.hasSubscribers) return
    flowClosed.publish(new ClosedFlow(this.#finish(), this.access))
  }

  /** From now on nobody writes into it. */
  #finish(): FlowRecord {
    const record = this.#record
    const { reason } = record
    record.closed = this.#recorder.clock.now()
    record.durationMs = Math.round(this.elapsedMs)
    record.reason = { code: reason.code, text: reason.text }
    if (reason.by) record.by = this.#recorder.placed(reason.by)
    return record
  }
}

/** Makes the details of an access log only where somebody writes one. */
class ClosedFlow implements FlowClosed {
  readonly record: FlowRecord
  #makeAccess: (() => AccessDetails) | undefined
  #access: AccessDetails | undefined

  constructor(record: FlowRecord, makeAccess: (() => AccessDetails) | undefined) {
    this.record = record
    this.#makeAccess = makeAccess
  }

  get access(): AccessDetails | undefined {
    if (this.#makeAccess) this.#access = this.#makeAccess()
    this.#makeAccess = undefined
    return this.#access
  }
}
