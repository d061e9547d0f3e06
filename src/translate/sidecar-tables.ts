// Keeps the route tables of a sidecar: which there have to be, and which of them a change of services or rules has touched.
import { changedStretch, PatchedMap, type Steps } from '../base/index.ts'
import { isRange, type Service } from '../registry/index.ts'
import type { RouteConfiguration } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import type { Context } from './context.ts'
import { type Filling, sameItems } from './memo.ts'
import type { Closed, KeptTables, Want } from './kept-parts.ts'
import { tableName } from './names.ts'
import { besideServices } from './sidecar-listeners.ts'
import { isChosenByAddressOnly, ownTable, sharedTable } from './sidecar-routes.ts'

export function fillWant(ctx: Context, service: Service): Filling<Want> {
  const inputs = [ctx.strict, hasOwnAddress(ctx, service), ctx.scope.destination(service.host), ctx.model.virtualAddresses(service)]
  return { inputs, isSettled: true, make: () => wantOf(ctx, service) }
}

export function* sidecarTables(ctx: Context, closed: readonly Closed[]): Steps<ReadonlyMap<string, RouteConfiguration>> {
  const wants = yield* ctx.kept.wants.all(ctx, ctx.scope.services, besideServices(ctx))
  const before = ctx.kept.tables
  const isKnown = before !== undefined && before.epoch === ctx.epoch && sameItems(before.closed, closed)
  const touched = isKnown ? touchedNames(before, wants) : undefined
  yield
  const { tables, ruled } = yield* tablesOf(ctx, { wants, closed, touched })
  const map = isKnown && touched ? PatchedMap.of(before.map, new Map(Array.from(touched, (name) => [name, tables.get(name)]))) : tables
  if (before) for (const name of touched ?? before.map.keys()) if (!map.has(name)) ctx.kept.lasting.forget(`routes ${name}`)
  const others = isKnown && touched ? [...before.ruled].filter((name) => !touched.has(name)) : []
  ctx.kept.tables = { epoch: ctx.epoch, closed, wants, ruled: new Set([...others, ...ruled]), map }
  return map
}

function wantOf(ctx: Context, service: Service): Want {
  const want = { service, shared: [] as number[], joined: [] as number[], own: [] as number[] }
  for (const { number, family } of service.ports) {
    if (family === 'http') want.shared.push(number)
    else if (family === 'unset') {
      if (isShared(ctx, service)) want.shared.push(number)
      if (hasOwnAddress(ctx, service)) want.own.push(number)
      if (isChosenByAddressOnly(ctx, service, number)) continue
    } else continue
    want.joined.push(number)
  }
  return want
}

function isShared(ctx: Context, service: Service): boolean {
  return service.addresses.length === 0 || (!ctx.strict && service.addresses.some(isRange))
}

function hasOwnAddress(ctx: Context, service: Service): boolean {
  return service.addresses.length > 0 || ctx.model.virtualAddresses(service) !== undefined
}

function touchedNames({ wants: before, ruled }: KeptTables, now: readonly Want[]): ReadonlySet<string> {
  const { start, beforeEnd, nowEnd } = changedStretch(before, now)
  const names = new Set(ruled)
  for (const { service, shared, joined, own } of [...before.slice(start, beforeEnd), ...now.slice(start, nowEnd)]) {
    for (const port of shared) names.add(String(port))
    for (const port of joined) names.add(String(port))
    for (const port of own) names.add(tableName(service, port))
  }
  return names
}

interface Asked {
  readonly wants: readonly Want[]
  readonly closed: readonly Closed[]
  /** Undefined: all. */
  readonly touched: ReadonlySet<string> | undefined
}

interface Tables {
  readonly tables: ReadonlyMap<string, RouteConfiguration>
  readonly ruled: readonly string[]
}

function* tablesOf(ctx: Context, { wants, closed, touched }: Asked): Steps<Tables> {
  const tables = new Map<string, RouteConfiguration>()
  const ruled: string[] = []
  if (touched?.size === 0) return { tables, ruled }
  const shared = new Map<number, Service[]>()
  const wanted = new Set<number>()
  const own = new Map<string, { readonly service: Service; readonly port: number }>()
  for (const want of wants) collect(want, { shared, wanted, own })
  for (const port of wanted) {
    const name = String(port)
    if (touched !== undefined && !touched.has(name)) continue
    const { table, isRuled } = yield* sharedTable(ctx, {
      port,
      services: shared.get(port) ?? [],
      closed: closed.filter((one) => one.port === port),
    })
    tables.set(name, table)
    if (isRuled) ruled.push(name)
  }
  for (const [name, { service, port }] of own) {
    if (tables.has(name) || (touched !== undefined && !touched.has(name))) continue
    const { table, isRuled } = ownTable(ctx, name, service, port)
    tables.set(name, table)
    if (tables.size % 64 === 0) yield
    if (isRuled) ruled.push(name)
  }
  return { tables, ruled }
}

interface Collected {
  readonly shared: Map<number, Service[]>
  readonly wanted: Set<number>
  readonly own: Map<string, { readonly service: Service; readonly port: number }>
}

function collect({ service, shared: ports, joined, own: ownPorts }: Want, { shared, wanted, own }: Collected): void {
  for (const port of ports) wanted.add(port)
  for (const port of joined) {
    const services = shared.get(port)
    if (services === undefined) shared.set(port, [service])
    else services.push(service)
  }
  for (const port of ownPorts) {
    const name = tableName(service, port)
    if (!own.has(name)) own.set(name, { service, port })
  }
}
