// Keeps the route tables of a sidecar: which there have to be, and which of them a change of services or rules has touched.
import { changedStretch, PatchedMap, type Steps } from '../base/index.ts'
import { isRange, type Service } from '../registry/index.ts'
import type { RouteConfiguration } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import type { Context } from './context.ts'
import { type Filling, sameItems } from './memo.ts'
import type { Closed, KeptTables } from './kept-parts.ts'
import { tableName } from './names.ts'
import { PlainTable, type Want, type WantChange } from './plain-table.ts'
import { routeTable, unknownHosts } from './route-tables.ts'
import { besideServices } from './sidecar-listeners.ts'
import { defaultHost, isChosenByAddressOnly, ownTable, sharedTable } from './sidecar-routes.ts'

export function fillWant(ctx: Context, service: Service): Filling<Want> {
  const inputs = [ctx.strict, hasOwnAddress(ctx, service), ctx.scope.destination(service.host), ctx.model.virtualAddresses(service)]
  return { inputs, isSettled: true, make: () => wantOf(ctx, service) }
}

export function* sidecarTables(ctx: Context, closed: readonly Closed[]): Steps<ReadonlyMap<string, RouteConfiguration>> {
  const wants = yield* ctx.kept.wants.all(ctx, ctx.scope.services, besideServices(ctx))
  const before = ctx.kept.tables
  yield
  if (before === undefined || before.epoch !== ctx.epoch || !sameItems(before.closed, closed)) return yield* allTables(ctx, wants, closed)
  const change = changeOf(before, wants)
  const touched = touchedNames(before, change)
  const followed = followPlain(ctx, before.plain, { touched, change })
  const rest = new Set([...touched].filter((name) => !followed.has(name)))
  const { tables, ruled, plain } = yield* tablesOf(ctx, { wants, closed, touched: rest })
  const changes = new Map<string, RouteConfiguration | undefined>(followed)
  for (const name of rest) {
    changes.set(name, tables.get(name))
    before.plain.delete(name)
  }
  for (const [name, table] of plain) before.plain.set(name, table)
  const map = PatchedMap.of(before.map, changes)
  for (const name of touched) if (!map.has(name)) ctx.kept.lasting.forget(`routes ${name}`)
  const others = [...before.ruled].filter((name) => !touched.has(name))
  ctx.kept.tables = { ...before, wants, ruled: new Set([...others, ...ruled]), map }
  return map
}

function* allTables(ctx: Context, wants: readonly Want[], closed: readonly Closed[]): Steps<ReadonlyMap<string, RouteConfiguration>> {
  const before = ctx.kept.tables
  const { tables, ruled, plain } = yield* tablesOf(ctx, { wants, closed, touched: undefined })
  if (before) for (const name of before.map.keys()) if (!tables.has(name)) ctx.kept.lasting.forget(`routes ${name}`)
  ctx.kept.tables = { epoch: ctx.epoch, closed, wants, ruled: new Set(ruled), plain: new Map(plain), map: tables }
  return tables
}

interface Touching {
  readonly touched: ReadonlySet<string>
  readonly change: WantChange
}

/** The tables in which a change could be followed. */
function followPlain(ctx: Context, plain: ReadonlyMap<string, PlainTable>, { touched, change }: Touching): Map<string, RouteConfiguration> {
  const followed = new Map<string, RouteConfiguration>()
  const last = unknownHosts(ctx)
  for (const name of change.gone.length + change.added.length > manyWants ? [] : touched) {
    const table = plain.get(name)
    const place = (service: Service) => defaultHost(ctx, service, Number(name))
    if (table?.hosts.at(-1) === last && table?.follow(change, place) === true) followed.set(name, routeTable(ctx, name, table.hosts))
  }
  return followed
}

/** Beyond this they are sorted into their places more cheaply. */
const manyWants = 32

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

function changeOf({ wants: before }: KeptTables, now: readonly Want[]): WantChange {
  const { start, beforeEnd, nowEnd } = changedStretch(before, now)
  return { gone: before.slice(start, beforeEnd), added: now.slice(start, nowEnd) }
}

function touchedNames({ ruled }: KeptTables, { gone, added }: WantChange): ReadonlySet<string> {
  const names = new Set(ruled)
  for (const { service, shared, joined, own } of [...gone, ...added]) {
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
  /** By name. */
  readonly plain: readonly (readonly [string, PlainTable])[]
}

function* tablesOf(ctx: Context, { wants, closed, touched }: Asked): Steps<Tables> {
  const tables = new Map<string, RouteConfiguration>()
  const ruled: string[] = []
  const plain: (readonly [string, PlainTable])[] = []
  if (touched?.size === 0) return { tables, ruled, plain }
  const shared = new Map<number, Service[]>()
  const wanted = new Map<number, number>()
  const own = new Map<string, { readonly service: Service; readonly port: number }>()
  for (const want of wants) collect(want, { shared, wanted, own })
  yield
  for (const [port, count] of wanted) {
    const name = String(port)
    if (touched !== undefined && !touched.has(name)) continue
    const built = yield* sharedTable(ctx, {
      port,
      services: shared.get(port) ?? [],
      closed: closed.filter((one) => one.port === port),
    })
    tables.set(name, built.table)
    if (built.isRuled) ruled.push(name)
    if (built.plain) plain.push([name, new PlainTable(port, built.plain, count)])
  }
  for (const [name, { service, port }] of own) {
    if (tables.has(name) || (touched !== undefined && !touched.has(name))) continue
    const { table, isRuled } = ownTable(ctx, name, service, port)
    tables.set(name, table)
    if (tables.size % 64 === 0) yield
    if (isRuled) ruled.push(name)
  }
  return { tables, ruled, plain }
}

interface Collected {
  readonly shared: Map<number, Service[]>
  /** How many want the table of a port to be there. */
  readonly wanted: Map<number, number>
  readonly own: Map<string, { readonly service: Service; readonly port: number }>
}

function collect({ service, shared: ports, joined, own: ownPorts }: Want, { shared, wanted, own }: Collected): void {
  for (const port of new Set(ports)) wanted.set(port, (wanted.get(port) ?? 0) + 1)
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
