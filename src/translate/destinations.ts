// Resolves the destinations of VirtualService rules to cluster names, and says which of them may not be reached from where.
import type { Destination as RuleDestination, RouteDestination } from '../api/index.ts'
import { type Destination, effectivePolicy } from '../model/index.ts'
import { parseDuration } from '../base/index.ts'
import { covers, defaultPort } from '../registry/index.ts'
import { clusterKind } from './cluster-kind.ts'
import { type Context, policyOf } from './context.ts'
import { type ClusterWeight } from './messages.ts'
import { clusterName } from './names.ts'

export function portOfDestination(ctx: Context, destination: RuleDestination, listenerPort: number): number {
  return destination.port?.number ?? defaultPort(ctx.scope.destination(destination.host)?.service, listenerPort)
}

export function clusterOf(ctx: Context, destination: RuleDestination, listenerPort: number): string {
  return clusterName(portOfDestination(ctx, destination, listenerPort), destination.subset ?? '', destination.host)
}

/** Entries of weight 0 are left out when there are several; a single one counts whatever its weight. */
export function weightedClusters(ctx: Context, routes: readonly RouteDestination[], listenerPort: number): ClusterWeight[] {
  const taken = routes.length === 1 ? routes : routes.filter((route) => (route.weight ?? 0) > 0)
  return taken.map(({ destination, weight }) => ({
    cluster: clusterOf(ctx, destination, listenerPort),
    weight: weight === undefined || weight === 0 ? 1 : weight,
  }))
}

/** Everything about other services that the clusters of these routes depend on, for comparing with an earlier translation. */
export function routeInputs(ctx: Context, destinations: readonly RuleDestination[]): unknown[] {
  return destinations.flatMap((destination) => {
    const found = ctx.scope.destination(destination.host)
    return [found, found && policyOf(ctx, found.service)]
  })
}

export function idleTimeout(ctx: Context, route: RouteDestination, listenerPort: number): number | undefined {
  const found = ctx.scope.destination(route.destination.host)
  if (found === undefined) return undefined
  return idleTimeoutOf(ctx, found, route.destination.subset ?? '', portOfDestination(ctx, route.destination, listenerPort))
}

export function idleTimeoutOf(ctx: Context, destination: Destination, subset: string, port: number): number | undefined {
  const pool = effectivePolicy(policyOf(ctx, destination.service), subset, port).connectionPool?.value
  return pool?.tcp?.idleTimeout === undefined ? undefined : parseDuration(pool.tcp.idleTimeout)
}

export interface Reach {
  /** Names that the flow may carry, as far as the match tells; absent when it is chosen by address alone. */
  readonly hosts?: readonly string[]
  /** The listener or the chain's ranges say which addresses may have been dialled. */
  readonly isByAddress: boolean
  /** A rule gives the flow the name, which nothing has looked up so far. */
  readonly isRenamed?: boolean
}

/**
 * Why a destination must not be reached this way. Differs from Istio, which forwards to whatever address was dialled: under strictness
 * a rule cannot lead a name to addresses or names that nobody declared for it.
 */
export function unreachable(ctx: Context, destination: RuleDestination, port: number, reach: Reach): string | undefined {
  const found = ctx.strict ? ctx.scope.destination(destination.host) : undefined
  if (found === undefined) return undefined
  const kind = clusterKind(ctx, found, port)
  if (kind === 'original-dst' && !reach.isByAddress) {
    return `${destination.host} is declared by address only (resolution NONE), which a rule that matches names cannot choose`
  }
  if (kind !== 'dynamic') return undefined
  const stranger = reach.hosts?.find((host) => !covers(destination.host, host))
  const own = reach.isRenamed === true ? ownDeclaration(ctx, destination.host, reach.hosts ?? []) : undefined
  if (own !== undefined) return `${own} is declared by itself, and the wider ${destination.host} does not speak for it`
  if (reach.hosts !== undefined && stranger === undefined) return undefined
  return `${destination.host} stands for the names it covers, and ${stranger ?? 'an address'} is not one of them`
}

/** A declaration that is narrower than `wildcard` and has one of the names. */
function ownDeclaration(ctx: Context, wildcard: string, hosts: readonly string[]): string | undefined {
  const isNarrower = (host: string): boolean => host !== wildcard && covers(wildcard, host)
  return ctx.scope.destinations
    .map(({ service }) => service.host)
    .find((host) => isNarrower(host) && hosts.some((name) => name === host || covers(host, name)))
}
