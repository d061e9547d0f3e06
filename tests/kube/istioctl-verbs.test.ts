// The verbs of istioctl against `sallyport serve`: they find it by the kubeconfig, and say what the server and its proxies have.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Control } from '../../src/main/control.ts'
import { startXdsControl } from '../../src/main/xds-control.ts'
import { commandLine, type Ran as Said, sallyport } from '../cli/cli.ts'
import { askApi, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

const entry = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: { name: 'redis', namespace: 'default' },
  spec: {
    hosts: ['redis.domain'],
    addresses: ['198.18.1.5'],
    ports: [{ number: 6379, name: 'tcp', protocol: 'TCP' }],
    location: 'MESH_EXTERNAL',
    resolution: 'STATIC',
    endpoints: [{ address: '198.18.1.5' }],
  },
}
const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: way-out, namespace: default}
spec:
  selector: {istio: egressgateway}
  servers:
    - port: {number: 6379, name: tcp, protocol: TCP}
      hosts: [redis.domain]
`

const data = temporaryDirectory()
const home = temporaryDirectory()
let api: ServedApi
let control: Control

const read = (name: string): string => readFileSync(join(data.path, name), 'utf8')
const ask = (...args: readonly string[]): Promise<Said> => commandLine([...args, '--kubeconfig', join(data.path, 'kubeconfig')])

beforeAll(async () => {
  api = await serveApi(data.path)
  const { body } = await askApi(api, '/apis/networking.istio.io/v1/namespaces/default/serviceentries', {
    method: 'POST',
    body: JSON.stringify(entry),
  })
  expect(JSON.parse(body)).toMatchObject({ kind: 'ServiceEntry' })
  control = await startXdsControl({
    server: new URL(api.url).host,
    securedBy: { authority: read('pki/ca.crt'), credential: () => ({ token: read('pki/admin.token').trim() }) },
    node: {
      role: 'sidecar',
      name: 'busybox',
      namespace: 'default',
      labels: { app: 'busybox' },
      serviceAccount: 'default',
      agent: { name: 'sallyport', version: '9.9.9' },
    },
    stateDirectory: home.path,
    isNeeded: false,
  })
  await vi.waitFor(() => expect(control.view()?.snapshot.clusters.size ?? 0).toBeGreaterThan(0), { timeout: 20_000 })
}, 60_000)

afterAll(async () => {
  await control.close()
  await api.kill('SIGTERM')
  data.remove()
  home.remove()
})

describe('analyze', () => {
  it('reads what the server has, and what its proxies say', async () => {
    const { stdout, code } = await ask('analyze')
    expect(stdout).toMatch(new RegExp(`in ${api.url}\n$`))
    expect(code).toBe(0)
  })

  it('reads a file as if it were applied to the server', async () => {
    const path = join(home.path, 'gateway.yaml')
    writeFileSync(path, gateway)
    const { stdout } = await ask('analyze', path)
    expect(stdout).toMatch(/SLP1401.*serviceentries\.networking\.istio\.io default\/redis/s)
    expect((await commandLine(['analyze', path])).stdout).not.toContain('SLP1401')
  })

  it('takes the version of an object that the file has', async () => {
    const path = join(home.path, 'redis.json')
    writeFileSync(path, JSON.stringify({ ...entry, spec: { ...entry.spec, resolution: 'STATICC' } }))
    const { stdout, code } = await ask('analyze', path)
    expect(stdout).toMatch(/did you mean STATIC\?/)
    expect(stdout).not.toMatch(/declared twice|already declared/)
    expect(code).toBe(1)
  })
})

describe('what proxies have', () => {
  it('is said of each by proxy-status', async () => {
    const { stdout } = await ask('proxy-status')
    expect(stdout).toMatch(/^NAME\s+CLUSTER\s+CDS\s+LDS/)
    expect(stdout).toMatch(/busybox\.default\s+Kubernetes\s+SYNCED/)
  })

  it('is shown by proxy-config under the name of the Pod', async () => {
    expect((await ask('proxy-config', 'cluster', 'busybox.default')).stdout).toMatch(/redis\.domain\s+6379/)
    expect((await ask('pc', 'c', 'busybox')).stdout).toMatch(/redis\.domain\s+6379/)
  })

  it('is not made up for a name that nobody has', async () => {
    const { stderr, code } = await ask('proxy-config', 'cluster', 'nobody.default')
    expect(stderr).toMatch(/has no proxy nobody\.default\n {2}fix: it has .*busybox\.default/)
    expect(code).toBe(2)
  })
})

describe('version', () => {
  it('is that of the program, the server and the proxies', async () => {
    const { stdout } = await ask('version')
    expect(stdout).toMatch(
      /^client version: \d.*\ncontrol plane version: v1\.33\S* at https:\S+\ndata plane version: 9\.9\.9 \(1 proxy\)\n$/,
    )
  })

  it('comes as JSON, in the fields of istioctl', async () => {
    const { stdout } = await ask('version', '-o', 'json')
    expect(JSON.parse(stdout)).toMatchObject({
      clientVersion: { version: expect.any(String) },
      dataPlaneVersion: [{ ID: 'busybox.default', IstioVersion: '9.9.9' }],
    })
  })

  it('asks nobody when it is not to', async () => {
    expect((await commandLine(['version', '--remote=false'])).stdout).toMatch(/^client version: \S+\n$/)
  })
})

describe('a server that cannot be asked', () => {
  it.each(['analyze', 'proxy-status', 'install', 'version'])('is an error of %s that names it', async (verb) => {
    const path = join(home.path, 'away')
    writeFileSync(path, read('kubeconfig').replaceAll(new URL(api.url).host, '127.0.0.1:1'))
    const { stderr, code } = await sallyport([verb, '--kubeconfig', path])
    expect(stderr).toMatch(/127\.0\.0\.1:1 cannot be (reached|asked)/)
    expect(code).toBe(3)
  })
})
