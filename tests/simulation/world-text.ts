// Writes made-up worlds and calls in the words of declarations and of the player, and for people.
import { stringify } from 'yaml'
import {
  type Entry,
  gatewayHost,
  gatewayPorts,
  type MadeCall,
  names,
  own,
  ports,
  protocols,
  range,
  type Rule,
  type Rules,
  type World,
} from './made-world.ts'
import { type Call, pipeline, type Played } from './player.ts'

/** What the pipeline makes of the world for its caller. */
export function playedWorld(one: World): Played {
  const { strictness, policy: outbound, caller } = one
  const proxy = { namespace: caller.namespace, labels: { app: caller.app } }
  return pipeline(textOf(one), { strictness, policy: outbound, proxy })
}

/** A call in one line. */
export function callText({ says, name, ip, port, path, header }: MadeCall): string {
  const to = `to ${ip}:${port}`
  if (says === 'http') return `# HTTP ${to}: GET http://${name}${path}${header === undefined ? '' : ` with x-v: ${header}`}\n`
  return says === 'tls' ? `# TLS ${to} for ${name}\n` : `# bytes ${to}\n`
}

export function callOf({ says, name, ip, port, path, header }: MadeCall): Call {
  const to = `${ip}:${port}`
  if (says === 'bytes') return { to, names, bytes: true }
  if (says === 'tls') return { to, names, sni: name }
  return { to, names, host: name, path, ...(header !== undefined && { headers: { 'x-v': header } }) }
}

/** As a person wants to read it who has to find out what went wrong. */
export function wordsOf({ world, calls }: { readonly world: World; readonly calls: readonly MadeCall[] }): string {
  const { caller, policy, strictness } = world
  const head = `strictness ${strictness}, ${policy}, called by app ${caller.app} in namespace ${caller.namespace}`
  const documents = documentsOf(world).map((document) => stringify(document, { lineWidth: 0 }))
  return `\n# ${head}\n${[...documents, ...calls.map(callText)].join('---\n')}\n`
}

/** One document of JSON each, which is YAML. */
function textOf(made: World): string {
  return documentsOf(made)
    .map((document) => JSON.stringify(document))
    .join('\n---\n')
}

function documentsOf(made: World): readonly object[] {
  const rules = made.rules.filter(({ http, l4 }) => http.length + l4.length > 0)
  return [...made.entries.map(entryDocument), ...rules.map(rulesDocument), ...otherDocuments(made)]
}

function networking(kind: string, name: string, inNamespace: string, spec: object): object {
  return { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace: inNamespace }, spec }
}

function nameOf(host: string): string {
  return host.replaceAll('.', '-').replace('*', 'any')
}

function entryDocument(one: Entry): object {
  const { host } = one
  return networking('ServiceEntry', nameOf(host), one.namespace, {
    hosts: [host],
    location: 'MESH_EXTERNAL',
    resolution: one.resolution,
    ports: one.ports.map((name) => ({ number: ports[name], name, ...(protocols[name] !== undefined && { protocol: protocols[name] }) })),
    ...(one.addresses !== 'none' && { addresses: [one.addresses === 'own' ? own[host] : range[host]] }),
    ...(one.resolution === 'STATIC' && { endpoints: [{ address: own[host].replace(/\.1(\d\d)$/, '.2$1') }] }),
    ...(one.isPrivate && { exportTo: ['.'] }),
  })
}

function rulesDocument({ host, http, l4 }: Rules): object {
  const toGateway = (name: 'tls' | 'tcp') => ({ route: [{ destination: { host: gatewayHost, port: { number: gatewayPorts[name] } } }] })
  return networking('VirtualService', nameOf(host), 'default', {
    hosts: [host],
    ...(l4.includes('tls') && { tls: [{ match: [{ port: ports.tls, sniHosts: [host] }], ...toGateway('tls') }] }),
    ...(l4.includes('tcp') && { tcp: [{ match: [{ port: ports.tcp }], ...toGateway('tcp') }] }),
    ...(http.length > 0 && {
      http: http.map(({ prefix, header, app, to }) => {
        const match = {
          ...(prefix !== undefined && { uri: { prefix } }),
          ...(header !== undefined && { headers: { 'x-v': { exact: header } } }),
          ...(app !== undefined && { sourceLabels: { app } }),
        }
        return { ...(Object.keys(match).length > 0 && { match: [match] }), ...actionOf(to) }
      }),
    }),
  })
}

function actionOf(to: Rule['to']): object {
  if (to === 'answer') return { directResponse: { status: 418 } }
  const destination = to === 'gateway' ? { host: gatewayHost, port: { number: 80 } } : { host: to.host, port: { number: ports[to.port] } }
  return { route: [{ destination }] }
}

function otherDocuments({ destination, sidecar, caller, rules }: World): readonly object[] {
  const selector = { istio: 'egressgateway' }
  const metadata = { name: 'istio-egressgateway', namespace: 'istio-system' }
  const gateway = [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector, ports: Object.entries(gatewayPorts).map(([name, port]) => ({ name, port })) },
    },
    networking('WorkloadEntry', 'node', 'istio-system', { address: '198.51.100.200', labels: selector }),
  ]
  return [
    ...(rules.some(({ http, l4 }) => l4.length > 0 || http.some(({ to }) => to === 'gateway')) ? gateway : []),
    ...(destination === undefined
      ? []
      : [
          networking('DestinationRule', 'rule', caller.namespace, {
            host: destination.host,
            trafficPolicy:
              destination.has === 'tunnel'
                ? { tunnel: { protocol: 'CONNECT', targetHost: 'a.test', targetPort: 1 } }
                : { connectionPool: { tcp: { connectTimeout: '2s' } } },
          }),
        ]),
    ...(sidecar === undefined
      ? []
      : [
          networking('Sidecar', 'default', caller.namespace, {
            egress: [{ hosts: sidecar.hosts }],
            ...(sidecar.policy !== undefined && { outboundTrafficPolicy: { mode: sidecar.policy } }),
          }),
        ]),
  ]
}
