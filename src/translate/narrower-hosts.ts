// Keeps a wildcard from opening what a narrower declaration leaves closed: the most specific declaration of a name is the only one.
import { changedStretch, type Steps } from '../base/index.ts'
import type { Destination } from '../model/index.ts'
import { HostIndex, isWildcardHost, type Service, type ServicePort } from '../registry/index.ts'
import { type ChainPlan, planChain, within } from './chain-plan.ts'
import { type Context, refMetadata, undeclaredMetadata } from './context.ts'
import { catchAllRefusal } from './http-routes.ts'
import type { Closed, ClosedContext, NarrowerChains } from './kept-parts.ts'
import { chainInputs, tlsChains } from './l4-chains.ts'
import type { Filling } from './memo.ts'
import { tcpProxy } from './messages.ts'
import { blackHole, passthrough } from './names.ts'
import { declaredPlaces, everywhere, isDeclaredAt, type Place } from './places.ts'
import type { VirtualHost } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import type { SallyportMetadata } from '../xds/index.ts'
import { unknownHosts, virtualHost } from './route-tables.ts'

/**
 * Differs from Istio, where the wildcard takes what the narrower entry does not have: here it is as if nothing declared it, and under ALLOW_ANY
 * that is let pass to where it was dialled. A narrower entry that has the port is left alone, whatever it speaks there, unless it speaks TLS only
 * and the wildcard would send plain requests, or has addresses and TLS of its name is dialled elsewhere. At an address or in a range of the
 * wildcard, where Istio looks for nobody else, TLS of its name goes its own way.
 */
export function* closedPorts(ctx: Context): Steps<readonly Closed[]> {
  if (!ctx.strict) return []
  const wildcards = findWildcards(ctx)
  if (wildcards.length === 0) return []
  const index = ctx.kept.memo.get(wildcards, 'by host', [], () => indexOf(wildcards))
  return joined(ctx, yield* ctx.kept.closed.all({ epoch: wildcards, index }, ctx.scope.destinations))
}

function indexOf(wildcards: readonly Service[]): HostIndex<Service> {
  const index = new HostIndex<Service>()
  for (const service of wildcards) index.add(service.host, service)
  return index
}

/** The same list as before when what came and went closes nothing: nearly all lists are empty. */
function joined({ kept }: Context, lists: readonly (readonly Closed[])[]): readonly Closed[] {
  const { lists: before, all } = kept.closedPorts
  const { start, beforeEnd, nowEnd } = changedStretch(before, lists)
  const isSame = [...before.slice(start, beforeEnd), ...lists.slice(start, nowEnd)].every((list) => list.length === 0)
  kept.closedPorts = { lists, all: isSame ? all : lists.filter((list) => list.length > 0).flat() }
  return kept.closedPorts.all
}

/** The same list as before when no wildcard came or went. */
function findWildcards({ scope, kept }: Context): readonly Service[] {
  const { services, found } = kept.wildcards
  const { start, beforeEnd, nowEnd } = changedStretch(services, scope.services)
  const isTouched = [...services.slice(start, beforeEnd), ...scope.services.slice(start, nowEnd)].some(({ host }) => isWildcardHost(host))
  kept.wildcards = { services: scope.services, found: isTouched ? scope.services.filter(({ host }) => isWildcardHost(host)) : found }
  return kept.wildcards.found
}

export function fillClosed({ epoch, index }: ClosedContext, { service }: Destination): Filling<readonly Closed[]> {
  const make = (): readonly Closed[] =>
    index
      .covering(service.host)
      .filter(({ pattern }) => pattern !== service.host)
      .flatMap(({ values }) => values.flatMap((wider) => closedBy(service, wider)))
  return { inputs: [epoch], isSettled: true, make }
}

function closedBy(service: Service, wider: Service): Closed[] {
  return wider.ports.flatMap((theirs): Closed[] => {
    const { number: port, family: spoken } = theirs
    const own = service.ports.find((one) => one.number === port)
    // A wildcard without addresses opens nothing but requests on a port that says no protocol.
    const isHttp = spoken === 'http' || (spoken === 'unset' && wider.addresses.length === 0)
    if (isHttp) {
      const isOpen = own !== undefined && own.family !== 'tls'
      return isOpen ? [] : [{ service, wider: wider.host, port, family: 'http', place: everywhere, isOwn: false }]
    }
    // At an address a port that says no protocol takes TLS as well.
    if (spoken !== 'tls' && spoken !== 'unset') return []
    return (declaredPlaces(wider, theirs) ?? []).flatMap((place) => closedAt(service, { wider: wider.host, port, own, place }))
  })
}

interface WiderPort {
  readonly wider: string
  readonly port: number
  /** The narrower host's. */
  readonly own: ServicePort | undefined
  readonly place: Place
}

function closedAt(service: Service, { wider, port, own, place }: WiderPort): Closed[] {
  const isAnywhere = service.addresses.length === 0
  const isOwn = own?.family === 'tls' && (isAnywhere || isDeclaredAt(service, place))
  const isOpen = own !== undefined && own.family !== 'http' && isAnywhere
  // Its own chains are in the listener of all addresses already.
  if (isOpen && (!isOwn || place === everywhere)) return []
  return [{ service, wider, port, family: 'tls', place, isOwn }]
}

/** What the listener of the wildcard says of the narrower name. */
export function fillNarrower(ctx: Context, closed: Closed): Filling<NarrowerChains> {
  const { service, port: number, place, family, isOwn } = closed
  const { bind, range } = place
  const port = service.ports.find((one) => one.number === number)
  if (isOwn && port !== undefined) {
    const { inputs, isRuled } = chainInputs(ctx, service)
    const make = (): NarrowerChains => {
      const plans = tlsChains(ctx, { service, port, isOwnAddress: false })
      return { bind, port: number, plans: range === undefined ? plans : plans.map((plan) => within(plan, range)) }
    }
    return { inputs, isSettled: !isRuled, make }
  }
  const metadata = metadataOf(ctx, closed)
  const make = (): NarrowerChains => ({ bind, port: number, plans: family === 'tls' ? [closedChain(ctx, closed, metadata)] : [] })
  return { inputs: [ctx.policy, ...Object.values(metadata)], isSettled: true, make }
}

function closedChain(ctx: Context, { service, place: { range } }: Closed, metadata: SallyportMetadata): ChainPlan {
  const cluster = ctx.policy === 'ALLOW_ANY' ? passthrough : blackHole
  const match = { serverNames: [service.host], ...(range !== undefined && { ranges: [range] }) }
  return planChain({ match, filter: tcpProxy([{ cluster, weight: 1 }], cluster), metadata })
}

export function closedHost(ctx: Context, closed: Closed): VirtualHost {
  const { host } = closed.service
  const metadata = metadataOf(ctx, closed)
  const routes = ctx.policy === 'ALLOW_ANY' ? unknownHosts(ctx).routes : undefined
  return ctx.kept.memo.get(closed.service, `closed host ${closed.port}`, [routes, ...Object.values(metadata)], () =>
    virtualHost({
      name: `${host}:${closed.port}`,
      domains: [host, `${host}.`],
      routes: routes ?? [catchAllRefusal(metadata)],
      metadata,
    }),
  )
}

function metadataOf(ctx: Context, { service, wider, port, family }: Closed): SallyportMetadata {
  if (ctx.policy === 'ALLOW_ANY') return undeclaredMetadata(ctx)
  const what = family === 'http' ? 'HTTP' : 'TLS'
  const isElsewhere = service.ports.some(({ number, family: own }) => number === port && own !== 'http')
  const how = family === 'tls' && isElsewhere ? `for its own addresses on port ${port} only` : `without ${what} on port ${port}`
  return {
    ...refMetadata(service.ref, service.field),
    refuse: 'not-declared',
    refuseText: `${service.host} is declared ${how}; the wider ${wider} does not speak for it`,
  }
}
