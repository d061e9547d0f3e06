// What is declared, dialled and said in tests of whole lines from declarations to decisions, and everything that can be seen of what comes out.
import fc from 'fast-check'
import { type Ip, parseIp } from '../base/index.ts'
import type { ConnectionFacts, FirstBytes, NameFacts } from '../flow/index.ts'
import { type Compiled, decide, decideRequest, type Runtime } from '../runtime/index.ts'

const hosts = ['a.test', 'b.test', '*.test', '*.b.test', 'x.b.test']
const ports = [
  '{number: 80, name: http, protocol: HTTP}',
  '{number: 443, name: tls, protocol: TLS}',
  '{number: 443, name: https, protocol: HTTPS}',
  '{number: 7000, name: tcp, protocol: TCP}',
  '{number: 7001, name: any}',
]
const addresses = ['', 'addresses: [203.0.113.1]', 'addresses: [203.0.113.2]', 'addresses: [198.19.0.0/28]']
const resolutions = ['resolution: NONE', 'resolution: DNS', 'resolution: STATIC\n  endpoints: [{address: 203.0.113.9}]']

const entry = fc
  .record({
    host: fc.constantFrom(...hosts),
    ports: fc.uniqueArray(fc.constantFrom(...ports), { minLength: 1, maxLength: 3, selector: (port) => port.slice(0, 12) }),
    addresses: fc.constantFrom(...addresses),
    resolution: fc.constantFrom(...resolutions),
    exportTo: fc.constantFrom('', '', '', 'exportTo: ["."]', 'exportTo: [other]'),
  })
  .map(
    (e) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: NAME, namespace: default}
spec:
  hosts: ["${e.host}"]
  ports: [${e.ports.join(', ')}]
  ${e.addresses}
  ${e.exportTo}
  ${e.resolution}
`,
  )

const rule = fc.tuple(fc.constantFrom(...hosts), fc.constantFrom('a.test', 'b.test', 'gone.test'), fc.constantFrom(80, 443)).map(
  ([host, to, port]) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME, namespace: default}
spec:
  hosts: ["${host}"]
  http: [{match: [{uri: {prefix: /a}}], route: [{destination: {host: ${to}, port: {number: ${port}}}}]}]
`,
)

const others = fc.constantFrom(
  'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: NAME, namespace: default}\nspec:\n  host: a.test\n  subsets: [{name: v1}]\n',
  'apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: NAME, namespace: default}\nspec:\n  egress: [{hosts: ["./a.test"]}]\n',
  'kind: [broken\n',
  '# nothing\n',
  '# Grüße \u{1F44B}\n',
)

/** `NAME` is for whoever puts it into a file. */
export const document = fc.oneof({ weight: 6, arbitrary: entry }, { weight: 2, arbitrary: rule }, { weight: 1, arbitrary: others })
const targets = ['203.0.113.1', '203.0.113.2', '203.0.113.9', '198.19.0.3', '192.0.2.1', '240.240.1.1'].map(
  (text) => parseIp(text) ?? ('' as Ip),
)
const said: readonly (FirstBytes | undefined)[] = [
  undefined,
  { protocol: 'silent' },
  ...['a.test', 'b.test', 'x.b.test', 'y.test', 'nowhere.example'].flatMap((name): FirstBytes[] => [
    { protocol: 'tls', sni: name, alpn: [] },
    { protocol: 'http1', method: 'GET', target: '/', host: name },
  ]),
]
const names: NameFacts = (name) => ({
  addresses: [parseIp(name === 'a.test' ? '203.0.113.1' : '203.0.113.9') ?? ('' as Ip)],
  expires: Number.POSITIVE_INFINITY,
})

/** Everything that can be seen of a runtime from outside. */
export function factsOf({ runtime, rejected }: Compiled): unknown {
  const reports = rejected.map(({ type, resource, message, path }) => `${type} ${resource} ${path} ${message}`).toSorted()
  return { reports, ...seenOf(runtime) }
}

/** What traffic sees of it. */
export function seenOf(runtime: Runtime): object {
  const decisions: unknown[] = []
  for (const port of [80, 443, 7000, 7001]) {
    for (const ip of targets) for (const first of said) decisions.push(seen(runtime, { ip, port }, first))
  }
  const owners = targets.map((ip) => runtime.nameOfAddress(ip))
  const declared = ['a.test', 'b.test', 'x.b.test', 'y.test'].map((name) => runtime.declaredName(name))
  return { decisions, owners, declared, policy: runtime.outboundPolicy, bound: runtime.boundListeners.map(({ name }) => name) }
}

function seen(runtime: Runtime, destination: ConnectionFacts['destination'], first: FirstBytes | undefined): unknown {
  const connection: ConnectionFacts = {
    kind: 'connection',
    source: { ip: destination.ip, port: 1 },
    destination,
    names,
    random: 0,
    ...(first && { first }),
  }
  const decision = decide(runtime, connection)
  if (decision.verdict !== 'http') return plain(decision)
  const authority = first?.protocol === 'http1' ? (first.host ?? '') : ''
  const ask = {
    kind: 'request',
    connection,
    method: 'GET',
    authority,
    scheme: 'http',
    headers: () => [],
    chance: () => 0,
    names,
    random: 0,
  } as const
  return ['/', '/a'].map((path) => plain(decideRequest(runtime, decision.manager, { ...ask, path })))
}

/** Without what only tells objects apart. */
function plain(decision: unknown): unknown {
  return JSON.parse(JSON.stringify(decision))
}
