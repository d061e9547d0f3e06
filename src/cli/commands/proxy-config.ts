// `sallyport proxy-config`: shows the resources of a proxy in istioctl's columns, or whole.
import { writeColumns, writeStructured } from '../configuration/output.ts'
import { askProxy, type ProxyResources, type ResourceKind, resourcesOf } from '../configuration/proxy-resources.ts'
import { type Row, tables } from '../configuration/resource-tables.ts'
import { listedFor } from '../configuration/sources.ts'
import { wantedNode } from '../configuration/wanted-node.ts'
import { exitCodes } from '../exit-codes.ts'
import { listOf, textOf, UsageError, type Values } from '../values.ts'

const kinds: Readonly<Record<string, readonly ResourceKind[]>> = {
  listener: ['listeners'],
  route: ['routes'],
  cluster: ['clusters'],
  endpoint: ['endpoints'],
  secret: ['secrets'],
  all: ['clusters', 'listeners', 'routes', 'endpoints', 'secrets'],
}

export async function proxyConfig(what: string, admin: string | undefined, values: Values): Promise<number> {
  const wanted = kinds[what] ?? []
  const isFromAdmin = admin !== undefined
  if (isFromAdmin && (textOf(values, 'xds') !== undefined || listOf(values, 'filename').length > 0))
    throw new UsageError('SLP0002', 'name the admin address of a proxy, or -f or --xds for what it would be sent, and not both')
  const resources = isFromAdmin ? await askProxy(admin) : resourcesOf(await listedFor(values, wantedNode(values)))
  const format = textOf(values, 'output')
  if (format === 'json' || format === 'yaml') {
    const shown = (kind: ResourceKind) => resources[kind].filter((_, i) => isShownWhole(kind, resources, i, values))
    writeStructured(what === 'all' ? Object.fromEntries(wanted.map((kind) => [kind, [...shown(kind)]])) : wanted.flatMap(shown), format)
    return exitCodes.ok
  }
  for (const [i, kind] of wanted.entries()) {
    const { head, rows } = tables[kind](resources)
    if (i > 0) process.stdout.write('\n')
    writeColumns(
      head,
      rows.filter((row) => isWanted(row, values)).map(({ cells }) => cells),
    )
  }
  return exitCodes.ok
}

/** A resource is shown whole when one of its rows would be. */
function isShownWhole(kind: ResourceKind, resources: ProxyResources, index: number, values: Values): boolean {
  const one = resources[kind][index]
  if (one === undefined) return false
  const { rows } = tables[kind]({ listeners: [], routes: [], clusters: [], endpoints: [], secrets: [], [kind]: [one] })
  return rows.length === 0 ? !isFiltered(values) : rows.some((row) => isWanted(row, values))
}

function isFiltered(values: Values): boolean {
  return ['port', 'fqdn', 'name'].some((name) => textOf(values, name) !== undefined)
}

function isWanted(row: Row, values: Values): boolean {
  const [port, fqdn, name] = [textOf(values, 'port'), textOf(values, 'fqdn'), textOf(values, 'name')]
  return (
    (port === undefined || row.port === undefined || row.port === port) &&
    (fqdn === undefined || row.fqdn === undefined || row.fqdn.split(' ').some((one) => one === fqdn || one.startsWith(`${fqdn}:`))) &&
    (name === undefined || row.name === name)
  )
}
