// Makes up small worlds of declarations and calls in them, from a grammar that is bounded so that they meet often.
import fc from 'fast-check'
import type { Call } from './player.ts'

export type Host = (typeof hosts)[number]
export type PortName = keyof typeof ports
export type Namespace = 'default' | 'beta'

export interface Entry {
  readonly host: Host
  readonly namespace: Namespace
  readonly ports: readonly PortName[]
  readonly resolution: 'NONE' | 'STATIC' | 'DNS'
  readonly addresses: 'none' | 'own' | 'range'
  readonly isPrivate: boolean
}

export interface Rule {
  readonly prefix?: string
  readonly header?: string
  readonly app?: string
  /** A host and a port of it, the gateway, or an answer. */
  readonly to: { readonly host: Host; readonly port: 'http' | 'http-more' } | 'gateway' | 'answer'
}

export interface Rules {
  readonly host: 'a.test' | 'b.test' | 'x.wild.test'
  readonly http: readonly Rule[]
}

export interface World {
  readonly strictness: 'strict' | 'istio'
  readonly policy: 'REGISTRY_ONLY' | 'ALLOW_ANY'
  readonly caller: { readonly namespace: Namespace; readonly app: string }
  readonly entries: readonly Entry[]
  readonly rules: readonly Rules[]
  /** A DestinationRule for the host; `tunnel` is not carried out. */
  readonly destination?: { readonly host: Host; readonly has: 'tunnel' | 'pool' }
  readonly sidecar?: { readonly hosts: readonly string[]; readonly policy?: World['policy'] }
}

export interface MadeCall {
  readonly says: 'http' | 'tls' | 'bytes'
  /** As Host or server name. */
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly path: string
  readonly header?: string
}

export const hosts = ['a.test', 'b.test', 'x.wild.test', '*.wild.test'] as const
export const ports = { http: 80, 'http-more': 8080, tls: 443, tcp: 7000, any: 8000 } as const
export const names: Readonly<Record<string, readonly string[]>> = {
  'a.test': ['203.0.113.1'],
  'b.test': ['203.0.113.2'],
  'x.wild.test': ['203.0.113.3'],
  'y.wild.test': ['203.0.113.4'],
}
export const own: Readonly<Record<Host, string>> = {
  'a.test': '203.0.113.101',
  'b.test': '203.0.113.102',
  'x.wild.test': '203.0.113.103',
  '*.wild.test': '203.0.113.104',
}
/** By host, so that no two services have the same. */
export const range: Readonly<Record<Host, string>> = {
  'a.test': '198.51.100.16/28',
  'b.test': '198.51.100.32/28',
  'x.wild.test': '198.51.100.48/28',
  '*.wild.test': '198.51.100.64/28',
}
export const gatewayHost = 'istio-egressgateway.istio-system.svc.cluster.local'

const protocols: Readonly<Record<PortName, string | undefined>> = {
  http: 'HTTP',
  'http-more': 'HTTP',
  tls: 'TLS',
  tcp: 'TCP',
  any: undefined,
}

const namespace = fc.constantFrom<Namespace>('default', 'default', 'beta')
const policy = fc.constantFrom<World['policy']>('REGISTRY_ONLY', 'REGISTRY_ONLY', 'ALLOW_ANY')
const portNames = Object.keys(ports) as PortName[]

const entry: fc.Arbitrary<Entry> = fc
  .record({
    host: fc.constantFrom(...hosts),
    namespace,
    ports: fc.uniqueArray(fc.constantFrom(...portNames), { minLength: 1, maxLength: 3 }),
    resolution: fc.constantFrom<Entry['resolution']>('DNS', 'STATIC', 'NONE'),
    addresses: fc.constantFrom<Entry['addresses']>('none', 'none', 'own', 'range'),
    isPrivate: fc.integer({ min: 0, max: 7 }).map((n) => n === 7),
  })
  // A wildcard has no address to resolve to; a range has none to dial but the dialled one.
  .map((one) => (one.host.startsWith('*') || one.addresses === 'range' ? { ...one, resolution: 'NONE' } : one))

const rule: fc.Arbitrary<Rule> = fc.record(
  {
    prefix: fc.constantFrom('/a', '/a/b'),
    header: fc.constantFrom('one', 'two'),
    app: fc.constantFrom('client', 'batch'),
    to: fc.oneof(
      fc.record({
        host: fc.constantFrom<Host>('a.test', 'b.test', 'x.wild.test'),
        port: fc.constantFrom<'http' | 'http-more'>('http', 'http-more'),
      }),
      fc.constantFrom<'gateway' | 'answer'>('gateway', 'answer'),
    ),
  },
  { requiredKeys: ['to'] },
)

export const world: fc.Arbitrary<World> = fc.record(
  {
    strictness: fc.constantFrom<World['strictness']>('strict', 'strict', 'istio'),
    policy,
    caller: fc.record({ namespace, app: fc.constantFrom('client', 'batch') }),
    entries: fc.uniqueArray(entry, { minLength: 1, maxLength: 4, selector: ({ host }) => host }),
    rules: fc.uniqueArray(
      fc.record({
        host: fc.constantFrom<Rules['host']>('a.test', 'b.test', 'x.wild.test'),
        http: fc.array(rule, { minLength: 1, maxLength: 3 }),
      }),
      { maxLength: 2, selector: ({ host }) => host },
    ),
    destination: fc.record({ host: fc.constantFrom(...hosts), has: fc.constantFrom<'tunnel' | 'pool'>('tunnel', 'pool') }),
    sidecar: fc.record(
      {
        hosts: fc.uniqueArray(fc.constantFrom('./*', 'beta/*', '*/a.test', '*/*.wild.test', '*/*'), { minLength: 1, maxLength: 2 }),
        policy,
      },
      { requiredKeys: ['hosts'] },
    ),
  },
  { requiredKeys: ['strictness', 'policy', 'caller', 'entries', 'rules'] },
)

const elsewhere = '203.0.113.99'
const inRange = Object.values(range).map((cidr) => cidr.replace(/\.(\d+)\/28$/, (_all, last: string) => `.${Number(last) + 5}`))

export const madeCall: fc.Arbitrary<MadeCall> = fc.record(
  {
    says: fc.constantFrom<MadeCall['says']>('http', 'http', 'tls', 'bytes'),
    name: fc.constantFrom('a.test', 'b.test', 'x.wild.test', 'y.wild.test', 'unknown.test', 'A.Test', own['a.test']),
    ip: fc.constantFrom(elsewhere, ...Object.values(names).flat(), ...Object.values(own), ...inRange),
    port: fc.constantFrom(...Object.values(ports), 9000),
    path: fc.constantFrom('/', '/a', '/a/b'),
    header: fc.constantFrom('one', 'two'),
  },
  { requiredKeys: ['says', 'name', 'ip', 'port', 'path'] },
)

export function callOf({ says, name, ip, port, path, header }: MadeCall): Call {
  const to = `${ip}:${port}`
  if (says === 'bytes') return { to, names, bytes: true }
  if (says === 'tls') return { to, names, sni: name }
  return { to, names, host: name, path, ...(header !== undefined && { headers: { 'x-v': header } }) }
}

/** One document of JSON each, which is YAML. */
export function textOf(made: World): string {
  return [...made.entries.map(entryDocument), ...made.rules.map(rulesDocument), ...otherDocuments(made)]
    .map((document) => JSON.stringify(document))
    .join('\n---\n')
}

function networking(kind: string, name: string, inNamespace: string, spec: object): object {
  return { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace: inNamespace }, spec }
}

function entryDocument(one: Entry): object {
  const { host } = one
  return networking('ServiceEntry', host.replaceAll('.', '-').replace('*', 'any'), one.namespace, {
    hosts: [host],
    location: 'MESH_EXTERNAL',
    resolution: one.resolution,
    ports: one.ports.map((name) => ({ number: ports[name], name, ...(protocols[name] !== undefined && { protocol: protocols[name] }) })),
    ...(one.addresses !== 'none' && { addresses: [one.addresses === 'own' ? own[host] : range[host]] }),
    ...(one.resolution === 'STATIC' && { endpoints: [{ address: own[host].replace(/\.1(\d\d)$/, '.2$1') }] }),
    ...(one.isPrivate && { exportTo: ['.'] }),
  })
}

function rulesDocument({ host, http }: Rules): object {
  return networking('VirtualService', host.replaceAll('.', '-'), 'default', {
    hosts: [host],
    http: http.map(({ prefix, header, app, to }) => {
      const match = {
        ...(prefix !== undefined && { uri: { prefix } }),
        ...(header !== undefined && { headers: { 'x-v': { exact: header } } }),
        ...(app !== undefined && { sourceLabels: { app } }),
      }
      return { ...(Object.keys(match).length > 0 && { match: [match] }), ...actionOf(to) }
    }),
  })
}

function actionOf(to: Rule['to']): object {
  if (to === 'answer') return { directResponse: { status: 418 } }
  const destination = to === 'gateway' ? { host: gatewayHost, port: { number: 80 } } : { host: to.host, port: { number: ports[to.port] } }
  return { route: [{ destination }] }
}

function otherDocuments({ destination, sidecar, caller }: World): readonly object[] {
  const selector = { istio: 'egressgateway' }
  const metadata = { name: 'istio-egressgateway', namespace: 'istio-system' }
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector, ports: [{ name: 'http', port: 80 }] } },
    networking('WorkloadEntry', 'node', 'istio-system', { address: '198.51.100.200', labels: selector }),
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
