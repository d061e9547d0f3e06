// Turns the cluster that a chain or route chose into judged addresses to dial, the question that is still open, or a refusal.
import { parseHostname } from '../base/index.ts'
import type { ConnectionFacts, NameFacts, OriginRef, Reason, ReasonCode } from '../flow/index.ts'
import { classOf, isNeverReached } from './address-class.ts'
import { type AddressPlan, blackHoleCluster, type ClusterPlan } from './cluster.ts'
import { pickCluster } from './cluster-choice.ts'
import { type DnsEndpoint, gatherAddresses, type NamedEndpoint } from './cluster-endpoints.ts'
import type { CompiledRuntime } from './compiled-runtime.ts'
import { declaresAddress, type Taken } from './declared-address.ts'
import type { Deny, Forward, Gather, Passthrough } from './decision.ts'
import type { Leg } from './leg.ts'
import { failureOfNames, targetsOfName } from './name-targets.ts'
import { deny, hostOf, makeReason, undeclared } from './reasons.ts'
import type { Target } from './target.ts'
import type { Trace } from './trace.ts'

/** One flow on its way to one leg. */
export interface Approach {
  readonly connection: ConnectionFacts
  readonly names: NameFacts
  readonly random: number
  readonly leg: Leg
  /** The name that a dynamic cluster dials, in lower case; absent = the host of the authority. */
  readonly name: string | undefined
  readonly authority: string | undefined
  /** The route gave the request another authority: a wildcard that led here has not looked at it. */
  readonly isRewritten: boolean
  /** Milliseconds without a byte, when the leg does not say. */
  readonly idle: number
  /** What took the connection; absent for a request, which no address is declared for. */
  readonly taken: Taken | undefined
  readonly trace: Trace | undefined
}

export type Found = Forward | Passthrough | Gather | Deny

export function findTargets(runtime: CompiledRuntime, approach: Approach): Found {
  const name = pickCluster(approach.leg.choice, approach.random)
  const cluster = runtime.clusters.get(name)
  if (!cluster) return missing(runtime, approach, name)
  const { addresses, refusal } = cluster
  approach.trace?.push({ step: 'cluster', name, kind: addresses.kind, ...(cluster.ref && { ref: cluster.ref }) })
  if (refusal) {
    const reason = makeReason(
      refusal.code,
      refusal.text ?? `what is declared for "${name}" refuses all traffic`,
      cluster.ref ?? approach.leg.ref,
    )
    return deny(runtime.strict, reason, { cluster: name, route: approach.leg.route })
  }
  switch (addresses.kind) {
    case 'endpoints':
      return forward(runtime, approach, cluster, addresses.targets)
    case 'dns':
      return findNamed(runtime, approach, cluster, addresses.endpoints)
    case 'dynamic':
      return findDynamic(runtime, approach, cluster, addresses)
    case 'original-destination':
      return findOriginal(runtime, approach, cluster, addresses)
    case 'black-hole':
      return blackHole(runtime, approach.connection, undefined)
  }
}

/** Istio's BlackHoleCluster: accepted and closed, flag UH, in the name of whoever set the outbound policy. */
export function blackHole(runtime: CompiledRuntime, facts: ConnectionFacts, by: OriginRef | undefined): Deny {
  return deny(runtime.strict, undeclared(runtime, facts, by), { flag: 'UH', details: '', cluster: blackHoleCluster })
}

function missing(runtime: CompiledRuntime, { leg }: Approach, name: string): Deny {
  const text = `the cluster "${name}" does not exist: no such host, port or subset is declared where this proxy can see it`
  // Envoy records no cluster here, because there is none.
  return deny(runtime.strict, makeReason('no-cluster', text, leg.ref), { status: leg.notFoundStatus, route: leg.route })
}

function refuse(runtime: CompiledRuntime, { leg }: Approach, cluster: ClusterPlan, failure: { code: ReasonCode; text: string }): Deny {
  const reason = makeReason(failure.code, failure.text, leg.ref ?? cluster.ref)
  return deny(runtime.strict, reason, { cluster: cluster.name, route: leg.route })
}

function forward(runtime: CompiledRuntime, approach: Approach, cluster: ClusterPlan, targets: readonly Target[]): Found {
  if (targets.length > 0) return allow(approach, cluster, targets)
  return refuse(runtime, approach, cluster, { code: 'no-endpoints', text: `"${cluster.name}" is declared but has no endpoint to dial` })
}

/** What a leg has allowed last: the same allow again, as long as cluster and targets are the same. */
const allowed = new WeakMap<Leg, Forward>()

function allow({ leg, idle }: Approach, cluster: ClusterPlan, targets: readonly Target[]): Forward {
  const last = allowed.get(leg)
  const silence = leg.idle ?? idle
  if (last && last.cluster === cluster && last.targets === targets && last.timeouts.idle === silence) return last
  const forward = makeForward(leg, cluster, targets, silence)
  allowed.set(leg, forward)
  return forward
}

function makeForward(leg: Leg, cluster: ClusterPlan, targets: readonly Target[], idle: number): Forward {
  const timeouts = { connect: cluster.connect, request: leg.request, idle }
  const path = cluster.gateway ? 'gateway' : 'direct'
  const reason: Reason = leg.reason ?? cluster.reason
  // All fields in every one, so that whoever reads them finds them in the same places.
  return {
    verdict: 'forward',
    reason,
    cluster,
    targets,
    path,
    timeouts,
    route: leg.route,
    http: leg.route === undefined ? undefined : leg.plan,
  }
}

/** Every name is asked for before any address is used, as Envoy waits for a DNS cluster to warm. One endpoint is the common case. */
function findNamed(runtime: CompiledRuntime, approach: Approach, cluster: ClusterPlan, endpoints: readonly DnsEndpoint[]): Found {
  let targets: readonly Target[] | undefined
  for (const endpoint of endpoints) {
    const more = 'target' in endpoint ? [endpoint.target] : targetsOfName(runtime, approach, endpoint)
    if ('verdict' in more) return more
    targets = targets ? [...targets, ...more] : more
  }
  if (targets === undefined) return forward(runtime, approach, cluster, [])
  if (targets.length > 0) return allow(approach, cluster, targets)
  return refuse(runtime, approach, cluster, failureOfNames(runtime, approach, named(endpoints)))
}

function named(endpoints: readonly DnsEndpoint[]): NamedEndpoint[] {
  return endpoints.filter((endpoint) => 'name' in endpoint)
}

/** The name that the flow carries, which the wildcard that led here covers. */
function findDynamic(
  runtime: CompiledRuntime,
  approach: Approach,
  cluster: ClusterPlan,
  plan: Extract<AddressPlan, { kind: 'dynamic' }>,
): Found {
  const { leg, connection, authority } = approach
  const name = approach.name ?? (authority === undefined ? undefined : hostOf(authority))
  // Names of traffic may hold an underscore, which host names of declarations may not.
  if (name === undefined || parseHostname(name.replaceAll('_', 'x')) === undefined) {
    const text = name ? `"${name}" is not a name that can be resolved` : 'the connection carries no server name to resolve'
    return refuse(runtime, approach, cluster, { code: 'name-unresolved', text })
  }
  if (approach.isRewritten && !isCovered(plan.pattern, name)) {
    const text = `the rule renames the request to "${name}", which "${cluster.name}" does not stand for`
    return refuse(runtime, approach, cluster, { code: 'destination-mismatch', text })
  }
  const port = leg.dynamicPort ?? plan.port ?? connection.destination.port
  const use = { port, privateAllowed: cluster.privateAllowed, family: plan.family }
  return findOne(runtime, approach, cluster, { name, use, gather: gatherAddresses(name) })
}

/** What a rule renames a request to is dialled only if the wildcard of the cluster covers it: a rule declares no host. */
function isCovered(pattern: string | undefined, name: string): boolean {
  if (pattern === undefined) return false
  return pattern === '*' || (pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) && name.length >= pattern.length : name === pattern)
}

function findOne(runtime: CompiledRuntime, approach: Approach, cluster: ClusterPlan, question: NamedEndpoint): Found {
  const targets = targetsOfName(runtime, approach, question)
  if ('verdict' in targets) return targets
  if (targets.length === 0) return refuse(runtime, approach, cluster, failureOfNames(runtime, approach, [question]))
  return allow(approach, cluster, targets)
}

/** The dialled address; for one of our own making (virtual or refusal address) the name that it stands for. */
function findOriginal(
  runtime: CompiledRuntime,
  approach: Approach,
  cluster: ClusterPlan,
  plan: Extract<AddressPlan, { kind: 'original-destination' }>,
): Found {
  const { virtualName, destination, listener } = approach.connection
  const port = plan.port ?? destination.port
  if (virtualName !== undefined) {
    const name = virtualName.toLowerCase()
    const use = { port, privateAllowed: true, family: undefined }
    const found = findOne(runtime, approach, cluster, { name, use, gather: gatherAddresses(name) })
    return plan.isPassthrough ? passThrough(runtime, found) : found
  }
  if (listener !== undefined) {
    const text = `"${cluster.name}" dials the client's destination, and a connection to this listener has none but the listener itself`
    return refuse(runtime, approach, cluster, { code: 'no-endpoints', text })
  }
  const forbidden = runtime.strict ? forbiddenClass(runtime, approach) : undefined
  if (forbidden !== undefined) {
    const text = `${destination.ip} (${forbidden}) is reached only when a declaration names the address itself`
    return refuse(runtime, approach, cluster, { code: 'private-address', text })
  }
  const found = allow(approach, cluster, [{ ip: destination.ip, port }])
  return plan.isPassthrough ? passThrough(runtime, found) : found
}

function forbiddenClass(runtime: CompiledRuntime, { connection, taken }: Approach): string | undefined {
  const { ip } = connection.destination
  const kind = runtime.own.has(ip) ? 'own' : classOf(ip)
  if (!isNeverReached(kind) || (taken && declaresAddress(taken, ip))) return undefined
  return kind
}

function passThrough(runtime: CompiledRuntime, found: Found): Found {
  if (found.verdict !== 'forward') return found
  return { ...found, verdict: 'passthrough', reason: runtime.passthrough, path: 'passthrough' }
}
