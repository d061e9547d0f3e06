// `sallyport proxy-config`: shows the resources of a proxy in istioctl's columns, or whole.
import { writeColumns, writeStructured } from '../configuration/output.ts'
import { askProxy, type ProxyResources, type ResourceKind, resourcesOf } from '../configuration/proxy-resources.ts'
import { type Row, tables } from '../configuration/resource-tables.ts'
import { fromServer, listedFor, reaching } from '../configuration/sources.ts'
import { wantedNode } from '../configuration/wanted-node.ts'
import { adminTargetOf } from '../admin-target.ts'
import { exitCodes } from '../exit-codes.ts'
import { fetchClientStatus } from '../../xds/index.ts'
import { xdsTargetOf } from '../server/xds-target.ts'
import { nameOf } from './proxy-status.ts'
import { listOf, textOf, UsageError, type Values } from '../values.ts'

const kinds: Readonly<Record<string, readonly ResourceKind[]>> = {
  listener: ['listeners'],
  route: ['routes'],
  cluster: ['clusters'],
  endpoint: ['endpoints'],
  secret: ['secrets'],
  all: ['clusters', 'listeners', 'routes', 'endpoints', 'secrets'],
}

/** `proxy` is an admin address, or the name of one that the server has. */
export async function proxyConfig(what: string, proxy: string | undefined, values: Values): Promise<number> {
  const wanted = kinds[what] ?? []
  const isNamed = proxy !== undefined && adminTargetOf(proxy) === undefined && /^[\w-]+(\.[\w-]+)*$/.test(proxy)
  if (proxy !== undefined && (listOf(values, 'filename').length > 0 || (!isNamed && textOf(values, 'xds') !== undefined)))
    throw new UsageError('SLP0002', 'name the admin address of a proxy, or -f or --xds for what it would be sent, and not both')
  const resources = await (isNamed ? ofNamed(proxy, values) : ofUnnamed(proxy, values))
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

async function ofUnnamed(admin: string | undefined, values: Values): Promise<ProxyResources> {
  return admin === undefined ? resourcesOf(await listedFor(values, wantedNode(values))) : askProxy(admin)
}

/** As the server tells the node that it knows by this name. */
async function ofNamed(name: string, values: Values): Promise<ProxyResources> {
  const target = xdsTargetOf(values)
  const clients = await reaching(fetchClientStatus(target))
  const full = name.includes('.') ? name : `${name}.default`
  const found = clients.find((client) => nameOf(client) === full)
  if (found === undefined) {
    const known = clients.map(nameOf).join(', ')
    throw new UsageError('SLP0002', `${target.address} has no proxy ${full}`, {
      fix: known === '' ? 'it has none just now' : `it has ${known}`,
    })
  }
  return resourcesOf(await fromServer(target, wantedNode({ ...values, node: found.node.id })))
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
