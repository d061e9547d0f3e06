// Joins what a server sends with what is asked of it: takes in resources, offers them for judgement, answers, and wants what is named.
import { Watchable } from '../../base/index.ts'
import type { Node } from '../gen/envoy/config/core/v3/base_pb.js'
import type { Snapshot } from '../snapshot.ts'
import { typeUrls } from '../type-urls.ts'
import { type AdsClient, type AdsClientOptions, type AdsState, startAdsClient } from './ads-client.ts'
import { emptySnapshot } from './held.ts'
import { type Answer, type Batch, type Failure, Intake, type Refusal, type ResourceState } from './intake.ts'
import type { Restoring, ToKeep } from './last-good.ts'
import type { Interest, Received } from './protocol.ts'
import { ReferenceFinder } from './references.ts'

export interface SessionOptions extends Pick<AdsClientOptions, 'address' | 'securedBy' | 'timing' | 'clock' | 'random'> {
  readonly node: Node
  /** What was kept from another time. */
  readonly restored?: Restoring
  /** Something waits to be judged: `begin` and `end` are to be called. */
  readonly onNews: () => void
}

/** Of one type, as Envoy counts. */
export interface UpdateCounts {
  readonly attempts: number
  readonly successes: number
  readonly rejections: number
  /** Of the last response that was accepted. */
  readonly version: string
}

export interface XdsSession {
  readonly state: Watchable<AdsState>
  /** The server has said what it has of every type that is asked for as a whole. */
  readonly isHeard: boolean
  readonly hasNews: boolean
  readonly failures: Iterable<Failure>
  readonly counts: ReadonlyMap<string, UpdateCounts>
  /** Asks the server; what was restored can be judged before. */
  connect(): void
  begin(): Batch
  /** `good` may go on being offered, `inForce` is what traffic is judged by from now on. */
  end(judged: Judged): void
  /** Instead of `end`: it could not be judged. */
  abandon(problem: string): void
  stateOf: Intake['stateOf']
  /** `isSettled`: nothing is missing in what is in force, or waited for. `owners`: whose each address of its names is, where that is known. */
  toKeep(isSettled: boolean, owners: ReadonlyMap<string, string> | undefined): ToKeep
  close(): void
}

export interface Judged {
  readonly good: Snapshot
  readonly inForce: Snapshot
  readonly refusals: readonly Refusal[]
}

/** So many responses may wait for their judgement before no more are read. */
const mostUnanswered = 64

export function openSession(options: SessionOptions): XdsSession {
  return new Session(options)
}

class Session implements XdsSession {
  readonly state = new Watchable<AdsState>({ isConnected: false, failures: 0, form: 'delta', controlPlane: '' })
  readonly counts = new Map<string, UpdateCounts>()
  readonly #options: SessionOptions
  readonly #intake: Intake
  readonly #heard = new Set<string>()
  readonly #offeredReferences = new ReferenceFinder()
  readonly #forceReferences = new ReferenceFinder()
  #inForce: Snapshot = emptySnapshot
  #interests: ReadonlyMap<string, Interest> = new Map()
  #client: AdsClient | undefined

  constructor(options: SessionOptions) {
    const { restored } = options
    this.#options = options
    this.#intake = new Intake({
      interestIn: (typeUrl) => this.#interests.get(typeUrl),
      now: () => options.clock?.now() ?? Date.now(),
      ...(restored && 'kept' in restored && restored),
    })
    if (restored !== undefined) this.#restore(restored)
    this.#lookAgain()
  }

  get isHeard(): boolean {
    for (const [typeUrl, { isWildcard }] of this.#interests) if (isWildcard && !this.#heard.has(typeUrl)) return false
    return true
  }

  get hasNews(): boolean {
    return this.#intake.hasNews
  }

  get failures(): Iterable<Failure> {
    return this.#intake.failures
  }

  connect(): void {
    const { address, securedBy, node, timing, clock, random } = this.#options
    this.#client = startAdsClient({
      address,
      node,
      known: this.#intake,
      interests: () => this.#interests,
      onReceived: (received) => this.#receive(received),
      ...(securedBy && { securedBy }),
      ...(timing && { timing }),
      ...(clock && { clock }),
      ...(random && { random }),
    })
    this.#client.state.watch((state) => this.state.set(state))
  }

  begin(): Batch {
    return this.#intake.begin()
  }

  end({ good, inForce, refusals }: Judged): void {
    const answers = this.#intake.end(good, refusals)
    this.#inForce = inForce
    this.#answer(answers)
  }

  abandon(problem: string): void {
    this.#answer(this.#intake.abandon(problem))
  }

  stateOf(resource: object): ResourceState | undefined {
    return this.#intake.stateOf(resource)
  }

  toKeep(isSettled: boolean, owners: ReadonlyMap<string, string> | undefined): ToKeep {
    const { hasOwnMetadata } = this.#forceReferences.of(this.#inForce)
    const isWhole = isSettled && !this.#intake.hasNews && this.#intake.isGood
    return { held: this.#intake.toKeep(), isSettled: isWhole, hasOwnMetadata, owners }
  }

  close(): void {
    this.#client?.close()
  }

  #restore(restored: Restoring): void {
    if (!('kept' in restored)) {
      for (const held of restored.held) this.#intake.restore(held.read.key, held)
      return
    }
    const { snapshot, references } = restored.kept
    this.#inForce = snapshot
    this.#offeredReferences.begin(snapshot, references)
    this.#forceReferences.begin(snapshot, references)
  }

  #answer(answers: readonly Answer[]): void {
    this.#lookAgain()
    this.#client?.subscribe()
    for (const { received, problem } of answers) {
      this.#count(received, problem)
      this.#client?.answer(received, problem)
    }
    this.#intake.forget()
    this.#client?.resume()
  }

  #receive(received: Received): void {
    this.#heard.add(received.typeUrl)
    this.#intake.take(received)
    this.#lookAgain()
    this.#client?.subscribe()
    if (this.#intake.unanswered > mostUnanswered) this.#client?.pause()
    this.#options.onNews()
  }

  /** What is named by anything that counts, or is to count, is wanted. */
  #lookAgain(): void {
    const offered = this.#offeredReferences.of(this.#intake.newest)
    const force = this.#forceReferences.of(this.#inForce)
    const isOwn = offered.hasOwnMetadata || force.hasOwnMetadata
    this.#interests = new Map<string, Interest>([
      [typeUrls.cluster, everything],
      [typeUrls.endpoint, { isWildcard: false, names: union(offered.endpoints, force.endpoints) }],
      [typeUrls.listener, everything],
      [typeUrls.route, { isWildcard: false, names: union(offered.routes, force.routes) }],
      [typeUrls.secret, { isWildcard: false, names: union(offered.secrets, force.secrets) }],
      // Other servers would not know what to answer, and some end the stream at a type that they do not serve.
      ...(isOwn ? ([[typeUrls.extension, everything]] as const) : []),
    ])
  }

  #count({ typeUrl, version }: Received, problem: string | undefined): void {
    const { attempts = 0, successes = 0, rejections = 0, version: before = '' } = this.counts.get(typeUrl) ?? {}
    const isGood = problem === undefined
    this.counts.set(typeUrl, {
      attempts: attempts + 1,
      successes: successes + (isGood ? 1 : 0),
      rejections: rejections + (isGood ? 0 : 1),
      version: isGood ? version : before,
    })
  }
}

const everything: Interest = { isWildcard: true, names: new Set() }

function union(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  if (a === b || b.size === 0) return a
  return a.size === 0 ? b : new Set([...a, ...b])
}
