// Builds the listeners and route tables of a sidecar together, so that exactly the tables that a listener names exist.
import { isRange, type Service } from '../registry/index.ts'
import type { RouteConfiguration } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import type { Context, ListenersAndRoutes } from './context.ts'
import { governing } from './governed.ts'
import { type Closed, closedPorts } from './narrower-hosts.ts'
import { tableName } from './names.ts'
import { sidecarListeners } from './sidecar-listeners.ts'
import { isChosenByAddressOnly, ownTable, sharedTable } from './sidecar-routes.ts'

export function sidecarResources(ctx: Context): ListenersAndRoutes {
  if (governing(ctx) !== undefined) return { listeners: sidecarListeners(ctx, []), routes: [] }
  const closed = closedPorts(ctx)
  return { listeners: sidecarListeners(ctx, closed), routes: tables(ctx, closed) }
}

interface Wanted {
  /** Services that may be asked for in the shared table of a port; a port is there when some listener shares it. */
  readonly shared: ReadonlyMap<number, Service[]>
  readonly own: readonly { readonly service: Service; readonly port: number }[]
}

function tables(ctx: Context, closed: readonly Closed[]): RouteConfiguration[] {
  const { shared, own } = wantedTables(ctx)
  const ownTables = new Map<string, RouteConfiguration>()
  for (const { service, port } of own) {
    const name = tableName(service, port)
    if (!ownTables.has(name)) ownTables.set(name, ownTable(ctx, name, service, port))
  }
  const sharedTables = [...shared].map(([port, services]) =>
    sharedTable(ctx, { port, services, closed: closed.filter((one) => one.port === port) }),
  )
  return [...sharedTables, ...ownTables.values()]
}

function wantedTables(ctx: Context): Wanted {
  const ports = new Set<number>()
  const byPort = new Map<number, Service[]>()
  const own: { service: Service; port: number }[] = []
  for (const service of ctx.scope.services) {
    for (const { number, family } of service.ports) {
      if (family === 'http') ports.add(number)
      else if (family === 'unset') {
        if (isShared(ctx, service)) ports.add(number)
        if (hasOwnAddress(ctx, service)) own.push({ service, port: number })
        if (isChosenByAddressOnly(ctx, service, number)) continue
      } else continue
      const services = byPort.get(number)
      if (services === undefined) byPort.set(number, [service])
      else services.push(service)
    }
  }
  return { shared: new Map([...ports].map((port) => [port, byPort.get(port) ?? []])), own }
}

function isShared(ctx: Context, service: Service): boolean {
  return service.addresses.length === 0 || (!ctx.strict && service.addresses.some(isRange))
}

function hasOwnAddress(ctx: Context, service: Service): boolean {
  return service.addresses.length > 0 || ctx.model.virtualAddresses(service) !== undefined
}
