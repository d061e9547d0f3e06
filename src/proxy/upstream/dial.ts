// Dials judged targets until one answers: each with a time limit, the next one early where the first is slow, few of them in all.
import { type Clock, type Deadline, type Deadlines, SallyportError, type Timer } from '../../base/index.ts'
import type { CompiledCluster, Target } from '../../runtime/index.ts'
import { secretMissing, TlsError } from '../tls-error.ts'
import type { Dialling, DialOptions, Transport, Wire } from '../transport.ts'
import type { ClusterState, ClusterStates } from './cluster-state.ts'
import { targetKey } from './target-key.ts'
import type { TlsSettings } from './tls-settings.ts'

export interface DialPlan {
  readonly cluster: CompiledCluster
  /** In the order of the attempts; repeated from the start when `attempts` says more. */
  readonly targets: readonly Target[]
  readonly attempts: number
  readonly connectMs: number
  /** Of the HTTP request that will be sent; absent for other bytes. */
  readonly authority?: string
  /** What is sent is HTTP/2. */
  readonly http2?: boolean
  /** Goes ahead of everything, TLS too. */
  readonly preamble?: (() => Uint8Array) | undefined
}

export interface DialFailure {
  /** The last one that was dialled; absent when none was. */
  readonly target?: Target
  readonly attempts: number
  /** In Envoy's words, as its access log writes them. */
  readonly words: string
  readonly isTimeout: boolean
  /** Nothing was dialled: a limit of the cluster is reached, or all of its endpoints are left out. */
  readonly refused?: 'overflow' | 'unhealthy'
}

export interface DialListener {
  onConnect(wire: Wire, target: Target, attempt: number): void
  onFail(failure: DialFailure): void
}

export interface DialTools {
  readonly transport: Transport
  readonly deadlines: Deadlines
  readonly clock: Pick<Clock, 'setTimer'>
  readonly tls: TlsSettings
  readonly clusters: ClusterStates
}

/** The listener is called once, unless the attempt is cancelled before. */
export function dial(tools: DialTools, plan: DialPlan, listener: DialListener): Dialling {
  const run = new DialRun(tools, plan, listener)
  run.next()
  return run
}

/** Pause before the same target is dialled again (Envoy's base interval). */
const RETRY_PAUSE_MS = 25
/** How long a target is waited for before the next is tried beside it (RFC 8305 section 8, Connection Attempt Delay). */
const STAGGER_MS = 250

/** Failures that say something of this machine's routes, not of the target: the next target costs no attempt. */
const unroutable: ReadonlySet<string> = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'])

interface Attempt {
  readonly target: Target
  readonly number: number
  dialling: Dialling | undefined
  deadline: Deadline | undefined
}

class DialRun implements Dialling {
  readonly #tools: DialTools
  readonly #plan: DialPlan
  readonly #listener: DialListener
  readonly #state: ClusterState
  readonly #running = new Set<Attempt>()
  #index = 0
  #attempts = 0
  /** Until the next attempt is made beside the running ones, or after a pause. */
  #pause: Timer | undefined

  constructor(tools: DialTools, plan: DialPlan, listener: DialListener) {
    this.#tools = tools
    this.#plan = plan
    this.#listener = listener
    this.#state = tools.clusters.of(plan.cluster)
  }

  next(): void {
    const { targets, connectMs, attempts } = this.#plan
    const target = targets[this.#index % targets.length]
    if (target === undefined) throw new SallyportError('SLP0001', 'a decision to forward names no target')
    this.#index++
    this.#attempts++
    const options = this.#options(target)
    if ('problem' in options) {
      // Whoever asked has not heard yet what it can cancel.
      this.#pause = this.#tools.clock.setTimer(0, () => this.#end({ target, words: secretMissing(options.problem), isTimeout: false }))
      return
    }
    const attempt: Attempt = { target, number: this.#attempts, dialling: undefined, deadline: undefined }
    this.#running.add(attempt)
    this.#state.beginConnection(target)
    attempt.deadline = this.#tools.deadlines.arm(connectMs, () => {
      attempt.dialling?.cancel()
      this.#onFailed(attempt, 'connection_timeout', true)
    })
    attempt.dialling = this.#tools.transport.dial(
      target,
      { onConnect: (wire) => this.#onConnected(attempt, wire), onFail: (error) => this.#onError(attempt, error) },
      options,
    )
    if (this.#index < targets.length && this.#attempts < attempts && this.#mayRace(attempt)) this.#nextAfter(STAGGER_MS)
  }

  cancel(): void {
    this.#pause?.cancel()
    for (const attempt of this.#running) {
      attempt.deadline?.cancel()
      attempt.dialling?.cancel()
      this.#state.endConnection(attempt.target)
    }
    this.#running.clear()
  }

  /** Where connections are counted, none is made only to be given up; where failures are counted, each has its full time to fail. */
  #mayRace(attempt: Attempt): boolean {
    const { pool, outlier } = this.#plan.cluster
    return pool?.connections === undefined && outlier === undefined && this.#running.has(attempt)
  }

  #nextAfter(ms: number): void {
    this.#pause?.cancel()
    this.#pause = this.#tools.deadlines.arm(ms, () => {
      this.#pause = undefined
      this.next()
    })
  }

  #options(target: Target): DialOptions | { readonly problem: string } {
    const { cluster, authority, preamble, http2 } = this.#plan
    const { tls, pool } = cluster
    const setup = tls && this.#tools.tls.prepare(tls, authority, http2 === true)
    if (setup && 'problem' in setup) return setup
    return {
      onGone: () => this.#state.endConnection(target),
      ...(preamble && { preamble: preamble() }),
      ...(setup && { tls: setup }),
      ...(pool?.keepAlive !== undefined && { keepAliveMs: pool.keepAlive }),
    }
  }

  #onConnected(attempt: Attempt, wire: Wire): void {
    attempt.deadline?.cancel()
    this.#running.delete(attempt)
    // The others have lost the race.
    this.cancel()
    const { cluster, authority } = this.#plan
    // The answer to a request says more than that there is somebody to answer it.
    if (authority === undefined || cluster.outlier?.splitLocal) this.#state.report(cluster, attempt.target, 'connected')
    this.#listener.onConnect(wire, attempt.target, attempt.number)
  }

  #onError(attempt: Attempt, error: Error): void {
    attempt.deadline?.cancel()
    const code = 'code' in error ? String(error.code) : ''
    if (unroutable.has(code) && this.#index < this.#plan.targets.length) this.#attempts--
    this.#onFailed(attempt, error instanceof TlsError ? error.words : wordsOf(code, error), code === 'ETIMEDOUT')
  }

  #onFailed(attempt: Attempt, words: string, isTimeout: boolean): void {
    if (!this.#running.delete(attempt)) return
    this.#state.endConnection(attempt.target)
    this.#state.report(this.#plan.cluster, attempt.target, isTimeout ? 'timeout' : 'connect-failed')
    const { targets, attempts } = this.#plan
    if (this.#attempts >= attempts) {
      if (this.#running.size === 0) this.#end({ target: attempt.target, words, isTimeout })
      return
    }
    if (this.#index < targets.length) {
      this.#pause?.cancel()
      this.#pause = undefined
      return this.next()
    }
    // All have been tried once: a new round begins when none of them is waited for.
    if (this.#running.size === 0) this.#nextAfter(RETRY_PAUSE_MS)
  }

  #end(failure: Omit<DialFailure, 'attempts'>): void {
    this.cancel()
    this.#listener.onFail({ ...failure, attempts: this.#attempts })
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

export { targetKey as formatTarget }
