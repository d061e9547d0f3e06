// Builds the listeners of an egress gateway: only what Gateways open and VirtualServices route, with no way through for anything else.
import { create, type SallyportMetadata, writeMetadata } from '../xds/index.ts'
import { TrafficDirection, type TransportSocket } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import { type Listener, ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import type { RouteConfiguration } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import type { ServerConfig } from '../model/index.ts'
import { parseProtocol } from '../registry/index.ts'
import { type ChainPlan, isSamePlan, planChain } from './chain-plan.ts'
import { byName, type Context, type ListenersAndRoutes, refMetadata, refuseUnsupported } from './context.ts'
import { socketPath } from './egress-gateway.ts'
import { type EndedTls, endedTcpChains, passthroughChains, tcpServerChain } from './gateway-l4.ts'
import { type GatewayPort, gatewayPorts } from './gateway-ports.ts'
import { gatewayTable, refusedServerField } from './gateway-routes.ts'
import { governing } from './governed.ts'
import { httpManager } from './http-manager.ts'
import { duration, pipeAddress, proxyProtocolFilter, socketAddress, tcpProxy, tlsInspector } from './messages.ts'
import { blackHole, listenerName } from './names.ts'
import { refusingTable } from './route-tables.ts'
import { type EndingTls, endsTls, hasUnknownCipher, serverSocket } from './server-tls.ts'

export function gatewayResources(ctx: Context): ListenersAndRoutes {
  const listeners: Listener[] = []
  const routes: RouteConfiguration[] = []
  const refusal = governing(ctx)
  for (const port of gatewayPorts(ctx)) {
    const chains = refusal === undefined || port.kind === 'http' ? chainsOf(ctx, port) : [refusingAll(refusal)]
    if (chains.length === 0) continue
    listeners.push(listenerOf(ctx, port, chains))
    for (const { name, servers } of tablesOf(port)) {
      routes.push(refusal === undefined ? gatewayTable(ctx, name, { ...port, servers }) : refusingTable(ctx, name, refusal))
    }
  }
  return { listeners: byName(listeners), routes: byName(routes) }
}

function refusingAll(metadata: SallyportMetadata): ChainPlan {
  return planChain({ match: {}, filter: tcpProxy([{ cluster: blackHole, weight: 1 }], blackHole), metadata })
}

function tableName(port: GatewayPort): string {
  return `http.${port.port}${port.hasOwnBind ? `.${port.bind}` : ''}`
}

function chainsOf(ctx: Context, port: GatewayPort): readonly ChainPlan[] {
  switch (port.kind) {
    case 'http':
      return [httpChain(ctx, port)]
    case 'tls':
      return tlsServers(ctx, port)
    case 'tcp':
      return tcpServerChain(ctx, port)
  }
}

function httpChain(ctx: Context, port: GatewayPort): ChainPlan {
  const { mesh } = ctx.model.settings
  const [first] = port.servers
  const metadata = first === undefined ? {} : refMetadata(first.ref, first.field)
  const statPrefix = `outbound_${listenerName(port.bind, port.port)};`
  const inputs = [mesh, ...Object.values(metadata)]
  return ctx.kept.assemblies.get(`chain ${tableName(port)}`, inputs, () =>
    planChain({ match: {}, filter: httpManager({ routeConfig: tableName(port), statPrefix, role: 'gateway', mesh }), metadata }),
  )
}

/** One table for a port of plain HTTP; one for each server that ends TLS and serves HTTP inside, as in Istio. */
function tablesOf(port: GatewayPort): readonly { readonly name: string; readonly servers: readonly ServerConfig[] }[] {
  if (port.kind === 'http') return [{ name: tableName(port), servers: port.servers }]
  return port.servers.filter(servesHttps).map((server) => ({ name: secureTableName(port, server), servers: [server] }))
}

function servesHttps({ server }: ServerConfig): boolean {
  return endsTls(server.tls) && parseProtocol(server.port.protocol) === 'https'
}

/** Istio's: `https.443.PORTNAME.GATEWAY.NAMESPACE`. */
function secureTableName({ bind, hasOwnBind }: GatewayPort, { server, ref }: ServerConfig): string {
  const { number, name = '' } = server.port
  return `https.${number}.${name}.${ref.name}.${ref.namespace}${hasOwnBind ? `.${bind}` : ''}`
}

/** One set of chains per server; a name that an older server has taken is left to it. */
function tlsServers(ctx: Context, port: GatewayPort): readonly ChainPlan[] {
  const taken = new Set<string>()
  return port.servers.flatMap((server) => {
    const field = refusedServerField(ctx, server) ?? wayNotCarriedOut(server, ctx.strict)
    if (field !== undefined) return [refusingChain(ctx, server, field)]
    const { tls } = server.server
    if (!endsTls(tls)) return passthroughChains(ctx, server, taken)
    const before = new Set(taken)
    const names = server.hosts.map(({ host }) => host).filter((host) => !before.has(host))
    for (const name of names) taken.add(name)
    if (names.length === 0) return []
    const ending = { serverNames: names.includes('*') ? [] : names, taken: before, transportSocket: serverSocketOf(ctx, server, tls) }
    return servesHttps(server) ? [secureHttpChain(ctx, { port, server, ending })] : endedTcpChains(ctx, server, ending)
  })
}

function wayNotCarriedOut({ server, field }: ServerConfig, strict: boolean): string | undefined {
  if (hasUnknownCipher(server.tls, strict)) return `${field}.tls.cipherSuites`
  const mode = server.tls?.mode ?? 'PASSTHROUGH'
  return mode === 'PASSTHROUGH' || endsTls(server.tls) ? undefined : `${field}.tls.mode`
}

function serverSocketOf(ctx: Context, server: ServerConfig, tls: EndingTls): TransportSocket {
  const carries = servesHttps(server) ? 'http' : 'tcp'
  return ctx.kept.memo.get(server, 'tls', [ctx.strict], () => serverSocket(tls, { strict: ctx.strict, carries }))
}

interface SecureServer {
  readonly port: GatewayPort
  readonly server: ServerConfig
  readonly ending: EndedTls
}

function secureHttpChain(ctx: Context, { port, server, ending: { serverNames, transportSocket } }: SecureServer): ChainPlan {
  const { mesh } = ctx.model.settings
  const routeConfig = secureTableName(port, server)
  const statPrefix = `outbound_${listenerName(port.bind, port.port)};`
  return ctx.kept.memo.get(server, `secure chain ${routeConfig}`, [mesh, transportSocket, serverNames.join(' ')], () =>
    planChain({
      match: { serverNames },
      filter: httpManager({ routeConfig, statPrefix, role: 'gateway', mesh }),
      metadata: { ...refMetadata(server.ref, server.field), ...(server.server.tls?.mode === 'ISTIO_MUTUAL' && { mesh: true }) },
      transportSocket,
    }),
  )
}

function refusingChain(ctx: Context, server: ServerConfig, field: string): ChainPlan {
  const serverNames = server.hosts.map(({ host }) => host)
  return ctx.kept.memo.get(server, 'refusing chain', [field], () =>
    planChain({
      match: serverNames.includes('*') ? {} : { serverNames },
      filter: tcpProxy([{ cluster: blackHole, weight: 1 }], blackHole),
      metadata: refuseUnsupported({ ref: server.ref, field }),
    }),
  )
}

function listenerOf(ctx: Context, port: GatewayPort, plans: readonly ChainPlan[]): Listener {
  const name = listenerName(port.bind, port.port)
  const [first] = port.servers
  const pipe = pipeOf(ctx, port.port)
  const inputs = [ctx.strict, pipe, first?.ref.namespace, first?.ref.name, first?.field]
  const parts = { inputs, parts: distinct(plans), keyOf: (plan: ChainPlan) => plan.key, isEqual: isSamePlan }
  return ctx.kept.assemblies.assemble(`listener ${name}`, parts, (settled) => {
    const listener = create(ListenerSchema, {
      name,
      address: pipe === undefined ? socketAddress(port.bind, port.port) : pipeAddress(pipe),
      bindToPort: true,
      trafficDirection: TrafficDirection.OUTBOUND,
      listenerFilters: [
        ...(pipe === undefined ? [] : [proxyProtocolFilter()]),
        ...(settled.some((plan) => plan.looksAtNames) ? [tlsInspector()] : []),
      ],
      listenerFiltersTimeout: duration(0),
      metadata: writeMetadata({
        strictness: ctx.strict ? 'strict' : 'istio',
        ...(first && refMetadata(first.ref, first.field)),
      }),
    })
    listener.filterChains = settled.map((plan) => plan.chain)
    return listener
  })
}

/** Of chains with equal matches the first stays. */
function distinct(plans: readonly ChainPlan[]): readonly ChainPlan[] {
  const byKey = new Map<string, ChainPlan>()
  for (const plan of plans) if (!byKey.has(plan.key)) byKey.set(plan.key, plan)
  return [...byKey.values()]
}

function pipeOf(ctx: Context, port: number): string | undefined {
  const { embeddedGateway } = ctx.options
  if (embeddedGateway === undefined) return undefined
  const own = ctx.model.synthesised.find((gateway) => gateway.labels !== undefined && isSame(gateway.labels, ctx.proxy.labels))
  return own && socketPath(ctx.model, own, embeddedGateway.socketDirectory, port)
}

/** The stand-in carries the selector as its labels. */
function isSame(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value)
}
