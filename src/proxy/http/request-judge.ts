// Asks what becomes of one request, with all that is known of it, now and again when the configuration has changed.
import { messageOf } from '../../base/index.ts'
import type { ConnectionFacts, HeaderFacts, RequestFacts } from '../../flow/index.ts'
import type { CompiledHttpManager, Deny, RequestDecision, Runtime } from '../../runtime/index.ts'
import { type Context, ownDeny } from '../context.ts'
import { NameGathering } from '../name-gathering.ts'
import { type HeaderValues, readHeaderValues } from './header-facts.ts'
import type { RequestHead } from './request-head.ts'

export interface RequestJudgeOptions {
  readonly context: Context
  readonly connection: ConnectionFacts
  readonly head: RequestHead
  readonly runtime: Runtime | undefined
  readonly manager: CompiledHttpManager
  /** The connection itself was refused. */
  readonly deny: Deny | undefined
  /** What the client says of the scheme is not believed. */
  readonly isEdge: boolean
  readonly owner: JudgedRequest
}

export interface JudgedRequest {
  /** Its head as it was written, wherever it is by now, and how much of the buffer it and what follows it are. */
  writtenHead(): { readonly bytes: Buffer; readonly length: number }
}

const nothing: readonly string[] = []

export class RequestJudge {
  runtime: Runtime | undefined
  manager: CompiledHttpManager
  refusal: Deny | undefined
  readonly names: NameGathering
  readonly #options: RequestJudgeOptions
  readonly #facts: RequestFacts
  #headers: HeaderValues | undefined
  #chances: Map<string, number> | undefined

  constructor(options: RequestJudgeOptions) {
    const { context, connection, head } = options
    this.#options = options
    this.runtime = options.runtime
    this.manager = options.manager
    this.refusal = options.deny
    this.names = new NameGathering(context)
    const headers: HeaderFacts = (name) => this.headerValues().get(name) ?? nothing
    this.#facts = {
      kind: 'request',
      connection,
      method: head.method,
      authority: head.authority,
      path: head.path,
      scheme: (options.isEdge ? undefined : head.scheme) ?? 'http',
      headers,
      chance: (purpose) => this.#chance(purpose),
      names: this.names.facts,
      random: Math.random(),
    }
  }

  /** By the configuration of this moment, or by another one. */
  ask(runtime: Runtime | undefined = this.runtime, manager: CompiledHttpManager = this.manager): RequestDecision {
    if (!runtime) return ownDeny('no-configuration', 'no configuration has been loaded yet, so nothing is allowed', { status: 503 })
    try {
      return this.#options.context.judge.decideRequest(runtime, manager, this.#facts)
    } catch (error) {
      return ownDeny('internal-error', `the decision failed: ${messageOf(error)}`, { status: 500 })
    }
  }

  /** Read once, and before the route's own changes are made: a later judgement sees what the client sent. */
  headerValues(): HeaderValues {
    if (!this.#headers) {
      const { bytes, length } = this.#options.owner.writtenHead()
      this.#headers = readHeaderValues(bytes, length)
    }
    return this.#headers
  }

  #chance(purpose: string): number {
    this.#chances ??= new Map()
    const drawn = this.#chances.get(purpose) ?? Math.random()
    this.#chances.set(purpose, drawn)
    return drawn
  }
}
