// Builds the listeners of a sidecar: one per bind address and port of the declared services, and the one that catches all else.
import { parseDuration, PatchedMap, type Steps } from '../base/index.ts'
import { isRange, isWildcardHost, type Service, type ServicePort, type VirtualAddresses } from '../registry/index.ts'
import { create, type SallyportMetadata, writeMetadata } from '../xds/index.ts'
import { TrafficDirection } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import { type FilterChain, FilterChainMatchSchema } from '../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { AdditionalAddressSchema, type Listener, ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import { type ChainPlan, forPlainBytes, isSamePlan, planChain } from './chain-plan.ts'
import { byName, type Context, policySource, refMetadata, undeclaredMetadata } from './context.ts'
import { governing } from './governed.ts'
import { httpManager } from './http-manager.ts'
import { chainInputs, type ChainSite, tcpChains, tlsChains } from './l4-chains.ts'
import type { Arrival, ListenerEntry } from './listener-entry.ts'
import { ListenerTracker } from './listener-tracker.ts'
import { type Beside, type Filling, sameItems } from './memo.ts'
import { duration, filterChain, httpInspector, socketAddress, tcpProxy, tlsInspector } from './messages.ts'
import type { Closed } from './kept-parts.ts'
import { anyV4, blackHole, listenerName, outboundPort, passthrough, tableName } from './names.ts'
import { declaredPlaces, everywhere, type Place } from './places.ts'

/** So many listeners are made before others get their turn. */
const STEP = 16

export function* sidecarListeners(ctx: Context, closed: readonly Closed[]): Steps<ReadonlyMap<string, Listener>> {
  const governed = governing(ctx)
  if (governed !== undefined) return byName([virtualOutbound(ctx, governed)])
  const fallback = fallbackChain(ctx)
  const last = virtualOutbound(ctx)
  const lists = yield* ctx.kept.arrivals.all(ctx, ctx.scope.services, besideServices(ctx))
  const inputs = [fallback, last, ctx.strict, ctx.policy, ctx.model.settings.mesh.protocolDetectionTimeout]
  const before = ctx.kept.listeners
  const narrower = yield* ctx.kept.narrower.all(ctx, closed)
  const isKnown = before !== undefined && sameItems(before.inputs, inputs) && sameItems(before.narrower, narrower)
  const tracker = before?.tracker ?? new ListenerTracker()
  yield
  const tracked = yield* tracker.follow(lists, isKnown)
  const { names, fresh, followed } = tracked
  for (const { bind, port, plans } of narrower) for (const plan of plans) fresh.at(bind, port)?.add(plan)
  tracker.keep(tracked)
  yield
  const listeners: Listener[] = []
  for (const entry of [...fresh.all, ...followed]) {
    listeners.push(listenerOf(ctx, entry, fallback))
    if (listeners.length % STEP === 0) yield
  }
  const made = byName(names ? listeners : [...listeners, last])
  const map = names && before ? PatchedMap.of(before.map, new Map(Array.from(names, (name) => [name, made.get(name)]))) : made
  if (before) for (const name of names ?? before.map.keys()) if (!map.has(name)) ctx.kept.lasting.forget(`listener ${name}`)
  ctx.kept.listeners = { inputs, narrower, tracker, map }
  return map
}

/** What the listeners and tables of a service depend on beside itself. */
export function besideServices(ctx: Context): Beside<Service>[] {
  const { scope, model } = ctx
  const virtual = { stamp: model.virtualAddresses, of: (service: Service) => virtualOf(ctx, service) }
  // Where no host is declared twice, a service is its destination's only part.
  const destination = { stamp: scope.isOneToOne ? 'one to one' : scope, of: (service: Service) => scope.destination(service.host) }
  return [virtual, destination]
}

/** Where names tell services apart, their listeners do not ask for addresses. */
function virtualOf(ctx: Context, service: Service): VirtualAddresses | undefined {
  return service.isPlain && service.addresses.length === 0 ? ctx.model.virtualAddresses(service) : undefined
}

export function fillArrivals(ctx: Context, service: Service): Filling<readonly Arrival[]> {
  const { inputs, isRuled } = chainInputs(ctx, service)
  const others = [virtualOf(ctx, service), ctx.model.settings.mesh.pathNormalization?.normalization]
  return { inputs: [...others, ...inputs], isSettled: !isRuled, make: () => buildArrivals(ctx, service) }
}

function buildArrivals(ctx: Context, service: Service): readonly Arrival[] {
  return service.ports.flatMap((port) => placesOf(ctx, service, port).map((place) => arrivalAt(ctx, service, port, place)))
}

function placesOf(ctx: Context, service: Service, port: ServicePort): readonly Place[] {
  return declaredPlaces(service, port) ?? unaddressedPlaces(ctx, service, port)
}

function unaddressedPlaces(ctx: Context, service: Service, port: ServicePort): readonly Place[] {
  const virtual = ctx.model.virtualAddresses(service)
  const own = virtual === undefined ? [] : [{ bind: virtual.v4, extraBinds: [virtual.v6], isOwnAddress: true }]
  // Istio: a virtual address replaces the wildcard one; without it every address on the port belongs to the service.
  if (!ctx.strict) return own.length > 0 ? own : [everywhere]
  // Differs from Istio: only addresses that the host resolves to; a wildcard host has none, so that only requests can name it.
  if (isWildcardHost(service.host)) return port.family === 'unset' ? [{ ...everywhere, isForRequestsOnly: true }] : []
  return [...own, { ...everywhere, resolvesTo: service.host }]
}

function arrivalAt(ctx: Context, service: Service, port: ServicePort, place: Place): Arrival {
  const { bind, extraBinds, range, isOwnAddress, resolvesTo } = place
  const site: ChainSite = {
    service,
    port,
    isOwnAddress,
    ...(range !== undefined && { range }),
    ...(resolvesTo !== undefined && { resolvesTo }),
  }
  const at = { name: listenerName(bind, port.number), bind, extraBinds, port }
  if (place.isForRequestsOnly) return httpArrival(ctx, at)
  switch (port.family) {
    case 'http':
      return httpArrival(ctx, at)
    case 'tls':
      return { ...at, own: tlsChains(ctx, site), http: [] }
    case 'unset':
      return { ...at, ...sniffedChains(ctx, site, bind) }
    default:
      return { ...at, own: tcpChains(ctx, site), http: [] }
  }
}

/** One object for all HTTP services of a port, because nothing else depends on the service. */
function httpArrival(ctx: Context, at: Omit<Arrival, 'own' | 'http'>): Arrival {
  // At an address that a Sidecar names nothing else is spoken, as in Istio.
  const isPure = at.bind !== anyV4
  const chain = httpChain(ctx, { bind: at.bind, port: at.port.number, isPure }, String(at.port.number))
  return ctx.kept.memo.get(chain, 'arrival', [], () => ({ ...at, own: [], http: [chain] }))
}

/** Both sides of a port that says no protocol. */
function sniffedChains(ctx: Context, site: ChainSite, bind: string): Pick<Arrival, 'own' | 'http'> {
  const { service, port, range } = site
  const own = tcpChains(ctx, site)
  const table = tableName(service, port.number)
  // Differs from Istio: a range keeps its own table too, so that a Host header cannot lead there from any other address.
  if (ctx.strict && range !== undefined)
    return { own: [...own, ...own.map(forPlainBytes), httpChain(ctx, { bind, port: port.number }, table, range)], http: [] }
  return { own, http: [httpChain(ctx, { bind, port: port.number }, site.isOwnAddress ? table : String(port.number))] }
}

function httpChain(
  ctx: Context,
  { bind, port, isPure = false }: { readonly bind: string; readonly port: number; readonly isPure?: boolean },
  table: string,
  range?: string,
): ChainPlan {
  const { mesh } = ctx.model.settings
  const statPrefix = `outbound_${listenerName(bind, port)};`
  const make = (): ChainPlan =>
    planChain({
      match: isPure ? {} : { isHttp: true, ...(range !== undefined && { ranges: [range] }) },
      filter: httpManager({ routeConfig: table, statPrefix, role: 'sidecar', mesh }),
      metadata: {},
    })
  // All HTTP services of a port have one chain.
  if (table !== String(port)) return make()
  return ctx.kept.memo.get(ctx.kept, `http ${bind} ${port}`, [mesh.pathNormalization?.normalization], make)
}

/** What nothing declared: to the dialled address, or nowhere. */
function fallbackChain(ctx: Context): FilterChain {
  return ctx.kept.assemblies.get('fallback', [ctx.policy, ...Object.values(undeclaredMetadata(ctx))], () =>
    filterChain({
      name: 'PassthroughFilterChain',
      match: create(FilterChainMatchSchema),
      filter: catchAllFilter(ctx),
      metadata: undeclaredMetadata(ctx),
    }),
  )
}

function catchAllFilter(ctx: Context) {
  const cluster = ctx.policy === 'ALLOW_ANY' ? passthrough : blackHole
  return tcpProxy([{ cluster, weight: 1 }], cluster)
}

function listenerOf(ctx: Context, entry: ListenerEntry, fallback: FilterChain): Listener {
  const name = listenerName(entry.bind, entry.port)
  const wait = inspectionTimeout(ctx, entry)
  // It is not part of a listener that takes everything.
  const last = entry.counts.matchAll > 0 ? undefined : fallback
  const parts = { inputs: [wait, last, entry.extraBinds.join()], parts: entry.chains, keyOf: keyOfPlan, isEqual: isSamePlan }
  return ctx.kept.lasting.assemble(`listener ${name}`, parts, (plans) => {
    const listener = create(ListenerSchema, {
      name,
      address: socketAddress(entry.bind, entry.port),
      additionalAddresses: entry.extraBinds.map((bind) => create(AdditionalAddressSchema, { address: socketAddress(bind, entry.port) })),
      bindToPort: false,
      trafficDirection: TrafficDirection.OUTBOUND,
      continueOnListenerFiltersTimeout: true,
      listenerFilters: inspectors(entry),
      listenerFiltersTimeout: duration(wait),
    })
    // A chain that matches everything is the default beside others; alone it stays where it is.
    const matchAll = plans.length === 1 ? undefined : plans.find((plan) => plan.isMatchAll)
    listener.filterChains = plans.filter((plan) => plan !== matchAll).map((plan) => plan.chain)
    const isWhole = plans.length === 1 && plans[0]?.isMatchAll === true
    if (!isWhole) listener.defaultFilterChain = matchAll?.chain ?? fallback
    return listener
  })
}

function keyOfPlan(plan: ChainPlan): string {
  return plan.key
}

function inspectors({ counts }: ListenerEntry) {
  return [...(counts.looksAtNames > 0 ? [tlsInspector()] : []), ...(counts.looksAtHttp > 0 ? [httpInspector()] : [])]
}

/** 0 = no limit said here. */
function inspectionTimeout(ctx: Context, { counts }: ListenerEntry): number {
  const looksAtHttp = counts.looksAtHttp > 0
  if (!ctx.strict) return looksAtHttp ? (parseDuration(ctx.model.settings.mesh.protocolDetectionTimeout ?? '') ?? 0) : 0
  // Differs from Istio: a server that speaks first is not kept waiting for ever behind an inspected port.
  const servesSilence = ctx.policy === 'ALLOW_ANY' || counts.servesSilence > 0
  return (looksAtHttp || counts.looksAtNames > 0) && servesSilence ? 250 : 0
}

function virtualOutbound(ctx: Context, refusal?: SallyportMetadata): Listener {
  const metadata = refusal ?? undeclaredMetadata(ctx)
  const own = ownMetadata(ctx)
  const inputs = [...Object.values(own), ...Object.values(metadata)]
  return ctx.kept.assemblies.get('listener virtualOutbound', inputs, () =>
    create(ListenerSchema, {
      name: 'virtualOutbound',
      address: socketAddress(anyV4, outboundPort),
      useOriginalDst: true,
      trafficDirection: TrafficDirection.OUTBOUND,
      filterChains: [
        filterChain({
          name: 'virtualOutbound-blackhole',
          match: create(FilterChainMatchSchema, { destinationPort: outboundPort }),
          filter: tcpProxy([{ cluster: blackHole, weight: 1 }], blackHole),
        }),
        filterChain({ name: 'virtualOutbound-catchall-tcp', filter: catchAllFilter(ctx), metadata }),
      ],
      metadata: writeMetadata(own),
    }),
  )
}

function ownMetadata(ctx: Context): SallyportMetadata {
  const source = policySource(ctx)
  return {
    strictness: ctx.strict ? 'strict' : 'istio',
    outboundPolicy: ctx.policy,
    ...(source && refMetadata(source.ref, source.field)),
    ...hiddenMetadata(ctx),
  }
}

/** More would make the listener too large; what is not listed is refused just the same, as not declared. */
const mostHidden = 5000

/** Differs from Istio, where what a Sidecar hides cannot be told from what nobody declares. */
function hiddenMetadata(ctx: Context): SallyportMetadata {
  const { sidecar } = ctx.scope
  const hidden = sidecar === undefined || !ctx.strict || ctx.policy === 'ALLOW_ANY' ? [] : ctx.scope.hidden()
  if (sidecar === undefined || hidden.length === 0) return {}
  const names = new Set(hidden.flatMap(({ host, addresses }) => [host, ...addresses.filter((address) => !isRange(address))]))
  const { kind, namespace, name } = sidecar.ref
  return { hiddenBy: `${kind}/${namespace}/${name}`, hidden: [...names].sort().slice(0, mostHidden).join(' ') }
}
