// Builds the chains of a gateway's TLS passthrough and TCP servers from the VirtualServices that are bound to them.
import type { L4MatchAttributes } from '../api/index.ts'
import { intersectHosts, type RuleSet, type ServerConfig } from '../model/index.ts'
import type { TransportSocket } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import { covers } from '../registry/index.ts'
import { type ChainPlan, planChain } from './chain-plan.ts'
import { type Context, refMetadata, refuseUnsupported } from './context.ts'
import { routeInputs } from './destinations.ts'
import type { GatewayPort } from './gateway-ports.ts'
import { refusedServerField } from './gateway-routes.ts'
import { routedChain } from './l4-chains.ts'
import { tcpProxy } from './messages.ts'
import { blackHole } from './names.ts'

/** `taken` holds the server names of the whole port: each may appear once, so a later match with any of them is left out. */
export function passthroughChains(ctx: Context, server: ServerConfig, taken: Set<string>): readonly ChainPlan[] {
  const chains: ChainPlan[] = []
  for (const rules of boundRules(ctx, server)) {
    for (const [i, rule] of rules.tls.entries()) {
      for (const [j, match] of rule.match.entries()) {
        if (!isAppliedAt(match, server) || match.sniHosts.some((host) => taken.has(host))) continue
        for (const host of match.sniHosts) taken.add(host)
        const field = `spec.tls[${i}]`
        const routes = rule.route ?? []
        const slot = `${server.field} ${server.gateway} ${field}.match[${j}]`
        chains.push(
          ctx.kept.memo.get(
            rules,
            slot,
            [
              ctx.strict,
              server,
              ...routeInputs(
                ctx,
                routes.map((route) => route.destination),
              ),
            ],
            () =>
              planChain(
                routedChain(ctx, { rules, field, matchFields: [`${field}.match[${j}]`] }, routes, {
                  listenerPort: server.server.port.number,
                  match: { serverNames: match.sniHosts },
                  reach: { hosts: match.sniHosts, isByAddress: false },
                }),
              ),
          ),
        )
      }
    }
  }
  return chains
}

interface TcpCandidate {
  readonly server: ServerConfig
  readonly rules: RuleSet
  readonly index: number
}

/** One chain, or none when no VirtualService has a rule for the port: then nothing listens. */
export function tcpServerChain(ctx: Context, port: GatewayPort): readonly ChainPlan[] {
  const refused = port.servers.flatMap((server) => refusedServerField(ctx, server) ?? [])
  const [first] = port.servers
  if (refused[0] !== undefined && first !== undefined) return [refusingChain(first, refused[0])]
  return candidateChains(
    ctx,
    port.servers.flatMap((server) => firstRules(ctx, server)),
  )
}

/** TLS that ends at the server. */
export interface EndedTls {
  /** Empty: every name, and none. */
  readonly serverNames: readonly string[]
  /** Names that older servers of the port have. */
  readonly taken: ReadonlySet<string>
  readonly transportSocket: TransportSocket
}

/** What is inside goes by TCP rules. Differs from Istio: where several VirtualServices have one, the server name tells whose it is. */
export function endedTcpChains(ctx: Context, server: ServerConfig, ending: EndedTls): readonly ChainPlan[] {
  const candidates = firstRules(ctx, server)
  if (!ctx.strict || candidates.length < 2) return candidateChains(ctx, candidates, ending)
  const taken = new Set(ending.taken)
  return candidates.flatMap((candidate) => {
    const { rules } = candidate
    const names = intersectHosts(server, rules.namespace, rules.hosts).filter((host) => !taken.has(host))
    for (const name of names) taken.add(name)
    return names.length === 0 ? [] : candidateChains(ctx, [candidate], { ...ending, serverNames: names.includes('*') ? [] : names })
  })
}

/** The first of them, which the others have to agree with. */
function candidateChains(ctx: Context, candidates: readonly TcpCandidate[], ending?: EndedTls): readonly ChainPlan[] {
  const [chosen, ...others] = ctx.strict ? candidates : candidates.slice(0, 1)
  if (chosen === undefined) return []
  const rival = others.find((other) => !leadsToTheSame(chosen, other))
  const routes = chosen.rules.tcp[chosen.index]?.route ?? []
  const slot = `tcp ${chosen.server.gateway} ${chosen.server.field} ${chosen.index}`
  return [
    ctx.kept.memo.get(
      chosen.rules,
      slot,
      [
        ctx.strict,
        chosen.server,
        rival?.rules,
        ending?.transportSocket,
        ending?.serverNames.join(' '),
        ...routeInputs(
          ctx,
          routes.map((route) => route.destination),
        ),
      ],
      () => planChain({ ...chosenChain(ctx, chosen, rival, ending), ...(ending && { transportSocket: ending.transportSocket }) }),
    ),
  ]
}

/** Differs from Istio, which gives every connection to the first one's destination. */
function chosenChain(ctx: Context, { server, rules, index }: TcpCandidate, rival: TcpCandidate | undefined, ending: EndedTls | undefined) {
  const rule = rules.tcp[index]
  const field = `spec.tcp[${index}]`
  const matchFields = (rule?.match ?? []).map((_, j) => `${field}.match[${j}]`)
  const plan = routedChain(ctx, { rules, field, matchFields }, rule?.route ?? [], {
    listenerPort: server.server.port.number,
    match: ending === undefined ? {} : { serverNames: ending.serverNames },
    reach: { isByAddress: false, ...(ending && ending.serverNames.length > 0 && { hosts: ending.serverNames }) },
  })
  const isMesh = ending !== undefined && server.server.tls?.mode === 'ISTIO_MUTUAL'
  if (rival === undefined) return isMesh ? { ...plan, metadata: { ...plan.metadata, mesh: true } } : plan
  const text = `port ${server.server.port.number} of the gateway is claimed for ${rules.hosts.join(', ')} and for ${rival.rules.hosts.join(', ')}, and plain TCP does not say which is meant: give each a port of its own`
  return { ...plan, metadata: { ...refMetadata(rules.ref, field), refuse: 'ambiguous-destination', refuseText: text } }
}

/** The first rule of every VirtualService that applies to the server. */
function firstRules(ctx: Context, server: ServerConfig): TcpCandidate[] {
  return boundRules(ctx, server).flatMap((rules) => {
    const index = rules.tcp.findIndex((rule) => {
      const matches = rule.match ?? []
      return matches.length === 0 || matches.some((match) => isAppliedAt(match, server))
    })
    return index < 0 ? [] : [{ server, rules, index }]
  })
}

function leadsToTheSame(a: TcpCandidate, b: TcpCandidate): boolean {
  return JSON.stringify(a.rules.tcp[a.index]?.route) === JSON.stringify(b.rules.tcp[b.index]?.route)
}

/** Rule sets bound to the Gateway with a host that the server serves; wider hosts than the server's do not count. */
function boundRules(ctx: Context, server: ServerConfig): readonly RuleSet[] {
  return ctx.scope
    .rules(server.gateway)
    .all.filter((rules) =>
      rules.hosts.some((host) =>
        server.hosts.some((own) => (own.namespace === '*' || own.namespace === rules.namespace) && covers(own.host, host)),
      ),
    )
}

/** At a gateway only its name and the server's port are looked at. */
function isAppliedAt(match: L4MatchAttributes, server: ServerConfig): boolean {
  const gateways = match.gateways ?? []
  if (gateways.length > 0 && !gateways.includes(server.gateway)) return false
  return (match.port ?? 0) === 0 || match.port === server.server.port.number
}

function refusingChain(server: ServerConfig, field: string): ChainPlan {
  return planChain({
    match: {},
    filter: tcpProxy([{ cluster: blackHole, weight: 1 }], blackHole),
    metadata: refuseUnsupported({ ref: server.ref, field }),
  })
}
