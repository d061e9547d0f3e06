// Keeps the client's side of an incremental (delta) xDS stream: subscriptions by name, and a nonce for each response.
import { type Interest, type Known, legacyWildcards, nackCode, type Received, shortened, type StreamState } from './protocol.ts'

/** The fields of a DeltaDiscoveryRequest, without the node. */
export interface DeltaRequest {
  readonly typeUrl: string
  readonly resourceNamesSubscribe: readonly string[]
  readonly resourceNamesUnsubscribe: readonly string[]
  readonly initialResourceVersions: Readonly<Record<string, string>>
  readonly responseNonce: string
  readonly errorDetail?: { readonly code: number; readonly message: string }
}

export class DeltaState implements StreamState<DeltaRequest> {
  readonly #interests: Map<string, Interest>
  readonly #known: Known

  constructor(interests: ReadonlyMap<string, Interest>, known: Known) {
    this.#interests = new Map(interests)
    this.#known = known
  }

  open(): readonly DeltaRequest[] {
    return Array.from(this.#interests).flatMap(([typeUrl, interest]) => (isNothing(interest) ? [] : [this.#first(typeUrl, interest)]))
  }

  subscribe(typeUrl: string, interest: Interest): DeltaRequest | undefined {
    const before = this.#interests.get(typeUrl)
    this.#interests.set(typeUrl, interest)
    if (before === undefined || isNothing(before)) return isNothing(interest) ? undefined : this.#first(typeUrl, interest)
    const subscribe = namesOf(typeUrl, interest).filter((name) => !has(before, name))
    const unsubscribe = namesOf(typeUrl, before).filter((name) => !has(interest, name))
    if (subscribe.length + unsubscribe.length === 0) return undefined
    return { ...empty(typeUrl), resourceNamesSubscribe: subscribe, resourceNamesUnsubscribe: unsubscribe }
  }

  receive(_received: Received): void {
    // A response is known by its nonce alone.
  }

  answer({ typeUrl, nonce }: Received, problem?: string): DeltaRequest {
    const answer = { ...empty(typeUrl), responseNonce: nonce }
    return problem === undefined ? answer : { ...answer, errorDetail: { code: nackCode, message: shortened(problem) } }
  }

  /** Versions are told once on each stream, in the first request of a type. */
  #first(typeUrl: string, interest: Interest): DeltaRequest {
    const versions = Array.from(this.#known.versionsOf(typeUrl)).filter(([name]) => interest.isWildcard || interest.names.has(name))
    return {
      ...empty(typeUrl),
      resourceNamesSubscribe: namesOf(typeUrl, interest),
      initialResourceVersions: Object.fromEntries(versions),
    }
  }
}

function empty(typeUrl: string): DeltaRequest {
  return { typeUrl, resourceNamesSubscribe: [], resourceNamesUnsubscribe: [], initialResourceVersions: {}, responseNonce: '' }
}

function isNothing({ isWildcard, names }: Interest): boolean {
  return !isWildcard && names.size === 0
}

function has(interest: Interest, name: string): boolean {
  return name === '*' ? interest.isWildcard : interest.names.has(name)
}

function namesOf(typeUrl: string, { isWildcard, names }: Interest): string[] {
  // Once a name has been said, the empty list means nothing any more, and the star has to be said too.
  const saysStar = isWildcard && (!legacyWildcards.has(typeUrl) || names.size > 0)
  return saysStar ? ['*', ...names] : [...names]
}
