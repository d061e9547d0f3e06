// Dials judged targets in turn until one answers, with a time limit for each and a limit on attempts.
import { type Deadline, type Deadlines, formatAddress, SallyportError } from '../../base/index.ts'
import type { Target } from '../../runtime/index.ts'
import type { Dialling, Transport, Wire } from '../transport.ts'

export interface DialPlan {
  /** In the order of the attempts; repeated from the start when `attempts` says more. */
  readonly targets: readonly Target[]
  readonly attempts: number
  readonly connectMs: number
}

export interface DialFailure {
  readonly target: Target
  readonly attempts: number
  /** In Envoy's words, as its access log writes them. */
  readonly words: string
  readonly isTimeout: boolean
}

export interface DialListener {
  onConnect(wire: Wire, target: Target, attempt: number): void
  onFail(failure: DialFailure): void
}

export interface DialTools {
  readonly transport: Transport
  readonly deadlines: Deadlines
}

/** The listener is called once, unless the attempt is cancelled before. */
export function dial(tools: DialTools, plan: DialPlan, listener: DialListener): Dialling {
  const run = new DialRun(tools, plan, listener)
  run.next()
  return run
}

/** Pause before the same target is dialled again (Envoy's base interval). */
const RETRY_PAUSE_MS = 25

/** Failures that say something of this machine's routes, not of the target: the next target costs no attempt. */
const unroutable: ReadonlySet<string> = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'])

class DialRun implements Dialling {
  readonly #tools: DialTools
  readonly #plan: DialPlan
  readonly #listener: DialListener
  #index = 0
  #attempt = 1
  #current: Dialling | undefined
  #deadline: Deadline | undefined

  constructor(tools: DialTools, plan: DialPlan, listener: DialListener) {
    this.#tools = tools
    this.#plan = plan
    this.#listener = listener
  }

  next(): void {
    const { targets, connectMs } = this.#plan
    const target = targets[this.#index % targets.length]
    if (target === undefined) throw new SallyportError('SLP0001', 'a decision to forward names no target')
    this.#deadline = this.#tools.deadlines.arm(connectMs, () => {
      this.#current?.cancel()
      this.#onFailed(target, 'connection_timeout', true)
    })
    this.#current = this.#tools.transport.dial(target, {
      onConnect: (wire) => {
        this.#deadline?.cancel()
        this.#listener.onConnect(wire, target, this.#attempt)
      },
      onFail: (error) => {
        this.#deadline?.cancel()
        const code = 'code' in error ? String(error.code) : ''
        if (unroutable.has(code) && this.#index + 1 < targets.length) {
          this.#index++
          return this.next()
        }
        this.#onFailed(target, wordsOf(code, error), code === 'ETIMEDOUT')
      },
    })
  }

  cancel(): void {
    this.#deadline?.cancel()
    this.#current?.cancel()
  }

  #onFailed(target: Target, words: string, isTimeout: boolean): void {
    if (this.#attempt >= this.#plan.attempts) {
      this.#listener.onFail({ target, attempts: this.#attempt, words, isTimeout })
      return
    }
    this.#attempt++
    this.#index++
    if (this.#index < this.#plan.targets.length) return this.next()
    this.#deadline = this.#tools.deadlines.arm(RETRY_PAUSE_MS, () => this.next())
  }
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'delayed_connect_error:_Connection_refused',
  EHOSTUNREACH: 'delayed_connect_error:_No_route_to_host',
  ENETUNREACH: 'immediate_connect_error:_Network_is_unreachable',
  EADDRNOTAVAIL: 'immediate_connect_error:_Cannot_assign_requested_address',
  ECONNRESET: 'delayed_connect_error:_Connection_reset_by_peer',
  ETIMEDOUT: 'connection_timeout',
  ENOENT: 'immediate_connect_error:_No_such_file_or_directory',
  EACCES: 'immediate_connect_error:_Permission_denied',
  EPERM: 'immediate_connect_error:_Operation_not_permitted',
}

function wordsOf(code: string, error: Error): string {
  return words[code] ?? (code === '' ? error.message : `connect_error:_${code}`).replaceAll(' ', '_')
}

/** `ip:port`, or the path of the Unix socket. */
export function formatTarget(target: Target): string {
  return 'pipe' in target ? target.pipe : formatAddress(target)
}
