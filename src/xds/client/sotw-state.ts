// Keeps the client's side of a state-of-the-world xDS stream: each request repeats all names, the last accepted version and the last nonce.
import { type Interest, legacyWildcards, nackCode, type Received, shortened, type StreamState } from './protocol.ts'

/** The fields of a DiscoveryRequest, without the node. */
export interface SotwRequest {
  readonly typeUrl: string
  readonly versionInfo: string
  readonly resourceNames: readonly string[]
  readonly responseNonce: string
  readonly errorDetail?: { readonly code: number; readonly message: string }
}

interface TypeState {
  interest: Interest
  /** Has been asked for on this stream. */
  isAsked: boolean
  /** Of the last response that was accepted whole, on this stream or an earlier one. */
  accepted: string
  /** Parts of a later response were accepted: what is held is of no version. */
  isMixed: boolean
  /** Of the last answer. */
  nonce: string
  /** Of the last response. */
  received: string
}

export class SotwState implements StreamState<SotwRequest> {
  readonly #types = new Map<string, TypeState>()

  /** `accepted`: by type, the version that was accepted last on an earlier stream. */
  constructor(interests: ReadonlyMap<string, Interest>, accepted: ReadonlyMap<string, string>) {
    for (const [typeUrl, interest] of interests) {
      this.#types.set(typeUrl, { interest, accepted: accepted.get(typeUrl) ?? '', ...fresh })
    }
  }

  /** By type, what a later stream may say is held. */
  get accepted(): ReadonlyMap<string, string> {
    return new Map(Array.from(this.#types, ([typeUrl, { accepted, isMixed }]) => [typeUrl, isMixed ? '' : accepted]))
  }

  open(): readonly SotwRequest[] {
    return Array.from(this.#types).flatMap(([typeUrl, state]) => (isNothing(state.interest) ? [] : [request(typeUrl, state)]))
  }

  subscribe(typeUrl: string, interest: Interest): SotwRequest | undefined {
    const state = this.#stateOf(typeUrl, interest)
    const isSame = state.isAsked && isEqual(state.interest, interest)
    state.interest = interest
    if (isSame || (isNothing(interest) && !state.isAsked)) return undefined
    // A request with the nonce of an earlier response counts for nothing; the answer that is still to come carries the names.
    return state.received === state.nonce ? request(typeUrl, state) : undefined
  }

  receive({ typeUrl, nonce }: Received): void {
    const state = this.#types.get(typeUrl)
    if (state !== undefined) state.received = nonce
  }

  answer({ typeUrl, nonce, version }: Received, problem?: string): SotwRequest | undefined {
    const state = this.#types.get(typeUrl)
    if (state === undefined) return undefined
    if (problem === undefined) state.accepted = version
    state.isMixed = problem !== undefined
    // The server goes by the last response; an answer to an earlier one would be passed over.
    if (nonce !== state.received) return undefined
    state.nonce = nonce
    const answer = request(typeUrl, state)
    return problem === undefined ? answer : { ...answer, errorDetail: { code: nackCode, message: shortened(problem) } }
  }

  #stateOf(typeUrl: string, interest: Interest): TypeState {
    const known = this.#types.get(typeUrl)
    if (known !== undefined) return known
    const state: TypeState = { interest, accepted: '', ...fresh }
    this.#types.set(typeUrl, state)
    return state
  }
}

const fresh = { isAsked: false, isMixed: false, nonce: '', received: '' }

function request(typeUrl: string, state: TypeState): SotwRequest {
  state.isAsked = true
  return { typeUrl, versionInfo: state.accepted, resourceNames: namesOf(typeUrl, state.interest), responseNonce: state.nonce }
}

function isNothing({ isWildcard, names }: Interest): boolean {
  return !isWildcard && names.size === 0
}

function isEqual(a: Interest, b: Interest): boolean {
  return a.isWildcard === b.isWildcard && a.names.size === b.names.size && [...a.names].every((name) => b.names.has(name))
}

function namesOf(typeUrl: string, { isWildcard, names }: Interest): string[] {
  const saysStar = isWildcard && (!legacyWildcards.has(typeUrl) || names.size > 0)
  return saysStar ? ['*', ...names] : [...names]
}
