// Holds every kind of attempt to get out that Istio's egress knows, in both outbound policies, as Sallyport decides it and as Istio does.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { hello } from '../../src/proxy/sniff/client-hello.test-kit.ts'
import { type Call, pipeline, verdict } from './player.ts'

const entry = (host: string, spec: string, more = ''): string => `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${host.replaceAll('.', '-').replace('*', 'any')}, namespace: default, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {hosts: ["${host}"], location: MESH_EXTERNAL, ${spec}${more}}
`
const port = (number: number, protocol: string): string =>
  `ports: [{number: ${number}, name: ${protocol.toLowerCase()}, protocol: ${protocol}}]`

/** What is known: by host, what each of its ports says, and where its name leads. */
const known = [
  entry('web.test', `resolution: DNS, ${port(80, 'HTTP')}`),
  entry('none.test', `resolution: NONE, ${port(80, 'HTTP')}`),
  entry('literal.test', `resolution: STATIC, addresses: [203.0.113.21], endpoints: [{address: 203.0.113.22}], ${port(80, 'HTTP')}`),
  entry('only-http.test', `resolution: DNS, ${port(8080, 'HTTP')}`),
  entry('secure.test', `resolution: DNS, ${port(443, 'TLS')}`),
  entry('secure-none.test', `resolution: NONE, ${port(443, 'TLS')}`),
  entry('vip.test', `resolution: STATIC, addresses: [203.0.113.31], endpoints: [{address: 203.0.113.32}], ${port(443, 'TLS')}`),
  entry('range-tls.test', `resolution: NONE, addresses: [198.51.100.0/28], ${port(443, 'TLS')}`),
  entry('store.test', `resolution: STATIC, addresses: [203.0.113.40], endpoints: [{address: 203.0.113.44}], ${port(6379, 'TCP')}`),
  entry('range.test', `resolution: NONE, addresses: [198.51.100.0/28], ${port(7000, 'TCP')}`),
  entry('open.test', `resolution: DNS, ${port(7001, 'TCP')}`),
  entry('open-none.test', `resolution: NONE, ${port(7002, 'TCP')}`),
  entry(
    'auto.test',
    'resolution: STATIC, addresses: [203.0.113.50], endpoints: [{address: 203.0.113.51}], ports: [{number: 8000, name: any}]',
  ),
  entry('gone.test', `resolution: DNS, ${port(80, 'HTTP')}`),
  entry('hidden.test', `resolution: DNS, ${port(80, 'HTTP')}`, ', exportTo: ["."]').replace('namespace: default', 'namespace: beta'),
].join('')

const names = {
  'web.test': ['203.0.113.11'],
  'none.test': ['203.0.113.12'],
  'only-http.test': ['203.0.113.13'],
  'secure.test': ['203.0.113.14'],
  'secure-none.test': ['203.0.113.15'],
  'open.test': ['203.0.113.41'],
  'open-none.test': ['203.0.113.42'],
  'hidden.test': ['203.0.113.16'],
}

const elsewhere = '203.0.113.99'
const http = (to: string, host: string, more: Partial<Call> = {}): Call => ({ to, host, names, ...more })
const tls = (to: string, sni: string): Call => ({ to, sni, names })
const tcp = (to: string): Call => ({ to, bytes: true, names })
const raw = (to: string, says: string | Buffer): Call => ({ to, says: Buffer.from(says as string, 'latin1'), names })

const proxyListener = `
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: default}
spec: {egress: [{port: {number: 3128, name: proxy, protocol: HTTP_PROXY}, hosts: ["*/*"]}]}
`

interface Row {
  /** As the reference numbers them. */
  readonly row: number
  readonly call: Call
  readonly yaml?: string
  /** Under REGISTRY_ONLY, and under ALLOW_ANY where that is another one: as Sallyport decides, and as Istio. */
  readonly strict: readonly [registryOnly: string, allowAny?: string]
  readonly istio?: readonly [registryOnly: string, allowAny?: string]
}

const rows: Record<string, Row> = {
  'HTTP to a known host, dialled at its own address': {
    row: 1,
    call: http('203.0.113.11:80', 'web.test'),
    strict: ['outbound|80||web.test -> 203.0.113.11:80'],
  },
  'HTTP to a known host by another spelling': {
    row: 1,
    call: http('203.0.113.11:80', 'WEB.test:80'),
    strict: ['outbound|80||web.test -> 203.0.113.11:80'],
  },
  'HTTP to an unknown host, on a port of HTTP': {
    row: 2,
    call: http(`${elsewhere}:80`, 'unknown.test'),
    strict: ['not-declared 403 -', 'PassthroughCluster -> 203.0.113.99:80'],
    istio: ['not-declared 502 -', 'PassthroughCluster -> 203.0.113.99:80'],
  },
  'HTTP to an unknown host, on a port that nothing declares': {
    row: 3,
    call: http(`${elsewhere}:9000`, 'unknown.test'),
    strict: ['not-declared 403 UH', 'PassthroughCluster -> 203.0.113.99:9000'],
    istio: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.99:9000'],
  },
  'HTTP to a known host, on a port that nothing declares': {
    row: 3,
    call: http(`${elsewhere}:9000`, 'web.test'),
    strict: ['not-declared 403 UH', 'PassthroughCluster -> 203.0.113.99:9000'],
    istio: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.99:9000'],
  },
  'HTTP on a port of TCP, at an address of nobody': {
    row: 4,
    call: http(`${elsewhere}:6379`, 'web.test'),
    strict: ['not-declared 403 UH', 'PassthroughCluster -> 203.0.113.99:6379'],
    istio: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.99:6379'],
  },
  'HTTP to the address of a service that says no protocol, as another host': {
    row: 5,
    call: http('203.0.113.50:8000', 'unknown.test'),
    strict: ['not-declared 403 -', 'PassthroughCluster -> 203.0.113.50:8000'],
    istio: ['outbound|8000||auto.test -> 203.0.113.51:8000'],
  },
  'HTTP to the address of a service that says no protocol, by its name': {
    row: 5,
    call: http('203.0.113.50:8000', 'auto.test:8000'),
    strict: ['outbound|8000||auto.test -> 203.0.113.51:8000'],
  },
  'HTTP to an address as host, which a service has': {
    row: 6,
    call: http('203.0.113.21:80', '203.0.113.21'),
    strict: ['outbound|80||literal.test -> 203.0.113.22:80'],
  },
  'HTTP to an address as host, which nobody has': {
    row: 6,
    call: http(`${elsewhere}:80`, elsewhere),
    strict: ['not-declared 403 -', 'PassthroughCluster -> 203.0.113.99:80'],
    istio: ['not-declared 502 -', 'PassthroughCluster -> 203.0.113.99:80'],
  },
  'HTTP to a known host, dialled at the address of somebody else': {
    row: 7,
    call: http(`${elsewhere}:80`, 'web.test'),
    strict: ['outbound|80||web.test -> 203.0.113.11:80'],
  },
  'HTTP to a known host without resolution, dialled at the address of somebody else': {
    row: 7,
    call: http(`${elsewhere}:80`, 'none.test'),
    strict: ['outbound|80||none.test -> 203.0.113.12:80'],
    istio: ['outbound|80||none.test -> 203.0.113.99:80'],
  },
  'TLS to a known name': {
    row: 8,
    call: tls('203.0.113.14:443', 'secure.test'),
    strict: ['outbound|443||secure.test -> 203.0.113.14:443'],
  },
  'TLS to a known name, dialled at the address of somebody else': {
    row: 8,
    call: tls(`${elsewhere}:443`, 'secure.test'),
    strict: ['outbound|443||secure.test -> 203.0.113.14:443'],
  },
  'TLS to a known name without resolution, dialled at the address of somebody else': {
    row: 8,
    call: tls(`${elsewhere}:443`, 'secure-none.test'),
    strict: ['outbound|443||secure-none.test -> 203.0.113.15:443'],
    istio: ['outbound|443||secure-none.test -> 203.0.113.99:443'],
  },
  'TLS to an unknown name': {
    row: 9,
    call: tls(`${elsewhere}:443`, 'unknown.test'),
    strict: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.99:443'],
  },
  'TLS to the address of a service, by its name': {
    row: 10,
    call: tls('203.0.113.31:443', 'vip.test'),
    strict: ['outbound|443||vip.test -> 203.0.113.32:443'],
  },
  'TLS to the address of a service, by another name': {
    row: 10,
    call: tls('203.0.113.31:443', 'unknown.test'),
    strict: ['name-mismatch 0 UH', 'PassthroughCluster -> 203.0.113.31:443'],
    istio: ['outbound|443||vip.test -> 203.0.113.32:443'],
  },
  'plain bytes to the address of a service of TLS': {
    row: 10,
    call: tcp('203.0.113.31:443'),
    strict: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.31:443'],
    istio: ['outbound|443||vip.test -> 203.0.113.32:443'],
  },
  'TLS into the range of a service, by another name': {
    row: 10,
    call: tls('198.51.100.5:443', 'unknown.test'),
    strict: ['not-declared 0 UH', 'PassthroughCluster -> 198.51.100.5:443'],
  },
  'TLS into the range of a service, by its name': {
    row: 10,
    call: tls('198.51.100.5:443', 'range-tls.test'),
    strict: ['name-unresolved 0 UH'],
    istio: ['outbound|443||range-tls.test -> 198.51.100.5:443'],
  },
  'TLS on a port of HTTP': {
    row: 11,
    call: tls(`${elsewhere}:8080`, 'only-http.test'),
    strict: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.99:8080'],
  },
  'TLS without a name': {
    row: 12,
    call: raw(`${elsewhere}:443`, hello({})),
    strict: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.99:443'],
  },
  'TLS without a name, to the address of a service': {
    row: 12,
    call: raw('203.0.113.31:443', hello({})),
    strict: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.31:443'],
    istio: ['outbound|443||vip.test -> 203.0.113.32:443'],
  },
  'TCP to the address of a service': {
    row: 13,
    call: tcp('203.0.113.40:6379'),
    strict: ['outbound|6379||store.test -> 203.0.113.44:6379'],
  },
  'TCP into the range of a service': {
    row: 14,
    call: tcp('198.51.100.5:7000'),
    strict: ['outbound|7000||range.test -> 198.51.100.5:7000'],
  },
  'TCP to an address of nobody, where a service without addresses has the port': {
    row: 15,
    call: tcp(`${elsewhere}:7001`),
    strict: ['destination-mismatch 0 UH', 'PassthroughCluster -> 203.0.113.99:7001'],
    istio: ['outbound|7001||open.test -> 203.0.113.41:7001'],
  },
  'TCP to where the name of a service without addresses leads': {
    row: 15,
    call: tcp('203.0.113.41:7001'),
    strict: ['outbound|7001||open.test -> 203.0.113.41:7001'],
  },
  'TCP to an address of nobody, where a service without addresses or resolution has the port': {
    row: 15,
    call: tcp(`${elsewhere}:7002`),
    strict: ['destination-mismatch 0 UH', 'PassthroughCluster -> 203.0.113.99:7002'],
    istio: ['outbound|7002||open-none.test -> 203.0.113.99:7002'],
  },
  'TCP to an address and port of nobody': {
    row: 16,
    call: tcp(`${elsewhere}:9000`),
    strict: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.99:9000'],
  },
  'TCP to the address of a service, on another port': {
    row: 17,
    call: tcp('203.0.113.40:9000'),
    strict: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.40:9000'],
  },
  'plain bytes on a port of HTTP': {
    row: 18,
    call: tcp(`${elsewhere}:8080`),
    strict: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.99:8080'],
  },
  'HTTP on a port of TLS': {
    row: 18,
    call: http(`${elsewhere}:443`, 'secure.test'),
    strict: ['not-declared 403 UH', 'PassthroughCluster -> 203.0.113.99:443'],
    istio: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.99:443'],
  },
  'a client that waits for the server to speak, on a port of HTTP': {
    row: 19,
    call: { to: `${elsewhere}:8080`, names },
    strict: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.99:8080'],
  },
  'a client that waits for the server to speak, at the address of a service that says no protocol': {
    row: 19,
    call: { to: '203.0.113.50:8000', names },
    strict: ['outbound|8000||auto.test -> 203.0.113.51:8000'],
  },
  'another workload at its own address': {
    row: 23,
    call: tcp('198.18.0.12:8080'),
    strict: ['not-declared 0 UH', 'PassthroughCluster -> 198.18.0.12:8080'],
  },
  'HTTP to a host that its namespace keeps to itself': {
    row: 24,
    call: http('203.0.113.16:80', 'hidden.test'),
    strict: ['not-declared 403 -', 'PassthroughCluster -> 203.0.113.16:80'],
    istio: ['not-declared 502 -', 'PassthroughCluster -> 203.0.113.16:80'],
  },
  'CONNECT to a known host': {
    row: 25,
    call: {
      ...raw(`${elsewhere}:80`, 'CONNECT web.test:80 HTTP/1.1\r\nHost: web.test:80\r\n\r\n'),
      method: 'CONNECT',
      host: 'web.test:80',
      path: '',
    },
    strict: ['protocol-not-supported 404 NR'],
  },
  'HTTP to a known host by a listener for proxy requests': {
    row: 26,
    yaml: proxyListener,
    call: http(`${elsewhere}:3128`, 'web.test'),
    strict: ['not-supported 403 UH', 'not-supported 403 -'],
    istio: ['not-supported 0 UH', 'not-supported 0 -'],
  },
  'HTTP/1.0 to a known host': {
    row: 27,
    call: raw(`${elsewhere}:80`, 'GET / HTTP/1.0\r\nHost: web.test\r\n\r\n'),
    strict: ['not-declared 0 UH', 'PassthroughCluster -> 203.0.113.99:80'],
  },
  'HTTP to a known host whose name leads nowhere': {
    row: 28,
    call: http(`${elsewhere}:80`, 'gone.test'),
    strict: ['name-unresolved 503 UH'],
  },
}

const modes = ['REGISTRY_ONLY', 'ALLOW_ANY'] as const
const strictnesses = ['strict', 'istio'] as const

const settings = (mode: (typeof modes)[number], strictness: (typeof strictnesses)[number]): string => `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: "outboundTrafficPolicy: {mode: ${mode}}"
  sallyport: "strictness: ${strictness}"
`

/** What is no connection of a workload's program, or none that comes to a proxy: by row, the test that holds it. */
const elsewhereHeld: Readonly<Record<number, { readonly what: string; readonly file: string; readonly says: string }>> = {
  20: {
    what: 'a name that nothing declares',
    file: 'tests/netns/seal-network.test.ts',
    says: 'every name is asked of the sidecar, whatever resolver is asked',
  },
  21: { what: 'UDP, QUIC and ICMP', file: 'tests/netns/seal-network.test.ts', says: 'UDP is refused at once, and counted by destination' },
  22: {
    what: 'a program of the proxy’s user',
    file: 'tests/netns/seal-network.test.ts',
    says: 'connections to any address of both families land in the sidecar, with their destination',
  },
}

describe.each(strictnesses)('%s', (strictness) => {
  describe.each(modes)('%s', (mode) => {
    for (const [name, { row, call, yaml = '', ...becomes }] of Object.entries(rows)) {
      test(`${row}: ${name}`, () => {
        const { runtime } = pipeline(`${known}${yaml}${settings(mode, strictness)}`, { isDeclared: true })
        const [registryOnly, allowAny = registryOnly] = (strictness === 'istio' ? becomes.istio : undefined) ?? becomes.strict
        expect(verdict(runtime, call)).toBe(mode === 'ALLOW_ANY' ? allowAny : registryOnly)
      })
    }
  })
})

test('all 28 rows of the reference are held', () => {
  const held = [...Object.values(rows).map(({ row }) => row), ...Object.keys(elsewhereHeld).map(Number)]
  expect(Array.from(new Set(held)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 28 }, (_, i) => i + 1))
  for (const { file, says } of Object.values(elsewhereHeld)) expect(readFileSync(file, 'utf8')).toContain(`'${says}'`)
})
