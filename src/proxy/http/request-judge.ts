// Asks what becomes of one request, with all that is known of it, now and again when the configuration has changed.
import { messageOf } from '../../base/index.ts'
import type { ConnectionFacts, NameFacts, RequestFacts } from '../../flow/index.ts'
import type { CompiledHttpManager, Deny, RequestDecision, Runtime } from '../../runtime/index.ts'
import { type Context, ownDeny } from '../context.ts'
import { NameGathering } from '../name-gathering.ts'
import { type HeaderValues, readHeaderValues } from './header-facts.ts'
import type { Message } from './out-buffer.ts'
import type { RequestHead } from './request-head.ts'

/** The request that is judged. */
export interface JudgedRequest {
  readonly context: Context
  readonly connection: ConnectionFacts
  readonly head: RequestHead
  /** Its head as it was written, and perhaps what follows it. */
  readonly out: Message
  /** What the client says of the scheme is not believed. */
  readonly isEdge: boolean
}

const nothing: readonly string[] = []

export class RequestJudge implements RequestFacts {
  readonly kind = 'request'
  runtime: Runtime | undefined
  manager: CompiledHttpManager
  /** The connection itself was refused. */
  refusal: Deny | undefined
  readonly random = Math.random()
  readonly #request: JudgedRequest
  #gathering: NameGathering | undefined
  #headers: HeaderValues | undefined
  #chances: Map<string, number> | undefined

  constructor(request: JudgedRequest, runtime: Runtime | undefined, manager: CompiledHttpManager) {
    this.#request = request
    this.runtime = runtime
    this.manager = manager
  }

  get connection(): ConnectionFacts {
    return this.#request.connection
  }

  get method(): string {
    return this.#request.head.method
  }

  get authority(): string {
    return this.#request.head.authority
  }

  get path(): string {
    return this.#request.head.path
  }

  get scheme(): 'http' | 'https' {
    return (this.#request.isEdge ? undefined : this.#request.head.scheme) ?? (this.#request.connection.secured ? 'https' : 'http')
  }

  headers(name: string): readonly string[] {
    return this.headerValues().get(name) ?? nothing
  }

  get names(): NameFacts {
    return this.#gathering?.facts ?? this.#request.context.knownNames
  }

  get gathering(): NameGathering {
    this.#gathering ??= new NameGathering(this.#request.context)
    return this.#gathering
  }

  /** What was learnt of names may be out of date. */
  forgetNames(): void {
    this.#gathering?.forget()
  }

  chance(purpose: string): number {
    this.#chances ??= new Map()
    const drawn = this.#chances.get(purpose) ?? Math.random()
    this.#chances.set(purpose, drawn)
    return drawn
  }

  /** By the configuration of this moment, or by another one. */
  ask(runtime: Runtime | undefined = this.runtime, manager: CompiledHttpManager = this.manager): RequestDecision {
    if (!runtime) return ownDeny('no-configuration', 'no configuration has been loaded yet, so nothing is allowed', { status: 503 })
    try {
      return this.#request.context.judge.decideRequest(runtime, manager, this)
    } catch (error) {
      return ownDeny('internal-error', `the decision failed: ${messageOf(error)}`, { status: 500 })
    }
  }

  /** Read once, and before the route's own changes are made: a later judgement sees what the client sent. */
  headerValues(): HeaderValues {
    this.#headers ??= readHeaderValues(this.#request.out.bytes, this.#request.out.length)
    return this.#headers
  }
}
