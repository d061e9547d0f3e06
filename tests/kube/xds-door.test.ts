// Configuration over the port of the API: who asks for it by its name, over TLS that trusts the server's own authority, and as somebody who may have it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Control } from '../../src/main/control.ts'
import { startXdsControl } from '../../src/main/xds-control.ts'
import { openLevelStore } from '../../src/store/index.ts'
import { type SecuredBy, xdsServerName } from '../../src/xds/index.ts'
import { makeCertificates } from '../support/certificates.ts'
import { askApi, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'
import { newToken, signedFor } from './signed-token.ts'

const data = temporaryDirectory()
const others = temporaryDirectory()
const controls: Control[] = []
let api: ServedApi

beforeAll(async () => {
  await makeCertificates(others.path, { admin: ['admin'] })
  api = await serveApi(data.path)
})

afterAll(async () => {
  await Promise.all(controls.map((control) => control.close()))
  await api.kill('SIGTERM')
  data.remove()
  others.remove()
})

const read = (...path: readonly string[]): string => readFileSync(join(...path), 'utf8')
const authority = (): string => read(data.path, 'pki/ca.crt')
const token = (): string => read(data.path, 'pki/admin.token').trim()

type Node = Parameters<typeof startXdsControl>[0]['node']

async function open(securedBy: SecuredBy, serviceAccount = 'default', more: Partial<Node> = {}): Promise<Control> {
  const control = await startXdsControl({
    server: new URL(api.url).host,
    securedBy,
    node: {
      role: 'sidecar',
      name: 'web',
      namespace: 'default',
      labels: {},
      serviceAccount,
      agent: { name: 'sallyport', version: '0' },
      ...more,
    },
    stateDirectory: join(others.path, `state-${controls.length}`),
    isNeeded: false,
  })
  controls.push(control)
  return control
}

it('gives the administrator what a node should have, and later what was applied', { retry: 0 }, async () => {
  const control = await open({ authority: authority(), credential: () => ({ token: token() }) })
  const clusters = (): readonly string[] => Array.from(control.view()?.snapshot.clusters.keys() ?? [])
  await expect.poll(clusters, { timeout: 10_000 }).toContain('PassthroughCluster')
  expect(clusters()).not.toContain('outbound|80||d2iq.com')
  const spec = { hosts: ['d2iq.com'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' }
  const body = JSON.stringify({ apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name: 'd2iq' }, spec })
  const { code } = await askApi(api, '/apis/networking.istio.io/v1/namespaces/default/serviceentries', { method: 'POST', body })
  expect(code).toBe(201)
  await expect.poll(clusters, { timeout: 10_000 }).toContain('outbound|80||d2iq.com')
})

const refused: Record<string, { securedBy: () => SecuredBy; says: RegExp }> = {
  'a token that nobody has given': {
    securedBy: () => ({ authority: authority(), credential: () => ({ token: 'forged' }) }),
    says: /Unauthorized/,
  },
  'an empty token': { securedBy: () => ({ authority: authority(), credential: () => ({ token: '' }) }), says: /Unauthorized/ },
  'a certificate that nobody here has signed': {
    securedBy: () => {
      const [certificate, key] = [read(others.path, 'admin.crt'), read(others.path, 'admin.key')]
      return { authority: authority(), credential: () => ({ certificate, key }) }
    },
    says: /Unauthorized/,
  },
  'whoever trusts another authority': {
    securedBy: () => ({ authority: read(others.path, 'ca.crt'), credential: () => ({ token: token() }) }),
    says: /certificate/,
  },
}

it.each(Object.entries(refused))('gives nothing to %s', { retry: 0 }, async (_name, { securedBy, says }) => {
  const control = await open(securedBy())
  await expect.poll(() => control.discovery()?.state.why, { timeout: 10_000 }).toMatch(says)
  expect(control.view()).toBeUndefined()
})

it('cuts a stream when its token has expired, or its service account is gone', async () => {
  const accounts = '/api/v1/namespaces/default/serviceaccounts'
  await askApi(api, accounts, { method: 'POST', body: '{"metadata":{"name":"brief"}}' })
  const [expiring, orphaned] = [await signedFor(api, { fromSeconds: -60, toSeconds: 4 }), await newToken(api, 'brief')]
  const with_ = (text: string, account: string): Promise<Control> =>
    open({ authority: authority(), credential: () => ({ token: text }) }, account)
  const both = await Promise.all([with_(expiring, 'default'), with_(orphaned, 'brief')])
  const whys = (): unknown => both.map((control) => control.discovery()?.state.why)
  await expect.poll(() => both.map((control) => control.view() !== undefined), { timeout: 3500 }).toEqual([true, true])
  await askApi(api, `${accounts}/brief`, { method: 'DELETE' })
  const over = expect.stringContaining('Unauthorized')
  await expect.poll(whys, { timeout: 20_000 }).toEqual([over, over])
})

it('gives a Secret that is named to who may read it, from then on and for as long', { retry: 0 }, async () => {
  await askApi(api, '/api/v1/namespaces', { method: 'POST', body: '{"metadata":{"name":"edge"}}' })
  const put = async (path: string, object: object): Promise<void> => {
    const { code, body } = await askApi(api, path, { method: 'POST', body: JSON.stringify(object) })
    expect([code, body]).toEqual([201, expect.anything()])
  }
  const encoded = (text: string): string => Buffer.from(text).toString('base64')
  await put('/api/v1/namespaces/edge/serviceaccounts', { metadata: { name: 'out' } })
  await put('/api/v1/namespaces/edge/secrets', {
    metadata: { name: 'web' },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': encoded('chain'), 'tls.key': encoded('key of web') },
  })
  await put('/apis/networking.istio.io/v1/namespaces/edge/gateways', {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name: 'out' },
    spec: {
      selector: { istio: 'egressgateway' },
      servers: [{ port: { number: 8443, name: 'tls', protocol: 'HTTPS' }, hosts: ['*'], tls: { mode: 'SIMPLE', credentialName: 'web' } }],
    },
  })
  const bearer = await newToken(api, 'out', 'edge')
  const securedBy = { authority: authority(), credential: () => ({ token: bearer }) }
  const control = await open(securedBy, 'out', { role: 'router', namespace: 'edge', labels: { istio: 'egressgateway' } })
  await expect.poll(() => control.view()?.snapshot.listeners.size, { timeout: 10_000 }).toBe(1)
  expect(control.secret('kubernetes://web')).toBeUndefined()
  const bindings = '/apis/rbac.authorization.k8s.io/v1/namespaces/edge/rolebindings'
  await put(bindings, {
    metadata: { name: 'credentials' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'sallyport.dev:credentials' },
    subjects: [{ kind: 'ServiceAccount', name: 'out', namespace: 'edge' }],
  })
  const key = (): string | undefined => control.secret('kubernetes://web')?.certificate?.key
  await expect.poll(key, { timeout: 10_000 }).toBe('key of web')
  const data = { 'tls.crt': encoded('chain'), 'tls.key': encoded('another') }
  const patch = { method: 'PATCH', body: JSON.stringify({ data }), headers: { 'Content-Type': 'application/merge-patch+json' } }
  expect((await askApi(api, '/api/v1/namespaces/edge/secrets/web', patch)).code).toBe(200)
  await expect.poll(key, { timeout: 10_000 }).toBe('another')
  await askApi(api, `${bindings}/credentials`, { method: 'DELETE' })
  await expect.poll(key, { timeout: 10_000 }).toBeUndefined()
})

const protocols: Record<string, { name: string; offered: readonly string[]; agreed: string | false | RegExp }> = {
  'as kubectl offers': { name: 'localhost', offered: ['h2', 'http/1.1'], agreed: 'http/1.1' },
  'as clients of configuration offer': { name: xdsServerName, offered: ['h2'], agreed: 'h2' },
  'without an offer': { name: 'localhost', offered: [], agreed: false },
  'HTTP/2 for the API': { name: 'localhost', offered: ['h2'], agreed: /no application protocol/i },
  'HTTP/1.1 for configuration': { name: xdsServerName, offered: ['http/1.1'], agreed: /no application protocol/i },
}

it.each(Object.entries(protocols))('agrees on a protocol by name and offer: %s', { retry: 0 }, async (_name, { name, offered, agreed }) => {
  const { hostname, port } = new URL(api.url)
  const got = await new Promise<string | false | null>((resolve) => {
    const options = { host: hostname, port: Number(port), servername: name, ca: authority(), ALPNProtocols: [...offered] }
    const socket = connect(options, () => {
      resolve(socket.alpnProtocol)
      socket.destroy()
    })
    socket.once('error', (error) => resolve(error.message))
  })
  if (agreed instanceof RegExp) expect(got).toMatch(agreed)
  else expect(got).toBe(agreed)
})

it('lets clients of configuration wait that come before everything declared has been read, and says so to others', async () => {
  const much = temporaryDirectory()
  const store = await openLevelStore(join(much.path, 'objects'))
  await store.commit(Array.from({ length: 3000 }, (_, i) => storedEntry(`e${i}`)))
  await store.close()
  const busy = await serveApi(much.path)
  const ready = (): Promise<number> => askApi(busy, '/readyz').then(({ code }) => code)
  const { hostname, port } = new URL(busy.url)
  const options = {
    host: hostname,
    port: Number(port),
    servername: xdsServerName,
    ca: read(much.path, 'pki/ca.crt'),
    ALPNProtocols: ['h2'],
  }
  const socket = connect(options)
  const answer = new Promise<Buffer>((resolve, reject) => {
    socket.once('data', resolve)
    socket.once('close', () => reject(new Error('the connection was closed')))
    socket.once('error', reject)
  })
  // The preface of HTTP/2 with empty settings (RFC 9113, 3.4).
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from('000000040000000000', 'hex')]))
  // Beside it the API is there already.
  expect([200, 500]).toContain(await ready())
  expect((await askApi(busy, '/apis/networking.istio.io/v1/serviceentries?limit=1')).code).toBe(200)
  expect((await answer)[3]).toBe(4)
  await expect.poll(ready, { timeout: 10_000 }).toBe(200)
  socket.destroy()
  await busy.kill('SIGTERM')
  much.remove()
})

function storedEntry(name: string) {
  const spec = { hosts: [`${name}.example.com`], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' }
  const object = { apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name, namespace: 'default' }, spec }
  return {
    key: { resource: 'serviceentries.networking.istio.io', namespace: 'default', name },
    value: Buffer.from(JSON.stringify(object)),
  }
}
