// Settles what is in force when resources come one by one from a server: each in its newest version, or its last good one, and none before what it names.
import { finish, PatchedMap, type Steps } from '../base/index.ts'
import { create, type Snapshot, writeMetadata } from '../xds/index.ts'
import { type Listener, ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import { type Compiled, compileGood, compiling } from './compile.ts'
import type { NodeFacts, Runtime } from './compiled.ts'
import { CompiledRuntime } from './compiled-runtime.ts'
import type { Awaited, RejectedType, Rejection } from './rejection.ts'

export interface Offer {
  /** What the server wants to be in force now. */
  readonly offered: Snapshot
  /** What of earlier offers was good. */
  readonly good: Snapshot
  /** What traffic is judged by until now. */
  readonly inForce: Snapshot
  readonly previous: Runtime | undefined
  readonly node: NodeFacts
  /** It has been waited for long enough. */
  readonly isGivenUp: (awaited: Awaited) => boolean
}

export interface Settled extends Compiled {
  /** What is in force from now on. */
  readonly snapshot: Snapshot
  /** `offered` without what cannot be carried out: of that, the last good version. */
  readonly good: Snapshot
  /** Why, by resource and field: what a NACK says. */
  readonly refused: readonly Refused[]
  /** What of the good is not in force yet, because it names what is not there; and why. */
  readonly warming: readonly Place[]
  readonly waiting: readonly Rejection[]
}

/** A part of the snapshot that is compiled. */
export type Part = 'listeners' | 'routes' | 'clusters' | 'endpoints' | 'names'

/** A resource: a part of the snapshot, and a name in it. */
export interface Place {
  readonly key: Part
  readonly name: string
}

export interface Refused extends Place {
  readonly rejection: Rejection
}

/**
 * A resource is carried out whole or not at all. One that cannot be is refused, and its last good version goes on, as in Envoy.
 *
 * Differs from Envoy: a listener that has no good version is not simply absent, because what it was to protect would then be taken by
 * another one: it stands there and refuses everything. Without a good version a route table, a cluster or endpoints are absent, which denies too.
 *
 * Differs from Envoy: not only listeners wait for their route tables and clusters for their endpoints, but whatever names a cluster waits
 * for it, so that a server which sends in the wrong order costs no request.
 */
export function settle(offer: Offer): Settled {
  return finish(settling(offer))
}

/** As `settle`, in steps. */
export function* settling(offer: Offer): Steps<Settled> {
  const { node, previous } = offer
  const refused: Refused[] = []
  let good = offer.offered
  let compiled = yield* compiling(good, node, previous)
  // Each round takes a resource from its new version to its last good one, then to none: it ends.
  for (;;) {
    const bad = compiled.rejected.filter((each) => each.awaits === undefined && isOffered(each, offer, good))
    if (bad.length === 0) break
    for (const rejection of bad) refused.push({ ...placeOf(rejection, good), rejection })
    good = replaced(good, bad, (part, name) => lastGood(part, name, offer, good))
    compiled = yield* compiling(good, node, compiled.runtime)
  }
  const waiting: Rejection[] = []
  const held = new Map<string, Place>()
  let snapshot = good
  for (;;) {
    const early = compiled.rejected.filter(
      (each) => each.awaits !== undefined && !offer.isGivenUp(each.awaits) && !held.has(keyOf(each)) && isNew(each, offer, snapshot),
    )
    if (early.length === 0) break
    waiting.push(...early)
    for (const each of early) held.set(keyOf(each), placeOf(each, snapshot))
    snapshot = replaced(snapshot, early, (part, name) => offer.inForce[part].get(name))
    compiled = yield* compiling(snapshot, node, compiled.runtime)
  }
  return { ...compiled, snapshot, good, refused, waiting, warming: Array.from(held.values()) }
}

/** What was in force at another time, when nothing of it was refused, waited for, or missing. `owners` are its `addressOwners`. */
export function settledBefore(snapshot: Snapshot, node: NodeFacts, owners?: () => ReadonlyMap<string, string>): Settled {
  return { runtime: compileGood(snapshot, node, owners), rejected: [], snapshot, good: snapshot, refused: [], warming: [], waiting: [] }
}

/** Whose each address of a declared name is; undefined when that is not known, or depends on more. */
export function addressOwners(runtime: Runtime): ReadonlyMap<string, string> | undefined {
  return runtime instanceof CompiledRuntime ? runtime.names.owners : undefined
}

const parts: Readonly<Record<RejectedType, Part>> = {
  listener: 'listeners',
  route: 'routes',
  cluster: 'clusters',
  endpoints: 'endpoints',
  name: 'names',
}

/** The part of the snapshot, and the name in it, that a rejection speaks of. */
function placeOf({ type, resource, awaits }: Rejection, snapshot: Snapshot): Place {
  if (type !== 'endpoints') return { key: parts[type], name: resource }
  // A rejection of endpoints carries the name of the cluster; and the cluster is what waits for them.
  if (awaits !== undefined) return { key: 'clusters', name: resource }
  return { key: 'endpoints', name: snapshot.clusters.get(resource)?.edsClusterConfig?.serviceName || resource }
}

/** What of this offer came newly: only that can be put back. What was good before and now stands in another's way is refused where it stands. */
function isOffered(rejection: Rejection, { good }: Offer, now: Snapshot): boolean {
  const { key, name } = placeOf(rejection, now)
  const present = now[key].get(name)
  return present !== undefined && present !== good[key].get(name)
}

function isNew(rejection: Rejection, { inForce }: Offer, now: Snapshot): boolean {
  const { key, name } = placeOf(rejection, now)
  return now[key].get(name) !== inForce[key].get(name)
}

function keyOf(rejection: Rejection): string {
  return `${rejection.type === 'endpoints' ? 'cluster' : rejection.type} ${rejection.resource}`
}

function lastGood(part: Part, name: string, { good }: Offer, now: Snapshot): unknown {
  if (part !== 'listeners') return good[part].get(name)
  const before = good.listeners.get(name)
  return before === undefined || standIns.has(before) ? standIn(now.listeners.get(name)) : before
}

/** The same places, and nothing but a refusal. */
function standIn(listener: Listener | undefined): Listener | undefined {
  if (listener === undefined || standIns.has(listener)) return undefined
  const { name, address, additionalAddresses, bindToPort, useOriginalDst } = listener
  const refuseText = `the listener "${name}" cannot be carried out`
  const made = create(ListenerSchema, {
    name,
    ...(address && { address }),
    additionalAddresses,
    ...(bindToPort !== undefined && { bindToPort }),
    ...(useOriginalDst !== undefined && { useOriginalDst }),
    metadata: writeMetadata({ refuse: 'not-supported', refuseText }),
  })
  standIns.add(made)
  return made
}

const standIns = new WeakSet<Listener>()

function replaced(snapshot: Snapshot, rejections: readonly Rejection[], choose: (part: Part, name: string) => unknown): Snapshot {
  const changes = new Map<Part, Map<string, unknown>>()
  for (const rejection of rejections) {
    const { key, name } = placeOf(rejection, snapshot)
    const ofPart = changes.get(key) ?? new Map<string, unknown>()
    changes.set(key, ofPart.set(name, choose(key, name)))
  }
  const next: Record<string, unknown> = { ...snapshot }
  for (const [part, ofPart] of changes) next[part] = PatchedMap.of<unknown>(snapshot[part], ofPart)
  // Every part was given what came out of the same part.
  return next as Snapshot & typeof next
}
