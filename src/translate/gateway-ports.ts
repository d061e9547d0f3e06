// Works out which servers a gateway proxy runs, where each is bound, and which of several on one port gives way.
import { gatewaysSelecting, type GatewayConfig, type ServerConfig } from '../model/index.ts'
import { endpointPort, familyOfProtocol, hasLabels, parseProtocol, type Service } from '../registry/index.ts'
import { type Context, warn } from './context.ts'
import { anyV4 } from './names.ts'

export type ServerKind = 'http' | 'tls' | 'tcp'

export interface GatewayPort {
  readonly bind: string
  readonly hasOwnBind: boolean
  readonly port: number
  readonly kind: ServerKind
  /** Oldest Gateway first. */
  readonly servers: readonly ServerConfig[]
}

export function gatewayPorts(ctx: Context): readonly GatewayPort[] {
  const ports = new Map<string, GatewayPort & { readonly servers: ServerConfig[] }>()
  for (const gateway of gatewaysSelecting(ctx.model.gateways, ctx.proxy.labels)) {
    for (const server of gateway.servers) {
      for (const port of boundPorts(ctx, server)) addServer(ctx, ports, { gateway, server, port })
    }
  }
  return [...ports.values()]
}

function addServer(
  ctx: Context,
  ports: Map<string, GatewayPort & { readonly servers: ServerConfig[] }>,
  { gateway, server, port }: { readonly gateway: GatewayConfig; readonly server: ServerConfig; readonly port: number },
): void {
  const said = server.server.bind ?? ''
  const bind = said === '' ? anyV4 : said
  const kind = kindOf(server)
  const known = ports.get(`${bind}_${port}`)
  if (known === undefined) {
    ports.set(`${bind}_${port}`, { bind, hasOwnBind: said !== '', port, kind, servers: [server] })
  } else if (known.kind === kind) {
    known.servers.push(server)
  } else {
    const at = { ref: gateway.ref, field: server.field }
    const message = `port ${port} is taken by an older server of another protocol, so this server does nothing`
    warn(ctx, at, { code: 'SLP1501', message, fix: 'give each protocol a port of its own' })
  }
}

function kindOf({ server }: ServerConfig): ServerKind {
  const family = familyOfProtocol(parseProtocol(server.port.protocol))
  return family === 'http' || family === 'tls' ? family : 'tcp'
}

/** A port of a service that this gateway is an instance of means the instance's own port; any other is bound as it is. */
function boundPorts(ctx: Context, { server }: ServerConfig): readonly number[] {
  // Sockets are named after the server's port, so nothing is mapped.
  if (ctx.options.embeddedGateway !== undefined) return [server.port.number]
  const found = new Set<number>()
  for (const service of ctx.model.registry.services) {
    const port = service.ports.find((one) => one.number === server.port.number)
    if (port === undefined) continue
    for (const endpoint of service.endpoints) if (isThisProxy(ctx, endpoint)) found.add(endpointPort(endpoint, port))
    if (isChosenByService(ctx, service)) found.add(port.targetPort ?? port.number)
  }
  return found.size === 0 ? [server.port.number] : [...found]
}

function isThisProxy(ctx: Context, endpoint: Service['endpoints'][number]): boolean {
  const { address, labels } = ctx.proxy
  if (address !== undefined) return endpoint.address === address
  return Object.keys(endpoint.labels).length > 0 && hasLabels(labels, endpoint.labels)
}

function isChosenByService(ctx: Context, service: Service): boolean {
  const { selector, ref, namespace, endpoints } = service
  if (ref.kind !== 'Service' || selector === undefined || Object.keys(selector).length === 0) return false
  return endpoints.length === 0 && namespace === ctx.proxy.namespace && hasLabels(ctx.proxy.labels, selector)
}
