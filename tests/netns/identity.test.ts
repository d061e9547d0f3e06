// Holds the mesh's own mutual TLS from a sealed command to a gateway on another node, and that the command sees nothing of what signs identities.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { documents, serviceEntry } from '../support/declare.ts'
import type { NodeProcess } from '../support/node-process.ts'
import { addresses } from '../support/outside-plan.ts'
import { bundled } from '../support/outside-servers.ts'
import { openFolder, runSidecar, users } from '../support/sidecar.ts'
import { StandardWorld } from '../support/standard-world.ts'

const stand = new StandardWorld()

const gatewayHost = 'istio-egressgateway.istio-system.svc.cluster.local'
const node = `apiVersion: v1
kind: Namespace
metadata: {name: istio-system}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: gateway-node, namespace: istio-system}
spec:
  hosts: [${gatewayHost}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 6379, name: tcp, protocol: TCP}]
  endpoints: [{address: ${addresses.gw}, labels: {istio: egressgateway}}]
`
const mutual = (port: number, sni: string) => `{port: {number: ${port}}, tls: {mode: ISTIO_MUTUAL, sni: ${sni}}}`
const way = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: default}
spec:
  selector: {istio: egressgateway}
  servers:
  - {port: {number: 80, name: https, protocol: HTTPS}, hosts: [d2iq.com], tls: {mode: ISTIO_MUTUAL}}
  - {port: {number: 6379, name: tls, protocol: TLS}, hosts: [redis.domain], tls: {mode: ISTIO_MUTUAL}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: way, namespace: istio-system}
spec:
  host: ${gatewayHost}
  subsets: [{name: out, trafficPolicy: {portLevelSettings: [${mutual(80, 'd2iq.com')}, ${mutual(6379, 'redis.domain')}]}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [d2iq.com]
  gateways: [out, mesh]
  http:
  - {match: [{gateways: [mesh]}], route: [{destination: {host: ${gatewayHost}, subset: out, port: {number: 80}}}]}
  - {match: [{gateways: [out]}], route: [{destination: {host: d2iq.com, port: {number: 80}}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: redis, namespace: default}
spec:
  hosts: [redis.domain]
  gateways: [out, mesh]
  tcp:
  - {match: [{gateways: [mesh], port: 6379}], route: [{destination: {host: ${gatewayHost}, subset: out, port: {number: 6379}}}]}
  - {match: [{gateways: [out]}], route: [{destination: {host: redis.domain, port: {number: 6379}}}]}
`
const hosts = documents(
  serviceEntry({ host: 'd2iq.com', port: 80, protocol: 'HTTP' }),
  serviceEntry({
    host: 'redis.domain',
    port: 6379,
    protocol: 'TCP',
    addresses: ['203.0.113.40'],
    resolution: 'STATIC',
    endpoints: ['203.0.113.40'],
  }),
)

interface Gateway {
  readonly running: NodeProcess
  readonly flows: string
}

async function withGateway(folder: string, options: readonly string[], script: (gateway: Gateway) => Promise<void>): Promise<void> {
  const policy = join(folder, 'policy.yaml')
  writeFileSync(policy, documents(node, hosts, way))
  const flows = join(folder, 'gateway.jsonl')
  const args = [
    'gateway',
    '-n',
    'istio-system',
    '-l',
    'istio=egressgateway',
    '-f',
    policy,
    '--from',
    '198.18.0.0/24',
    '--resolver',
    addresses.out,
  ]
  const running = stand.node('gw').spawn(process.execPath, [bundled('bin.js'), ...args, '--flows', flows, ...options])
  try {
    await running.says('serves')
    await script({ running, flows })
  } finally {
    running.signal('SIGTERM')
    await running.ended
  }
}

test('a sealed command’s HTTP and Redis pass a gateway that knows who it is, and records name both', async () => {
  const folder = openFolder()
  const authority = ['--ca-dir', join(folder, 'ca')]
  try {
    await withGateway(folder, [...authority, '--drain', '1'], async () => {
      const { stdout, records } = await runSidecar(stand.w1, {
        declarations: documents(node, hosts, way),
        options: [...authority, '-n', 'shop', '--sa', 'web', '--name', 'till'],
        command: ['sh', '-c', 'curl -s -o /dev/null -w "%{http_code} " http://d2iq.com/; redis-cli -h 203.0.113.40 ping'],
      })
      expect(stdout).toBe('200 PONG\n')
      const both = {
        source: { principal: 'spiffe://cluster.local/ns/shop/sa/web' },
        upstreamPrincipal: 'spiffe://cluster.local/ns/istio-system/sa/istio-egressgateway',
      }
      expect(records).toMatchObject([
        { kind: 'request', path: 'gateway', ...both },
        { kind: 'connection', path: 'gateway', ...both },
      ])
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('over xDS, a server gives both their certificates by its socket, and no key is kept', async () => {
  const folder = openFolder()
  const policy = join(folder, 'policy.yaml')
  writeFileSync(policy, documents(node, hosts, way))
  const socket = join(folder, 'xds.sock')
  const state = ['--xds', socket, '--state-dir', join(folder, 'state')]
  const bin = [bundled('bin.js')]
  const server = stand
    .node('gw')
    .spawn(process.execPath, [
      ...bin,
      'serve',
      '-f',
      policy,
      '--outbound',
      'REGISTRY_ONLY',
      '--xds',
      socket,
      '--ca-dir',
      join(folder, 'ca'),
    ])
  await server.says('configuration at')
  const peer = ['-n', 'istio-system', '-l', 'istio=egressgateway', '--from', '198.18.0.0/24', '--resolver', addresses.out, '--drain', '1']
  const gateway = stand.node('gw').spawn(process.execPath, [...bin, 'gateway', ...peer, ...state])
  try {
    await gateway.says('serves')
    const { stdout, stderr, records } = await runSidecar(stand.w1, {
      xds: socket,
      options: ['--state-dir', join(folder, 'state'), '-n', 'shop', '--sa', 'web'],
      command: [
        'sh',
        '-c',
        'for i in 1 2 3 4 5 6 7 8 9; do code=$(curl -s -o /dev/null -w "%{http_code}" http://d2iq.com/); [ $code = 200 ] && break; sleep 0.3; done; echo $code',
      ],
    })
    expect({ stdout, stderr }).toMatchObject({ stdout: '200\n' })
    expect(records.at(-1)).toMatchObject({
      source: { principal: 'spiffe://cluster.local/ns/shop/sa/web' },
      upstreamPrincipal: 'spiffe://cluster.local/ns/istio-system/sa/istio-egressgateway',
    })
    expect((await stand.w1.exec('grep', ['-rlE', 'PRIVATE KEY', join(folder, 'state')])).stdout).toBe('')
  } finally {
    gateway.signal('SIGTERM')
    server.signal('SIGTERM')
    await Promise.all([gateway.ended, server.ended])
    rmSync(folder, { recursive: true, force: true })
  }
})

test('another authority’s word counts for nothing', async () => {
  const folder = openFolder()
  try {
    await withGateway(folder, ['--ca-dir', join(folder, 'ca'), '--drain', '1'], async ({ flows }) => {
      const { stdout, records } = await runSidecar(stand.w1, {
        declarations: documents(node, hosts, way),
        options: ['--ca-dir', join(folder, 'other')],
        command: ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', 'http://d2iq.com/'],
      })
      expect(stdout).toBe('503')
      expect(records).toMatchObject([{ flag: 'URX,UF', details: expect.stringContaining('CERTIFICATE_VERIFY_FAILED') }])
      expect(flows).toBeDefined()
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

describe.each(Object.entries(users))('as %s', (_name, user) => {
  test('the command finds nothing of the authority, and cannot put one of its own there', async () => {
    const script = [
      'ca=$HOME/.local/state/sallyport/ca',
      'curl -s -o /dev/null -w "%{http_code} " http://d2iq.com/',
      'ls -A $ca | wc -l',
      'cat $ca/authority.pem || echo unseen',
      'touch $ca/authority.pem || echo unwritten',
      'rmdir $ca || echo kept',
      'mv $HOME/.local/state/sallyport $HOME/.local/state/other || echo pinned',
      'mv $HOME/.local $HOME/other || echo pinned',
    ].join('; ')
    const { stdout, code } = await runSidecar(stand.w1, {
      declarations: documents(hosts, way),
      command: ['sh', '-c', script],
      ...user,
    })
    expect({ code, said: stdout.split(/\s+/).filter(Boolean) }).toEqual({
      code: 0,
      said: ['200', '0', 'unseen', 'unwritten', 'kept', 'pinned', 'pinned'],
    })
  })
})
