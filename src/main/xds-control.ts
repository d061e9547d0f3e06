// Composes the data side's source of configuration from an xDS server: resources come, are judged, put into force, answered and kept.
import { contentHash, deferred, messageOf, SallyportError, type Steps, systemClock, type Timer, Watchable } from '../base/index.ts'
import type { AccessLogPlan, SynthesisedGateway } from '../model/index.ts'
import type { SecretsByName } from '../identity/index.ts'
import { addressOwners, type Awaited, type Rejection, type Runtime, type Settled, settledBefore, settling } from '../runtime/index.ts'
import type { ConfigPublished } from '../telemetry/index.ts'
import {
  type AdsState,
  type AdsTiming,
  emptySnapshot,
  type NodeIdentityInit,
  openXdsSession,
  type SecuredBy,
  type Snapshot,
  type TakenOver,
  type ToKeep,
  writeNode,
  type XdsSession,
} from '../xds/index.ts'
import { type Control, Handover, nodeFacts, putInForce } from './control.ts'
import { LastGoodKeeper, lastGoodPath, type Restored, restoreLastGood } from './last-good-keeper.ts'
import { Line } from './line.ts'
import { readSecret } from './secret-reader.ts'
import { usualStateDirectory } from './state-directory.ts'
import { type Beginning, type BeginningLimits, FirstConfiguration } from './xds-beginning.ts'
import { XdsNotes } from './xds-notes.ts'

export interface XdsControlOptions {
  /** `HOST:PORT`, or the path of a Unix socket. */
  readonly server: string
  readonly securedBy?: SecuredBy
  readonly node: NodeIdentityInit
  /** Where the last good configuration is kept. */
  readonly stateDirectory?: string
  /** Rejects when there is no configuration in time, instead of waiting for one for as long as it takes. */
  readonly isNeeded: boolean
  readonly patience?: Partial<Patience>
  readonly timing?: Partial<AdsTiming>
}

/** Milliseconds. */
export interface Patience {
  /** For the first configuration. */
  readonly first: BeginningLimits
  /** For clusters that are named, and for endpoints and route tables, which have to be asked for (Envoy's initial_fetch_timeout). */
  readonly cluster: number
  readonly asked: number
}

const usualPatience: Patience = { first: { kept: 2000, part: 15_000 }, cluster: 1000, asked: 15_000 }

export async function startXdsControl(options: XdsControlOptions): Promise<Control> {
  const control = await XdsControl.open(options)
  try {
    if (options.isNeeded) await control.whenReady()
    return control
  } catch (error) {
    await control.close()
    throw error
  }
}

class XdsControl implements Control {
  readonly runtime = new Watchable<Runtime | undefined>(undefined)
  readonly synthesised = new Watchable<readonly SynthesisedGateway[]>([])
  readonly accessLogs = new Watchable<readonly AccessLogPlan[]>([])
  readonly #options: XdsControlOptions
  readonly #patience: Patience
  readonly #session: XdsSession
  readonly #keeper: LastGoodKeeper
  readonly #restored: Restored | undefined
  readonly #notes: XdsNotes
  readonly #line = new Line<void>(() => this.#judging())
  readonly #waits = new Waits()
  readonly #first: FirstConfiguration
  readonly #ready = deferred<void>()
  /** Timers of the connection let the process end; whoever waits for a configuration must not. */
  readonly #alive = setInterval(() => undefined, 2 ** 30)
  /** Judged last, in force or about to be. */
  #settled: Settled | undefined
  #hasBegun = false
  /** Part of a first configuration would be taken for the whole by the next start. */
  #isWorthKeeping: boolean
  #isClosed = false
  #expiry: Timer | undefined
  readonly #handover = new Handover()
  #published: ConfigPublished | undefined
  #updated = 0

  private constructor(options: XdsControlOptions, session: XdsSession, kept: Kept) {
    this.#options = options
    this.#patience = { ...usualPatience, ...options.patience }
    this.#session = session
    this.#keeper = kept.keeper
    this.#restored = kept.restored
    this.#notes = new XdsNotes(options.server)
    this.#isWorthKeeping = kept.restored !== undefined
    const hasKept = kept.restored !== undefined
    this.#first = new FirstConfiguration({ limits: this.#patience.first, hasKept, begin: (how) => this.#begin(how) })
    // Whoever does not wait for it is not troubled by it.
    this.#ready.promise.catch(() => undefined)
  }

  static async open(options: XdsControlOptions): Promise<XdsControl> {
    const node = writeNode(options.node)
    // Labels and accounts change what a server has for a node, and are not in its id.
    const owner = { node: `${node.id} ${contentHash(JSON.stringify(node.metadata ?? {}))}`, server: options.server }
    const path = lastGoodPath(options.stateDirectory ?? usualStateDirectory(), owner)
    const restored = restoreLastGood(path, owner)
    const onNews = { call: (): void => undefined }
    const session = await openXdsSession({
      address: options.server,
      ...(options.securedBy && { securedBy: options.securedBy }),
      node,
      onNews: () => onNews.call(),
      ...(restored && { restored: restored.content }),
      ...(options.timing && { timing: options.timing }),
    })
    const keeper = new LastGoodKeeper(path, owner, () => control.#toKeep())
    const control: XdsControl = new XdsControl(options, session, { keeper, restored })
    onNews.call = () => control.#hear()
    control.#start()
    return control
  }

  settings(): ReturnType<Control['settings']> {
    return noSettings
  }

  errors(): ReturnType<Control['errors']> {
    return []
  }

  view(): ReturnType<Control['view']> {
    const settled = this.runtime.value === undefined ? undefined : this.#settled
    if (settled === undefined) return undefined
    return { snapshot: settled.snapshot, version: this.#version(), updated: this.#updated, rejected: settled.rejected }
  }

  discovery(): ReturnType<Control['discovery']> {
    const { state, failures, counts } = this.#session
    const warming = this.#settled?.warming ?? []
    return { state: state.value, failures, counts, warming, stateOf: (resource) => this.#session.stateOf(resource) }
  }

  handOver(take: Parameters<Control['handOver']>[0]): Promise<void> {
    return this.#handover.begin(take, this.view()?.snapshot)
  }

  readonly secret: SecretsByName = (name) => {
    const secret = this.#settled?.snapshot.secrets.get(name)
    return secret && readSecret(secret)
  }

  /** They come with everything else. */
  secretsReady(): Promise<void> {
    return Promise.resolve()
  }

  published(): ConfigPublished | undefined {
    return this.#published
  }

  /** Rejects when it is known that nothing comes. */
  whenReady(): Promise<void> {
    return this.#ready.promise
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#alive)
    this.#first.close()
    this.#ready.resolve()
    this.#expiry?.cancel()
    this.#session.close()
    this.#line.close()
    await this.#keeper.close()
  }

  #start(): void {
    const content = this.#restored?.content
    if (content !== undefined && 'kept' in content) this.#takeOver(content.kept)
    else if (content !== undefined) this.#judge()
    this.#session.connect()
    this.#session.state.watch((state) => this.#follow(state))
  }

  /** It was judged and in force at another time, and nothing was missing. */
  #takeOver({ snapshot, owners }: TakenOver): void {
    this.#settled = settledBefore(snapshot, nodeFacts(), owners)
    this.#line.hasBegun()
    this.#first.judged({ isWhole: false })
  }

  #toKeep(): ToKeep {
    const settled = this.#settled
    const isSettled = settled !== undefined && settled.waiting.length + settled.rejected.length === 0
    return this.#session.toKeep(isSettled, settled && addressOwners(settled.runtime))
  }

  #follow(state: AdsState): void {
    this.#notes.follow(state, this.runtime.value !== undefined)
    if (!state.isConnected && state.failures > 0) this.#first.away()
  }

  #begin(how: Beginning): void {
    if (how === 'nothing') return this.#ready.reject(this.#notInTime())
    if (how === 'kept' && this.#restored !== undefined) this.#notes.beginsWithKept(this.#restored.savedAt)
    if (how === 'part') this.#notes.beginsWithPart()
    this.#hasBegun = true
    if (this.#settled !== undefined) this.#publish(this.#settled, performance.now())
    this.#ready.resolve()
  }

  #hear(): void {
    this.#first.heard()
    this.#judge()
  }

  #judge(): void {
    if (!this.#isClosed) this.#line.take()
  }

  *#judging(): Steps<void> {
    const began = performance.now()
    const { good, offered } = this.#session.begin()
    let settled: Settled
    try {
      settled = yield* settling({
        offered,
        good,
        inForce: this.#settled?.snapshot ?? emptySnapshot,
        previous: this.#settled?.runtime,
        node: nodeFacts(),
        isGivenUp: (awaited) => this.#waits.isOver(awaited, this.#limitOf(awaited)),
      })
    } catch (error) {
      // A fault of ours: the server is told, and what was in force goes on.
      this.#session.abandon(`it could not be judged: ${messageOf(error)}`)
      throw error
    }
    this.#settled = settled
    const refusals = settled.refused.map(({ key, name, rejection }) => ({ key, name, text: textOf(rejection) }))
    this.#session.end({ good: settled.good, inForce: settled.snapshot, refusals })
    this.#notes.report(refusals, settled.rejected)
    this.#await(settled)
    const isWhole = this.#session.isHeard && settled.waiting.length === 0
    if (isWhole) this.#isWorthKeeping = true
    this.#first.judged({ isWhole: isWhole && !this.#session.hasNews })
    if (this.#hasBegun) this.#publish(settled, began)
    if (this.#session.hasNews) queueMicrotask(() => this.#judge())
  }

  #publish(settled: Settled, began: number): void {
    putInForce(this.runtime, settled.runtime, false)
    this.#updated = Date.now()
    const { rejected, snapshot } = settled
    this.#published = {
      version: this.#version(),
      resources: countOf(snapshot),
      errors: 0,
      warnings: 0,
      rejections: rejected.length,
      durationMs: performance.now() - began,
    }
    this.#handover.tell(this.#published, snapshot)
    if (this.#isWorthKeeping && this.#session.counts.size > 0) this.#keeper.changed()
  }

  /** What is waited for is looked at again when its time is over. */
  #await({ waiting, rejected }: Settled): void {
    this.#expiry?.cancel()
    const awaited = [...waiting, ...rejected].flatMap((each) => (each.awaits === undefined ? [] : [each.awaits]))
    this.#waits.follow(awaited)
    const left = waiting.flatMap(({ awaits }) => (awaits === undefined ? [] : [this.#waits.leftOf(awaits, this.#limitOf(awaits))]))
    if (left.length > 0) this.#expiry = systemClock.setTimer(Math.min(...left) + 1, () => this.#judge())
  }

  #limitOf({ type }: Awaited): number {
    return type === 'cluster' ? this.#patience.cluster : this.#patience.asked
  }

  #version(): string {
    const versions = Array.from(this.#session.counts.values(), ({ version }) => version)
    return contentHash(versions.join('\n'))
  }

  #notInTime(): SallyportError {
    const { server, securedBy } = this.#options
    const { isConnected, why } = this.#session.state.value
    const reason = isConnected ? 'it is connected and has not sent all that is needed' : (why ?? 'it does not answer')
    return new SallyportError(
      'SLP5003',
      `the xDS server ${server} gave no configuration in time, and none is kept from another time: ${reason}`,
      {
        fix: `start the server, or name the right address with ${securedBy === undefined ? '--xds' : '--join'}`,
      },
    )
  }
}

interface Kept {
  readonly keeper: LastGoodKeeper
  readonly restored: Restored | undefined
}

/** Mesh-wide settings that are no resources do not reach a proxy through xDS. */
const noSettings: ReturnType<Control['settings']> = { mesh: {}, sallyport: {} }

/** Remembers since when what is named and missing is waited for. */
class Waits {
  readonly #since = new Map<string, number>()

  follow(awaited: readonly Awaited[]): void {
    const keys = new Set(awaited.map(keyOf))
    for (const key of this.#since.keys()) if (!keys.has(key)) this.#since.delete(key)
    for (const key of keys) if (!this.#since.has(key)) this.#since.set(key, systemClock.monotonic())
  }

  leftOf(awaited: Awaited, limit: number): number {
    return Math.max(0, limit - (systemClock.monotonic() - (this.#since.get(keyOf(awaited)) ?? systemClock.monotonic())))
  }

  isOver(awaited: Awaited, limit: number): boolean {
    return this.leftOf(awaited, limit) === 0
  }
}

function keyOf({ type, name }: Awaited): string {
  return `${type} ${name}`
}

function textOf({ type, resource, path, message }: Rejection): string {
  return `${type} "${resource}"${path === '' ? '' : `: ${path}`}: ${message}`
}

function countOf({ listeners, routes, clusters, endpoints }: Snapshot): number {
  return listeners.size + routes.size + clusters.size + endpoints.size
}
