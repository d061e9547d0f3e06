// One client's stream: takes its requests, and says what it is sent next, in the order that lets a proxy change without a gap.
import { type Clock, systemClock } from '../../base/index.ts'
import { DeltaTypeStream } from './delta-type-stream.ts'
import { deltaResponse, stateResponse } from './discovery-response.ts'
import { namedIn } from './named-in.ts'
import type { Follower, ResourceView } from './resource-view.ts'
import { StateTypeStream } from './state-type-stream.ts'
import { isTypeUrl, type TypeUrl, typeUrls, warmingOrder } from '../type-urls.ts'
import type { Content, Rejected, Turn, TypeStream } from './type-stream.ts'

interface AnyRequest {
  readonly typeUrl: string
  readonly responseNonce: string
  /** Of a NACK. */
  readonly errorDetail?: { readonly message: string } | undefined
}

export interface StateRequest extends AnyRequest {
  readonly versionInfo: string
  readonly resourceNames: readonly string[]
}

export interface DeltaRequest extends AnyRequest {
  readonly resourceNamesSubscribe: readonly string[]
  readonly resourceNamesUnsubscribe: readonly string[]
  readonly initialResourceVersions: Readonly<Record<string, string>>
}

export interface StreamOptions {
  readonly view: ResourceView
  /** There may be something to send. */
  readonly wake: () => void
  readonly rejected: (typeUrl: TypeUrl, rejected: Rejected) => void
  /** Names that a stream may subscribe to, and versions that it may bring. */
  readonly mostNames: number
  readonly clock?: Clock
}

export type TypeState = 'SYNCED' | 'STALE' | 'NOT SENT' | 'NACK'

export interface TypeStatus {
  readonly typeUrl: TypeUrl
  readonly state: TypeState
  /** That the client has accepted. */
  readonly version: string
  readonly rejected: Rejected | undefined
}

/** One stream, in either dialect. What it sends is taken by calling `next` whenever the last piece has left. */
export abstract class DiscoveryStream implements Follower {
  protected readonly types = new Map<TypeUrl, TypeStream>()
  protected readonly options: StreamOptions
  readonly #clock: Clock
  readonly #unfollow: () => void
  #nonce = 0
  #unknownTypes = 0
  #staleNonces = 0

  constructor(options: StreamOptions) {
    this.options = options
    this.#clock = options.clock ?? systemClock
    this.#unfollow = options.view.follow(this)
  }

  close(): void {
    this.#unfollow()
  }

  changed(): void {
    this.options.wake()
  }

  generationOf(typeUrl: TypeUrl): number | undefined {
    return this.types.get(typeUrl)?.generation
  }

  /** Requests for types that nobody serves, and answers to responses that were not the last: both are passed over. */
  get oddities(): { readonly unknownTypes: number; readonly staleNonces: number } {
    return { unknownTypes: this.#unknownTypes, staleNonces: this.#staleNonces }
  }

  /** When the oldest response was sent that is not answered. */
  get waitsSince(): number | undefined {
    let oldest: number | undefined
    for (const { outstanding } of this.types.values()) if (outstanding) oldest = Math.min(oldest ?? Infinity, outstanding.at)
    return oldest
  }

  status(): readonly TypeStatus[] {
    return warmingOrder.flatMap((typeUrl) => {
      const type = this.types.get(typeUrl)
      if (type === undefined) return []
      return [{ typeUrl, state: this.#stateOf(type), version: type.acceptedVersion, rejected: type.rejected }]
    })
  }

  /** Bytes of a response; `again`: call once more soon; undefined: nothing until it wakes. Throws when the stream cannot be told what it missed. */
  next(turn: Turn): Uint8Array | 'again' | undefined {
    if (this.options.view.snapshot === undefined) return undefined
    for (const type of this.types.values()) {
      const view = this.options.view.type(type.typeUrl)
      if (view !== undefined && !type.catchUp(view)) throw new FellBehind()
    }
    return this.#addition(turn) ?? this.#removal(turn)
  }

  protected abstract make(typeUrl: TypeUrl): TypeStream
  protected abstract write(typeUrl: TypeUrl, nonce: string, content: Content): Uint8Array
  /** Called with what was just sent. */
  protected abstract sent(type: TypeStream, content: Content): void

  /** The type that a request is about, once its answer was taken in; undefined: it is passed over. */
  protected take(request: AnyRequest, isStaleIgnored: boolean): TypeStream | undefined {
    if (!isTypeUrl(request.typeUrl)) {
      this.#unknownTypes++
      return undefined
    }
    let type = this.types.get(request.typeUrl)
    if (type === undefined) {
      type = this.make(request.typeUrl)
      this.types.set(request.typeUrl, type)
    }
    const { responseNonce } = request
    if (responseNonce === '' || type.lastSent === undefined) return type
    if (responseNonce !== type.lastSent.nonce) {
      this.#staleNonces++
      if (isStaleIgnored) return undefined
    } else if (type.outstanding !== undefined) this.#settle(type, request.errorDetail?.message)
    return type
  }

  protected checkNames(): void {
    let names = 0
    for (const { subscription } of this.types.values()) names += subscription.names.size
    if (names > this.options.mostNames) throw new TooManyNames(this.options.mostNames)
  }

  #settle(type: TypeStream, error: string | undefined): void {
    const version = type.outstanding?.version ?? ''
    type.outstanding = undefined
    if (error === undefined) {
      type.acceptedVersion = version
      type.rejected = undefined
      return
    }
    const text = clip(error)
    const names = this.options.view.type(type.typeUrl)?.resources.names() ?? []
    type.rejected = { text, version, at: this.#clock.now(), resources: namedIn(text, names) }
    this.options.rejected(type.typeUrl, type.rejected)
  }

  #addition(turn: Turn): Uint8Array | 'again' | undefined {
    let isHeld = false
    for (const typeUrl of warmingOrder) {
      const type = this.types.get(typeUrl)
      const isOrdered = ordered.includes(typeUrl)
      if (type === undefined || !type.hasAdditions || (isOrdered && isHeld)) continue
      if (type.outstanding !== undefined) {
        isHeld ||= isOrdered
        continue
      }
      const view = this.options.view.type(typeUrl)
      const content = view === undefined ? 'nothing' : type.additions(view, turn)
      if (content === 'again') return 'again'
      if (content !== 'nothing') return this.#send(type, content)
    }
    return undefined
  }

  /** After everything that was added has been answered, so that nothing refers to what goes. */
  #removal(turn: Turn): Uint8Array | undefined {
    const isBusy = ordered.some((typeUrl) => this.#isBusy(typeUrl))
    for (const typeUrl of warmingOrder.toReversed()) {
      const type = this.types.get(typeUrl)
      if (type === undefined || !type.hasRemovals || type.outstanding !== undefined) continue
      if (ordered.includes(typeUrl) && (isBusy || this.#isKept(typeUrl))) continue
      const view = this.options.view.type(typeUrl)
      const content = view === undefined ? 'nothing' : type.removals(view, turn)
      if (content !== 'nothing' && content !== 'again') return this.#send(type, content)
    }
    return undefined
  }

  #isBusy(typeUrl: TypeUrl): boolean {
    const type = this.types.get(typeUrl)
    return type !== undefined && (type.outstanding !== undefined || type.hasAdditions)
  }

  /** What was rejected goes on in its previous version, and may refer to it. */
  #isKept(typeUrl: TypeUrl): boolean {
    return (referrers[typeUrl] ?? []).some((referrer) => this.types.get(referrer)?.rejected !== undefined)
  }

  #send(type: TypeStream, content: Content): Uint8Array {
    const nonce = String(++this.#nonce)
    type.outstanding = { nonce, version: content.version, at: this.#clock.monotonic() }
    type.lastSent = type.outstanding
    this.sent(type, content)
    return this.write(type.typeUrl, nonce, content)
  }

  #stateOf(type: TypeStream): TypeState {
    if (type.rejected !== undefined) return 'NACK'
    const generation = this.options.view.type(type.typeUrl)?.generation
    if (type.outstanding !== undefined || type.hasAdditions || type.hasRemovals || type.generation !== generation) return 'STALE'
    return type.acceptedVersion === '' ? 'NOT SENT' : 'SYNCED'
  }
}

export class DeltaStream extends DiscoveryStream {
  receive(request: DeltaRequest): void {
    // What a request subscribes to counts even where it answers something old: it is said only once.
    const type = this.take(request, false)
    if (!(type instanceof DeltaTypeStream)) return
    const known = Object.keys(request.initialResourceVersions).length
    if (known > this.options.mostNames) throw new TooManyNames(this.options.mostNames)
    const change = type.subscription.change(request.resourceNamesSubscribe, request.resourceNamesUnsubscribe)
    this.checkNames()
    type.ask(change, request.initialResourceVersions)
    // Names that were given up again are answered for as well, when there is a turn for it.
    if (type.askedNames > this.options.mostNames) throw new TooManyNames(this.options.mostNames)
    this.options.wake()
  }

  protected make(typeUrl: TypeUrl): TypeStream {
    return new DeltaTypeStream(typeUrl)
  }

  protected write(typeUrl: TypeUrl, nonce: string, { resources, removed, version }: Content): Uint8Array {
    return deltaResponse({ typeUrl, nonce, resources, removed, version })
  }

  /** Envoy warms an exchanged cluster with endpoints that it does not ask for again, because it never ceased to want them. */
  protected sent(type: TypeStream, { resources }: Content): void {
    const endpoints = this.types.get(typeUrls.endpoint)
    if (type.typeUrl !== typeUrls.cluster || !(endpoints instanceof DeltaTypeStream)) return
    for (const { name } of resources) endpoints.oweAgain(name)
  }
}

export class StateStream extends DiscoveryStream {
  receive(request: StateRequest): void {
    // Who answers something old has not seen the newest, and will say it all again.
    const type = this.take(request, true)
    if (!(type instanceof StateTypeStream)) return
    const change = type.subscription.replace(request.resourceNames)
    this.checkNames()
    type.ask(change, request.versionInfo)
    this.options.wake()
  }

  protected make(typeUrl: TypeUrl): TypeStream {
    return new StateTypeStream(typeUrl)
  }

  protected write(typeUrl: TypeUrl, nonce: string, { resources, version }: Content): Uint8Array {
    return stateResponse({ typeUrl, nonce, resources, version })
  }

  protected sent(type: TypeStream, content: Content): void {
    const endpoints = this.types.get(typeUrls.endpoint)
    if (type.typeUrl !== typeUrls.cluster || !(endpoints instanceof StateTypeStream)) return
    for (const name of content.changed ?? []) endpoints.oweAgain(name)
  }
}

export class FellBehind extends Error {
  constructor() {
    super('the stream has fallen so far behind that it has to begin anew')
  }
}

export class TooManyNames extends Error {
  constructor(most: number) {
    super(`a stream may name ${most} resources at the most`)
  }
}

const ordered: readonly TypeUrl[] = [typeUrls.secret, typeUrls.cluster, typeUrls.endpoint, typeUrls.listener, typeUrls.route]

/** What may refer to a type. */
const referrers: Partial<Record<TypeUrl, readonly TypeUrl[]>> = {
  [typeUrls.route]: [typeUrls.listener],
  [typeUrls.cluster]: [typeUrls.listener, typeUrls.route],
  [typeUrls.endpoint]: [typeUrls.listener, typeUrls.route, typeUrls.cluster],
  [typeUrls.secret]: [typeUrls.listener, typeUrls.cluster],
}

/** What a client says is kept and shown, and it may say a lot. */
function clip(text: string): string {
  return text.length > 4096 ? `${text.slice(0, 4096)}…` : text
}
