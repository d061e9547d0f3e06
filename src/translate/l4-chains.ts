// Turns the TLS and TCP rules about a service into filter chains, and adds the chain that leads straight to it when no rule ends the matter.
import type { L4MatchAttributes, RouteDestination } from '../api/index.ts'
import { fieldsUnder, type RuleSet } from '../model/index.ts'
import { defaultPort, hasLabels, type Service, type ServicePort } from '../registry/index.ts'
import type { SallyportMetadata } from '../xds/index.ts'
import { type ChainMatch, type ChainPlan, planChain } from './chain-plan.ts'
import { type Context, policyOf, refMetadata, refuseUnsupported } from './context.ts'
import { idleTimeout, idleTimeoutOf, portOfDestination, type Reach, routeInputs, unreachable, weightedClusters } from './destinations.ts'
import { tcpProxy } from './messages.ts'
import { clusterName } from './names.ts'

/** The place of a service's port among the listeners of a sidecar. */
export interface ChainSite {
  readonly service: Service
  readonly port: ServicePort
  /** The declared range, when the listener is the wildcard one. */
  readonly range?: string
  /** The listener is bound to an address of the service. */
  readonly isOwnAddress: boolean
  /** Take the connection only when the destination is an address of this name. */
  readonly resolvesTo?: string
}

/** What the chains of a service are made of. */
export function chainInputs(ctx: Context, service: Service): { readonly inputs: readonly unknown[]; readonly isRuled: boolean } {
  const rules = ctx.scope.rules('mesh').about(service.host)
  const routes = rules.flatMap((one) => [...one.tls, ...one.tcp].flatMap((rule) => rule.route ?? []))
  const destinations = routes.map((route) => route.destination)
  const own = [ctx.strict, ctx.scope.destination(service.host), policyOf(ctx, service)]
  return { inputs: [...own, ...rules, ...routeInputs(ctx, destinations)], isRuled: rules.length > 0 }
}

export function tlsChains(ctx: Context, site: ChainSite): ChainPlan[] {
  const chains: ChainPlan[] = []
  const seen = new Set<string>()
  let ranges = site.range === undefined ? [] : [site.range]
  for (const rules of ctx.scope.rules('mesh').about(site.service.host)) {
    for (const [i, rule] of rules.tls.entries()) {
      for (const [j, match] of rule.match.entries()) {
        if (!isAppliedHere(ctx, match, site.port.number)) continue
        // Ranges of one match stay in force for the later ones of the service, as in Istio.
        if ((match.destinationSubnets ?? []).length > 0) ranges = [...(match.destinationSubnets ?? [])]
        const key = `${match.sniHosts.join()}|${(match.destinationSubnets ?? []).join()}`
        if (seen.has(key)) continue
        seen.add(key)
        const at = { rules, field: `spec.tls[${i}]`, matchFields: [`spec.tls[${i}].match[${j}]`] }
        chains.push(ruleChain(ctx, site, { ...at, routes: rule.route ?? [] }, { serverNames: match.sniHosts, ranges }))
      }
    }
  }
  return chains.length > 0 ? chains : [directTlsChain(ctx, site, ranges)]
}

export function tcpChains(ctx: Context, site: ChainSite): ChainPlan[] {
  const chains: ChainPlan[] = []
  const own = site.range === undefined ? [] : [site.range]
  for (const rules of ctx.scope.rules('mesh').about(site.service.host)) {
    for (const [i, rule] of rules.tcp.entries()) {
      const field = `spec.tcp[${i}]`
      const matches = rule.match ?? []
      const applied = [...matches.entries()].filter(([, match]) => isAppliedHere(ctx, match, site.port.number))
      if (matches.length > 0 && applied.length === 0) continue
      const at = { rules, field, matchFields: applied.map(([j]) => `${field}.match[${j}]`) }
      const subnets = applied.flatMap(([, match]) => match.destinationSubnets ?? [])
      const isTerminal = matches.length === 0 || applied.some(([, match]) => (match.destinationSubnets ?? []).length === 0)
      chains.push(ruleChain(ctx, site, { ...at, routes: rule.route ?? [] }, { ranges: isTerminal ? own : subnets }))
      if (isTerminal || sameRanges(subnets, own)) return chains
    }
  }
  chains.push(directChain(ctx, site, { ranges: own }))
  return chains
}

/** All conditions must hold; unlike in HTTP rules also beside `gateways`. */
function isAppliedHere(ctx: Context, match: L4MatchAttributes, port: number): boolean {
  const gateways = match.gateways ?? []
  if (gateways.length > 0 && !gateways.includes('mesh')) return false
  if ((match.port ?? 0) !== 0 && match.port !== port) return false
  if (!hasLabels(ctx.proxy.labels, match.sourceLabels ?? {})) return false
  return (match.sourceNamespace ?? '') === '' || match.sourceNamespace === ctx.proxy.namespace
}

function sameRanges(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && [...a].sort().join() === [...b].sort().join()
}

export interface RuleAt {
  readonly rules: RuleSet
  readonly field: string
  readonly matchFields: readonly string[]
}

function ruleChain(
  ctx: Context,
  site: ChainSite,
  rule: RuleAt & { readonly routes: readonly RouteDestination[] },
  match: ChainMatch,
): ChainPlan {
  const isByAddress = site.isOwnAddress || (match.ranges ?? []).length > 0 || site.resolvesTo !== undefined
  const reach: Reach = { isByAddress, ...(match.serverNames && { hosts: match.serverNames }) }
  const plan = routedChain(ctx, rule, rule.routes, { listenerPort: site.port.number, match, reach })
  return planAt(ctx, site, plan)
}

export interface RoutedChainInit {
  readonly listenerPort: number
  readonly match: ChainMatch
  readonly reach: Reach
}

/** The chain of one rule, at a sidecar or a gateway. */
export function routedChain(ctx: Context, at: RuleAt, routes: readonly RouteDestination[], init: RoutedChainInit) {
  const clusters = weightedClusters(ctx, routes, init.listenerPort)
  const statPrefix = clusters.length === 1 ? (clusters[0]?.cluster ?? '') : `${at.rules.ref.name}.${at.rules.ref.namespace}`
  const first = routes[0]
  return {
    match: init.match,
    filter: tcpProxy(clusters, statPrefix, first === undefined ? undefined : idleTimeout(ctx, first, init.listenerPort)),
    metadata: refusal(ctx, at, routes, init) ?? refMetadata(at.rules.ref, at.field),
  }
}

function refusal(ctx: Context, at: RuleAt, routes: readonly RouteDestination[], init: RoutedChainInit): SallyportMetadata | undefined {
  const field = refusedField(ctx, at)
  if (field !== undefined) return refuseUnsupported({ ref: at.rules.ref, field })
  for (const { destination } of routes) {
    const text = unreachable(ctx, destination, portOfDestination(ctx, destination, init.listenerPort), init.reach)
    if (text !== undefined) return { ...refMetadata(at.rules.ref, at.field), refuse: 'destination-mismatch', refuseText: text }
  }
  return undefined
}

function refusedField(ctx: Context, { rules, field, matchFields }: RuleAt): string | undefined {
  const general = rules.unsupported.find((one) => !/^spec\.(http|tls|tcp)\b/.test(one))
  const ofRule = fieldsUnder(rules.unsupported, field).find((one) => !one.startsWith(`${field}.match`))
  const ofMatch = matchFields.flatMap((one) => fieldsUnder(rules.unsupported, one))
  // Istio passes over `sourceSubnet` without a word.
  return general ?? ofRule ?? ofMatch.find((one) => ctx.strict || !one.endsWith('.sourceSubnet'))
}

function directTlsChain(ctx: Context, site: ChainSite, ranges: readonly string[]): ChainPlan {
  // Differs from Istio: an address of a TLS service takes only connections with its name. With a range Istio looks at the name too.
  const looksAtName = ctx.strict || !site.isOwnAddress
  return directChain(ctx, site, { ranges, ...(looksAtName && { serverNames: [site.service.host] }) })
}

function directChain(ctx: Context, site: ChainSite, match: ChainMatch): ChainPlan {
  const { service } = site
  const port = defaultPort(service, site.port.number)
  const cluster = clusterName(port, '', service.host)
  const destination = ctx.scope.destination(service.host)
  const idle = destination === undefined ? undefined : idleTimeoutOf(ctx, destination, '', port)
  const plan = {
    match,
    filter: tcpProxy([{ cluster, weight: 1 }], cluster, idle),
    metadata: refMetadata(service.ref, service.field),
  }
  return planAt(ctx, site, plan)
}

function planAt(ctx: Context, { service, port, resolvesTo }: ChainSite, plan: Parameters<typeof planChain>[0]): ChainPlan {
  // Differs from Istio: bytes are looked at on such a port, so a name in them has to be the host's, as a Host header has to.
  const isNamed = ctx.strict && port.family === 'unset' && service.ref.kind === 'ServiceEntry'
  const said = { ...(resolvesTo !== undefined && { resolvesTo }), ...(isNamed && { serverName: service.host }) }
  return planChain({ ...plan, metadata: { ...plan.metadata, ...said } })
}
