// `sallyport proxy-status`: says which proxies a server has, and what of their configuration each has accepted.
import type { Issue } from '../../api/index.ts'
import { type ClientStatus, fetchClientStatus, type Observed, readNode, type TypeUrl, typeShortNames, typeUrls } from '../../xds/index.ts'
import { printable, writeColumns, writeStructured } from '../configuration/output.ts'
import { reaching } from '../configuration/sources.ts'
import { exitCodes } from '../exit-codes.ts'
import { xdsTargetOf } from '../server/xds-target.ts'
import { textOf, type Values } from '../values.ts'

const columns: readonly TypeUrl[] = [typeUrls.cluster, typeUrls.listener, typeUrls.endpoint, typeUrls.route, typeUrls.extension]

/** Exit code 1 when a proxy has refused something. */
export async function proxyStatus(values: Values): Promise<number> {
  const target = xdsTargetOf(values)
  const clients = (await reaching(fetchClientStatus(target))).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  const format = textOf(values, 'output')
  if (format === 'json' || format === 'yaml') writeStructured(clients.map(toJson), format)
  else {
    writeColumns(
      ['NAME', 'CLUSTER', ...columns.map((typeUrl) => typeShortNames[typeUrl]), 'ISTIOD', 'VERSION'],
      clients.map((client) => [
        nameOf(client),
        clusterOf(client),
        ...columns.map((typeUrl) => stateOf(client, typeUrl)),
        target.address,
        versionOf(client),
      ]),
    )
    for (const client of clients) writeRefusals(client)
  }
  return clients.some(({ types }) => types.some(({ rejected }) => rejected !== undefined)) ? exitCodes.negative : exitCodes.ok
}

/** What proxies have refused, as findings: nobody else finds that out, because they go on with what they had. */
export async function refusalsOf(target: Observed): Promise<readonly Issue[]> {
  const clients = await reaching(fetchClientStatus(target))
  return clients.flatMap((client) =>
    client.types.flatMap(({ typeUrl, rejected }) => {
      if (rejected === undefined) return []
      const what = [typeShortNames[typeUrl], ...rejected.resources].join(' ')
      const message = `${nameOf(client)} has refused its ${what}, and goes on with what it had: ${printable(rejected.text)}`
      return [{ level: 'error', code: 'SLP0202', path: '', message, source: `${target.address} ${client.node.id}` } as const]
    }),
  )
}

export function nameOf({ node }: ClientStatus): string {
  const identity = readNode(node)
  return typeof identity === 'string' ? node.id : `${identity.name}.${identity.namespace}`
}

/** Where no cluster is said, Istio has one. */
function clusterOf({ node }: ClientStatus): string {
  const said = node.metadata?.['CLUSTER_ID']
  return typeof said === 'string' ? said : 'Kubernetes'
}

function stateOf({ types }: ClientStatus, typeUrl: TypeUrl): string {
  const type = types.find((one) => one.typeUrl === typeUrl)
  return type === undefined ? 'IGNORED' : type.state
}

export function versionOf({ node }: ClientStatus): string {
  const said = node.metadata?.['ISTIO_VERSION']
  if (typeof said === 'string') return said
  const { case: kind, value } = node.userAgentVersionType
  if (kind === 'userAgentVersion') return value
  const version = kind === 'userAgentBuildVersion' ? value.version : undefined
  return version === undefined ? '-' : `${version.majorNumber}.${version.minorNumber}.${version.patch}`
}

function writeRefusals(client: ClientStatus): void {
  for (const { typeUrl, rejected } of client.types)
    if (rejected !== undefined)
      process.stdout.write(
        `\n${nameOf(client)} has refused ${[typeShortNames[typeUrl], ...rejected.resources].join(' ')} at ${new Date(rejected.at).toISOString()}:\n  ${printable(rejected.text)}\n`,
      )
}

function toJson({ node, types }: ClientStatus) {
  return {
    node: { id: node.id, ...(node.metadata && { metadata: node.metadata }), user_agent: `${node.userAgentName}` },
    types: types.map(({ typeUrl, state, version, rejected }) => ({
      type: typeShortNames[typeUrl],
      type_url: typeUrl,
      state,
      version,
      ...(rejected && {
        rejected: {
          text: rejected.text,
          resources: [...rejected.resources],
          version: rejected.version,
          at: new Date(rejected.at).toISOString(),
        },
      }),
    })),
  }
}
