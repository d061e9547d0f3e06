// Holds that stock Envoy takes its configuration straight from `sallyport serve`, in both dialects, follows changes, refuses nothing, and lets nothing through that our own proxy refuses.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startServer } from '../../src/main/configuration-server.ts'
import { typeShortNames, writeNodeId } from '../../src/xds/index.ts'
import { makeCertificates } from '../support/certificates.ts'
import { findEnvoy, noEnvoy } from '../support/envoy.ts'
import { plainBootstrap } from '../support/envoy-bootstrap.ts'
import { spawnProcess } from '../support/node-process.ts'

const envoy = findEnvoy()
if (envoy === undefined && process.env['CI'] === 'true') throw new Error(noEnvoy)

test.skipIf(envoy === undefined).each(['GRPC', 'DELTA_GRPC'])('%s', { timeout: 60_000 }, async (apiType) => {
  const [one, two] = [await origin('one'), await origin('two')]
  const { port, admin, policy, server, running } = await attached(apiType, (at) => declarations(at, one))
  const states = () => server.clients().map(({ types }) => types.map(({ typeUrl, state }) => `${typeShortNames[typeUrl]} ${state}`))
  await expect.poll(() => ask(port), { timeout: 20_000 }).toBe('200 one')
  await expect.poll(states).toEqual([['CDS SYNCED', 'EDS SYNCED', 'LDS SYNCED', 'RDS SYNCED']])
  // Another endpoint: nothing else is sent.
  writeFileSync(policy, declarations(port, two))
  await expect.poll(() => ask(port)).toBe('200 two')
  // Another cluster with the same endpoints, which Envoy warms anew; and one more host.
  writeFileSync(policy, declarations(port, two, 'connectionPool: {tcp: {connectTimeout: 7s}}'))
  await expect.poll(() => stat(admin, 'cluster_manager.cluster_modified')).toBeGreaterThan(0)
  // It waits fifteen seconds for endpoints that are not sent again.
  await expect.poll(() => stat(admin, 'cluster_manager.warming_clusters'), { timeout: 5000 }).toBe(0)
  expect(await ask(port)).toBe('200 two')
  writeFileSync(policy, declarations(port, two).split('---\n').slice(0, 2).join('---\n'))
  await expect.poll(() => ask(port)).toBe('404 ')
  await expect.poll(states).toEqual([['CDS SYNCED', 'EDS SYNCED', 'LDS SYNCED', 'RDS SYNCED']])
  for (const counter of ['cluster_manager.cds.update_rejected', 'listener_manager.lds.update_rejected'])
    expect(await stat(admin, counter)).toBe(0)
  expect(running.stderr()).not.toMatch(/rejected|deprecated|unknown field/)
})

test.skipIf(envoy === undefined)('what only metadata refuses to our own proxy is refused by Envoy, too', { timeout: 60_000 }, async () => {
  const one = await origin('one')
  const unsupported = 'tunnel: {protocol: CONNECT, targetHost: other.example.test, targetPort: 443}'
  const { port, policy, server } = await attached('DELTA_GRPC', (at) => declarations(at, one))
  await expect.poll(() => ask(port), { timeout: 20_000 }).toBe('200 one')
  writeFileSync(policy, declarations(port, one, unsupported))
  await expect.poll(() => ask(port)).toMatch(/^503 /)
  writeFileSync(policy, declarations(port, one).replace('http: [{', "http: [{headers: {response: {set: {x: '%RESP(server)%'}}}, "))
  await expect
    .poll(() => ask(port))
    .toMatch(/^403 Sallyport refused this request \(403\)\.\n.*\[not-supported\]\nby: {7}VirtualService istio-system\/api\n/s)
  expect(server.clients().flatMap(({ types }) => types.flatMap(({ rejected }) => rejected ?? []))).toEqual([])
})

const gatewayNode = {
  id: writeNodeId({ role: 'router', name: 'istio-egressgateway', namespace: 'istio-system', labels: {} }),
  cluster: 'istio-egressgateway.istio-system',
  metadata: { LABELS: { istio: 'egressgateway' } },
}

test.skipIf(envoy === undefined)('certificates in files are those of the machine that Envoy runs on', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'envoy-xds-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  await makeCertificates(folder, { api: ['api.example.test'] })
  const file = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const secure = createSecureServer({ cert: file('api.crt'), key: file('api.key') }, (_request, response) => response.end('secure'))
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void secure.close())
  const bound = secure.address()
  const endpoint = typeof bound === 'object' && bound !== null ? bound.port : 0
  const tls = `tls: {mode: SIMPLE, sni: api.example.test, caCertificates: ${join(folder, 'ca.crt')}}`
  const { port } = await attached('DELTA_GRPC', (at) => declarations(at, endpoint, tls))
  await expect.poll(() => ask(port), { timeout: 20_000 }).toBe('200 secure')
})

/** `sallyport serve`, and a gateway of stock Envoy that knows nothing but its address. */
async function attached(apiType: string, declare: (port: number) => string) {
  const folder = mkdtempSync(join(tmpdir(), 'envoy-xds-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [port, admin] = [await freePort(), await freePort()]
  const policy = join(folder, 'policy.yaml')
  writeFileSync(policy, declare(port))
  const server = await startServer({ files: [policy], outbound: 'REGISTRY_ONLY', xds: '127.0.0.1:0', quietMs: 20, longestWaitMs: 500 })
  onTestFinished(() => server.close())
  writeFileSync(join(folder, 'envoy.json'), JSON.stringify(plainBootstrap({ apiType, ads: server.address, admin, node: gatewayNode })))
  const running = spawnProcess(
    [envoy?.path ?? '', '-c', join(folder, 'envoy.json'), '--concurrency', '1', '--log-level', 'warning', '--disable-hot-restart'],
    { cwd: folder },
  )
  onTestFinished(async () => {
    running.signal('SIGKILL')
    await running.ended
  })
  return { port, admin, policy, server, running }
}

function declarations(port: number, endpoint: number, policy = 'connectionPool: {tcp: {connectTimeout: 3s}}'): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: istio-system}
spec:
  selector: {istio: egressgateway}
  servers: [{port: {number: ${port}, name: http, protocol: HTTP}, hosts: ['*']}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: istio-system}
spec:
  hosts: [api.example.test]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: ${endpoint}}]
  endpoints: [{address: 127.0.0.1}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: istio-system}
spec:
  hosts: [api.example.test]
  gateways: [out]
  http: [{route: [{destination: {host: api.example.test, port: {number: 80}}}]}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: istio-system}
spec:
  host: api.example.test
  trafficPolicy: {${policy}}
`
}

async function origin(name: string): Promise<number> {
  const server = createServer((_request, response) => response.end(name))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Status and body. */
function ask(port: number, path = '/', host = 'api.example.test'): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path, headers: { host }, agent: false, timeout: 5000 }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('end', () => resolve(`${response.statusCode ?? 0} ${body}`))
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', ({ message }) => resolve(message))
    asked.end()
  })
}

async function stat(admin: number, name: string): Promise<number> {
  const text = await ask(admin, `/stats?filter=^${name}$`, 'localhost')
  return Number(/: (\d+)/.exec(text)?.[1] ?? Number.NaN)
}
