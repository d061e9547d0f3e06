// What kubectl is told of the consequences of what it applies, and that proxies are given what was applied.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askApi, hasKubectl, kubectlOf, type Ran, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

const declarations = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: redis, namespace: default}
spec:
  hosts: [redis.domain]
  addresses: [198.18.1.5]
  ports: [{number: 6379, name: tcp, protocol: TCP}]
  location: MESH_EXTERNAL
  resolution: STATIC
  endpoints: [{address: 198.18.1.5}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: way-out, namespace: default}
spec:
  selector: {istio: egressgateway}
  servers:
    - port: {number: 6379, name: tcp, protocol: TCP}
      hosts: [redis.domain]
`

describe.skipIf(!hasKubectl())('what follows from an apply', () => {
  const data = temporaryDirectory()
  const home = temporaryDirectory()
  const socket = join(data.path, 'xds.sock')
  let api: ServedApi
  let kubectl: (args: readonly string[], input?: string) => Promise<Ran>

  beforeAll(async () => {
    api = await serveApi(data.path, { xds: socket })
    kubectl = kubectlOf(data.path, home.path)
  })
  afterAll(async () => {
    await api.kill('SIGTERM')
    data.remove()
    home.remove()
  })

  it('says that a gateway is not in the path', async () => {
    const { out, err, code } = await kubectl(['apply', '-f', '-'], declarations)
    expect(out).toContain('gateway.networking.istio.io/way-out created')
    expect(err).toMatch(/Warning: traffic to ServiceEntry default\/redis .* does not go through gateway default\/way-out/)
    expect(code).toBe(0)
  })

  it('writes the same into what it is about', async () => {
    const message = 'jsonpath={.status.conditions[?(@.type=="PassedAnalysis")].message}'
    const told = async (): Promise<string> => (await kubectl(['get', 'se', 'redis', '-o', message])).out
    await expect.poll(told, { timeout: 20_000 }).toMatch(/^1 Warning found: .*does not go through gateway default\/way-out/)
    expect((await kubectl(['describe', 'se', 'redis'])).out).toMatch(/Type: +PassedAnalysis/)
  })

  it('gives proxies what was applied, and takes back what is deleted', async () => {
    const names = (): string =>
      execFileSync(process.execPath, ['dist/bin.js', 'xds', 'dump', '--node', 'web.default', '--xds', socket, '-o', 'names']).toString()
    await expect.poll(names, { timeout: 20_000 }).toContain('redis.domain')
    await kubectl(['delete', 'se', 'redis'])
    await expect.poll(names, { timeout: 20_000 }).not.toContain('redis.domain')
  })

  it('says nothing of what it is not about', async () => {
    const { err } = await kubectl(['apply', '-f', '-'], '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}')
    expect(err).not.toContain('does not go through')
    expect((await askApi(api, '/api/v1/namespaces/shop')).code).toBe(200)
  })
})
