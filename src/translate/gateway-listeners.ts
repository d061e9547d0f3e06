// Builds the listeners of an egress gateway: only what Gateways open and VirtualServices route, with no way through for anything else.
import { create, type SallyportMetadata, writeMetadata } from '../xds/index.ts'
import { TrafficDirection } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import { type Listener, ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'
import type { RouteConfiguration } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import type { ServerConfig } from '../model/index.ts'
import { type ChainPlan, isSamePlan, planChain } from './chain-plan.ts'
import { byName, type Context, type ListenersAndRoutes, refMetadata, refuseUnsupported } from './context.ts'
import { socketPath } from './egress-gateway.ts'
import { passthroughChains, tcpServerChain } from './gateway-l4.ts'
import { type GatewayPort, gatewayPorts } from './gateway-ports.ts'
import { gatewayTable, refusedServerField } from './gateway-routes.ts'
import { governing } from './governed.ts'
import { httpManager } from './http-manager.ts'
import { duration, pipeAddress, proxyProtocolFilter, socketAddress, tcpProxy, tlsInspector } from './messages.ts'
import { blackHole, listenerName } from './names.ts'
import { refusingTable } from './route-tables.ts'

export function gatewayResources(ctx: Context): ListenersAndRoutes {
  const listeners: Listener[] = []
  const routes: RouteConfiguration[] = []
  const refusal = governing(ctx)
  for (const port of gatewayPorts(ctx)) {
    const chains = refusal === undefined || port.kind === 'http' ? chainsOf(ctx, port) : [refusingAll(refusal)]
    if (chains.length === 0) continue
    listeners.push(listenerOf(ctx, port, chains))
    if (port.kind !== 'http') continue
    const name = tableName(port)
    routes.push(refusal === undefined ? gatewayTable(ctx, name, port) : refusingTable(ctx, name, refusal))
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

/** One set of chains per server; a name that an older server has taken is left to it. */
function tlsServers(ctx: Context, port: GatewayPort): readonly ChainPlan[] {
  const taken = new Set<string>()
  return port.servers.flatMap((server) => {
    const field = refusedServerField(ctx, server) ?? unendedTls(server)
    return field === undefined ? passthroughChains(ctx, server, taken) : [refusingChain(ctx, server, field)]
  })
}

/** TLS that ends here is not carried out, and routing by what is inside it even less. */
function unendedTls({ server, field }: ServerConfig): string | undefined {
  return server.tls?.mode === undefined || server.tls.mode === 'PASSTHROUGH' ? undefined : `${field}.tls.mode`
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
