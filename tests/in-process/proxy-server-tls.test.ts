// Proves with real TLS clients that a gateway ends TLS as it is told: who may speak, what is proven, what a renewal does, and how failures are told.
import { createHash, X509Certificate } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CertificateAuthority, openCertificateAuthority } from '../../src/identity/certificate-authority.ts'
import type { SecretMaterial } from '../../src/identity/index.ts'
import type { ConnectionDecision, ServerTlsPlan, TlsPlan } from '../../src/runtime/index.ts'
import { makeCertificates } from '../support/certificates.ts'
import {
  answering,
  closedPort,
  dialPeer,
  forward,
  gateway,
  type GatewayPlane,
  http,
  local,
  manager,
  origin,
  type Peer,
  plane,
  type RuntimeParts,
  sniffThen,
  until,
} from './proxy-kit.ts'

const folder = mkdtempSync(join(tmpdir(), 'server-tls-'))
const file = (name: string): string => join(folder, name)
let authority: CertificateAuthority
let stranger: CertificateAuthority

beforeAll(async () => {
  await makeCertificates(folder, { server: ['a.test'], next: ['a.test'], client: ['client.test'] })
  authority = await openCertificateAuthority(file('ca'))
  stranger = await openCertificateAuthority(file('other'))
})

afterAll(() => rmSync(folder, { recursive: true }))

const versions = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } as const
const byFiles = (): ServerTlsPlan => ({
  certificate: { chain: file('server.crt'), key: file('server.key') },
  sans: [],
  alpn: ['http/1.1'],
  ...versions,
})
const ofMesh: ServerTlsPlan = {
  certificate: { secret: 'default' },
  roots: { secret: 'ROOTCA' },
  sans: [{ kind: 'uri', match: 'prefix', value: 'spiffe://cluster.local/ns/', ignoreCase: false }],
  alpn: [],
  ...versions,
}

const web = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' }
const own = { trustDomain: 'cluster.local', namespace: 'istio-system', serviceAccount: 'istio-egressgateway' }

async function secretsOf(issuer: CertificateAuthority): Promise<Map<string, SecretMaterial>> {
  const { chain, key } = await issuer.issue(own, 60_000)
  return new Map([
    ['default', { certificate: { chain, key } }],
    ['ROOTCA', { roots: authority.roots }],
  ])
}

interface Ended extends GatewayPlane {
  readonly port: number
}

/** What is inside goes to `then` once TLS has ended by `plan`. */
async function ending(plan: () => ServerTlsPlan, then: RuntimeParts, secrets = new Map<string, SecretMaterial>()): Promise<Ended> {
  const port = await closedPort()
  const started = await gateway(
    {
      connection: sniffThen((facts) =>
        facts.secured ? (then.connection?.(facts) ?? http) : ({ verdict: 'end-tls', tls: plan() } satisfies ConnectionDecision),
      ),
      ...(then.request && { request: then.request }),
      boundListeners: [{ name: 'l', bind: local(port), proxyProtocol: false }],
    },
    { secret: (name) => secrets.get(name) },
  )
  await started.plane.whenBound()
  return { ...started, port }
}

interface Client {
  readonly socket: TLSSocket
  text: string
  error: string | undefined
  isSecure: boolean
  isClosed: boolean
  /** In whose name the server has answered. */
  servedAs: string | undefined
}

async function dial(port: number, options: ConnectionOptions = {}): Promise<Client> {
  const client: Client = {
    socket: connect({ host: '127.0.0.1', port, rejectUnauthorized: false, servername: 'a.test', ...options }),
    text: '',
    error: undefined,
    isSecure: false,
    isClosed: false,
    servedAs: undefined,
  }
  client.socket.on('secureConnect', () => {
    client.isSecure = true
    // Whoever is refused has forgotten it a moment later.
    client.servedAs = String(client.socket.getPeerCertificate().subject.CN)
  })
  client.socket.on('data', (bytes) => (client.text += bytes.toString('latin1')))
  client.socket.on('error', (error) => (client.error = 'code' in error ? String(error.code) : error.message))
  client.socket.on('close', () => (client.isClosed = true))
  await until(() => client.isClosed || client.isSecure, 'a handshake, or its end')
  return client
}

function echoing({ socket }: Peer): void {
  socket.on('data', (bytes) => socket.write(bytes))
  socket.on('end', () => socket.end())
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'
const request = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'

test('a request inside of TLS is served as on a plain connection, and the origin is told of https', async () => {
  const upstream = await origin(answering(ok))
  const edge = { ...manager, useRemoteAddress: true }
  const { port, record } = await ending(byFiles, {
    connection: () => ({ verdict: 'http', manager: edge }),
    request: ({ scheme }) => forward([upstream.target], { route: scheme }),
  })
  const { socket, ...client } = await dial(port, {
    ca: readFileSync(file('ca.crt')),
    rejectUnauthorized: true,
    ALPNProtocols: ['h2', 'http/1.1'],
  })
  expect(socket.alpnProtocol).toBe('http/1.1')
  let text = ''
  socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))
  socket.write('GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Client-Cert: By=me\r\n\r\n')
  await until(() => text.includes('hi'), 'the answer')
  expect(upstream.received()).toContain('x-forwarded-proto: https')
  expect(upstream.received()).not.toContain('By=me')
  expect(client.error).toBeUndefined()
  expect(await record(0)).toMatchObject({ kind: 'request', verdict: 'allow', source: { authenticated: false } })
  socket.destroy()
})

test('HTTP/2 inside of TLS is served where it was offered', async () => {
  const upstream = await origin(answering(ok))
  const { port, record } = await ending(() => ({ ...byFiles(), alpn: ['h2', 'http/1.1'] }), { request: () => forward([upstream.target]) })
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, servername: 'a.test' })
  const stream = session.request({ ':path': '/', ':authority': 'a.test' })
  let status: unknown
  stream.on('response', (headers) => (status = headers[':status']))
  stream.resume()
  await until(() => status !== undefined, 'the answer')
  expect(status).toBe(200)
  expect(await record(0)).toMatchObject({ kind: 'request', protocol: 'http2', verdict: 'allow' })
  session.destroy()
})

describe('ciphers that a server says', () => {
  const [said, other] = [
    'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384',
  ]
  const second = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
  const clients: Readonly<Record<string, readonly [options: ConnectionOptions, isTaken: boolean]>> = {
    'are spoken with a client of TLS 1.2 that has one of them': [{ ...second, ciphers: said }, true],
    'keep a client of TLS 1.2 out that has none of them': [{ ...second, ciphers: other }, false],
    'mean nothing to TLS 1.3': [{ minVersion: 'TLSv1.3' }, true],
  }
  test.each(Object.entries(clients))('%s', async (_, [options, isTaken]) => {
    const upstream = await origin(echoing)
    const { port, record } = await ending(() => ({ ...byFiles(), ciphers: said.split(':') }), {
      connection: () => forward([upstream.target]),
    })
    const client = await dial(port, options)
    expect(client.isSecure).toBe(isTaken)
    client.socket.end()
    await record(0)
  })
})

test('bytes inside of TLS go on as they are, both ways and to the end', async () => {
  const upstream = await origin(echoing)
  const { port, record } = await ending(byFiles, { connection: () => forward([upstream.target]) })
  const client = await dial(port)
  const body = Buffer.alloc(3_000_000, 'x')
  client.socket.write(body)
  await until(() => client.text.length === body.length, 'all of it back', 10_000)
  client.socket.end()
  expect(await record(0)).toMatchObject({
    verdict: 'allow',
    protocol: 'tls',
    sni: 'a.test',
    bytesSent: body.length,
    bytesReceived: body.length,
  })
})

test('a ClientHello that comes in pieces is put together', async () => {
  const upstream = await origin(answering(ok))
  const { port } = await ending(byFiles, { request: () => forward([upstream.target]) })
  const client = await dial(port, {
    servername: `${'a'.repeat(60)}.${'b'.repeat(60)}.test`,
    ALPNProtocols: Array.from({ length: 200 }, (_, i) => `protocol-${i}`),
  })
  client.socket.write(request)
  await until(() => client.text.includes('hi'), 'the answer')
  client.socket.destroy()
})

describe('what is too old, or no TLS at all, gets nowhere', () => {
  test('TLS 1.1', async () => {
    const { port, record } = await ending(byFiles, { request: () => forward([]) })
    const client = await dial(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' })
    expect(client.error).toMatch(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS|ECONNRESET/)
    expect(await record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'tls-failed' }, flag: 'DPE' })
  })

  test('a client that breaks off', async () => {
    const { port, record } = await ending(byFiles, { request: () => forward([]) })
    const peer = await dialPeer(port)
    // The beginning of a handshake, and no end of it.
    const { hello } = await import('../../src/proxy/sniff/client-hello.test-kit.ts')
    peer.write(hello({ sni: 'a.test' }))
    peer.socket.destroy()
    expect(await record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'tls-failed' } })
  })
})

test('a certificate that cannot be read is no reason to speak without one', async () => {
  const missing = (): ServerTlsPlan => ({ ...byFiles(), certificate: { chain: file('none.crt'), key: file('none.key') } })
  const { port, record } = await ending(missing, { request: () => forward([]) })
  const client = await dial(port)
  expect(client.isClosed).toBe(true)
  expect(await record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'tls-failed' }, details: expect.stringContaining('none.crt') })
})

test('files that are exchanged are shown to whoever comes next, and cut nobody', async () => {
  const upstream = await origin(answering(ok))
  const { port } = await ending(byFiles, { request: () => forward([upstream.target]) })
  const before = await dial(port)
  const shown = before.socket.getPeerCertificate().fingerprint256
  for (const ending of ['key', 'crt']) {
    copyFileSync(file(`next.${ending}`), file(`draft.${ending}`))
    renameSync(file(`draft.${ending}`), file(`server.${ending}`))
  }
  await expect
    .poll(
      async () => {
        const { socket } = await dial(port)
        const { fingerprint256 } = socket.getPeerCertificate()
        socket.destroy()
        return fingerprint256
      },
      { timeout: 5000 },
    )
    .not.toBe(shown)
  before.socket.write(request)
  await until(() => before.text.includes('hi'), 'the answer on the old connection')
  before.socket.destroy()
})

describe('a certificate that may be left out', () => {
  const optional = (): ServerTlsPlan => ({ ...byFiles(), roots: file('ca.crt'), mayLackCertificate: true })
  const own = (name: string): ConnectionOptions => ({ cert: readFileSync(file(`${name}.crt`)), key: readFileSync(file(`${name}.key`)) })
  const clients: Record<string, readonly [shown: () => Promise<ConnectionOptions>, isTaken: boolean]> = {
    'is not missed': [() => Promise.resolve({}), true],
    'is taken when it is in order': [() => Promise.resolve(own('client')), true],
    'ends the connection when another authority has signed it': [async () => shownBy(await stranger.issue(web, 60_000)), false],
  }
  for (const [version, only] of [
    ['TLS 1.2', { maxVersion: 'TLSv1.2' }],
    ['TLS 1.3', { minVersion: 'TLSv1.3' }],
  ] as const)
    test.each(Object.entries(clients))(`%s (${version})`, async (_, [shown, isTaken]) => {
      const upstream = await origin(answering(ok))
      const telling = { ...manager, clientCert: { subject: true, uri: true, dns: true } }
      const { port, record } = await ending(optional, {
        connection: () => ({ verdict: 'http', manager: telling }),
        request: () => forward([upstream.target]),
      })
      const options = await shown()
      const client = await dial(port, { ...options, ...only })
      client.socket.write(request)
      await until(() => client.isClosed || client.text.includes('hi'), 'the answer, or the end')
      client.socket.end()
      expect(client.text.includes('hi')).toBe(isTaken)
      expect(await record(0)).toMatchObject({ verdict: isTaken ? 'allow' : 'deny', source: { authenticated: false } })
      // What was proven is told, and nothing where nothing was.
      expect(upstream.peers[0]?.text.includes('Hash=') ?? false).toBe(isTaken && options.cert !== undefined)
    })
})

describe('a certificate and those to trust that are Secrets', () => {
  const named = (): ServerTlsPlan => ({
    ...byFiles(),
    certificate: { secret: 'kubernetes://mine' },
    roots: { secret: 'kubernetes://mine-cacert' },
  })
  const material = (name: string, roots: string): [string, SecretMaterial][] => [
    ['kubernetes://mine', { certificate: { chain: read(`${name}.crt`), key: read(`${name}.key`) } }],
    ['kubernetes://mine-cacert', { roots }],
  ]
  const read = (name: string): string => readFileSync(file(name), 'utf8')

  test('prove no identity of the mesh, whatever stands in the certificate', async () => {
    const upstream = await origin(echoing)
    const secrets = new Map(material('next', authority.roots))
    const { port, record } = await ending(named, { connection: () => forward([upstream.target]) }, secrets)
    const client = await dial(port, shownBy(await authority.issue(web, 60_000)))
    client.socket.write('ping')
    await until(() => client.text === 'ping', 'the echo')
    client.socket.end()
    const told = await record(0)
    expect(told).toMatchObject({ verdict: 'allow', source: { authenticated: false } })
    expect(told.source.principal).toBeUndefined()
  })

  test('are others from one connection to the next', async () => {
    const upstream = await origin(echoing)
    const secrets = new Map(material('next', authority.roots))
    const { port } = await ending(named, { connection: () => forward([upstream.target]) }, secrets)
    const shown = shownBy(await authority.issue(web, 60_000))
    const before = await dial(port, shown)
    for (const [name, secret] of material('client', stranger.roots)) secrets.set(name, secret)
    const refused = await dial(port, shown)
    expect([before.servedAs, refused.servedAs]).toEqual(['a.test', 'client.test'])
    await until(() => refused.isClosed, 'the end')
    before.socket.write('still here')
    await until(() => before.text === 'still here', 'the echo')
    before.socket.destroy()
  })

  test('are refused when nobody has given them', async () => {
    const { port, record } = await ending(named, { connection: () => forward([]) })
    const client = await dial(port)
    expect(client.isClosed).toBe(true)
    expect(await record(0)).toMatchObject({ reason: { code: 'tls-failed' }, details: expect.stringContaining('kubernetes://mine') })
  })
})

describe('the mesh’s own mutual TLS', () => {
  const echo = () => origin(echoing)

  test('proves who asks, also when the hop tells something else', async () => {
    const upstream = await echo()
    const { port, record } = await ending(() => ofMesh, { connection: () => forward([upstream.target]) }, await secretsOf(authority))
    const { chain, key } = await authority.issue(web, 60_000)
    const client = await dial(port, { cert: chain, key })
    client.socket.write('ping')
    await until(() => client.text === 'ping', 'the echo')
    client.socket.end()
    expect(await record(0)).toMatchObject({
      verdict: 'allow',
      source: { authenticated: true, principal: 'spiffe://cluster.local/ns/shop/sa/web', namespace: 'shop' },
    })
  })

  test('is told to origins in x-forwarded-client-cert, where a manager says so, and a client’s own word is not', async () => {
    const telling = { ...manager, clientCert: { subject: true, uri: true, dns: true } }
    const { chain, key } = await authority.issue(web, 60_000)
    const hash = createHash('sha256').update(new X509Certificate(chain).raw).digest('hex')
    const told = `By=spiffe://cluster.local/ns/istio-system/sa/istio-egressgateway;Hash=${hash};Subject="";URI=spiffe://cluster.local/ns/shop/sa/web`
    for (const [chosen, expected] of [[telling, told] as const, [manager, undefined] as const]) {
      const upstream = await origin(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'))
      const { port } = await ending(
        () => ofMesh,
        { connection: () => ({ verdict: 'http', manager: chosen }), request: () => forward([upstream.target]) },
        await secretsOf(authority),
      )
      const client = await dial(port, { cert: chain, key })
      client.socket.write('GET / HTTP/1.1\r\nhost: a.test\r\nx-forwarded-client-cert: URI=spiffe://cluster.local/ns/shop/sa/till\r\n\r\n')
      await until(() => client.text.endsWith('hi'), 'the answer')
      client.socket.end()
      expect(/\r\nx-forwarded-client-cert: (.*)\r\n/.exec(upstream.peers[0]?.text ?? '')?.[1]).toBe(expected)
      expect(upstream.peers[0]?.text).not.toContain('till')
    }
  })

  const refused: Record<string, () => Promise<ConnectionOptions>> = {
    'without a certificate': () => Promise.resolve({}),
    'with one of another authority': async () => shownBy(await stranger.issue(web, 60_000)),
    'with one that has expired': async () => shownBy(await authority.issue(web, -1000)),
    'with one of another trust domain': async () => shownBy(await authority.issue({ ...web, trustDomain: 'other.test' }, 60_000)),
    'with one that names no workload': () =>
      Promise.resolve({ cert: readFileSync(file('client.crt')), key: readFileSync(file('client.key')) }),
  }
  test.each(Object.entries(refused))('refuses a client %s, without dialling anybody', async (_how, shown) => {
    const upstream = await echo()
    const { port, record } = await ending(() => ofMesh, { connection: () => forward([upstream.target]) }, await secretsOf(authority))
    const client = await dial(port, await shown())
    client.socket.write('ping')
    await until(() => client.isClosed, 'the end')
    expect(client.text).toBe('')
    expect(upstream.peers).toHaveLength(0)
    expect(await record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'tls-failed' }, source: { authenticated: false } })
  })

  test('refuses a workload that the server does not name', async () => {
    const named: ServerTlsPlan = {
      ...ofMesh,
      sans: [{ match: 'exact', value: 'spiffe://cluster.local/ns/shop/sa/till', ignoreCase: false }],
    }
    const { port, record } = await ending(() => named, { connection: () => forward([]) }, await secretsOf(authority))
    const client = await dial(port, shownBy(await authority.issue(web, 60_000)))
    await until(() => client.isClosed, 'the end')
    expect(await record(0)).toMatchObject({ reason: { code: 'tls-failed' }, details: expect.stringContaining('verify_SAN_list') })
  })

  test('is renewed under open connections', async () => {
    const upstream = await echo()
    const secrets = await secretsOf(authority)
    const { port } = await ending(() => ofMesh, { connection: () => forward([upstream.target]) }, secrets)
    const shown = shownBy(await authority.issue(web, 60_000))
    const client = await dial(port, shown)
    const before = client.socket.getPeerCertificate().serialNumber
    for (const [name, secret] of await secretsOf(authority)) secrets.set(name, secret)
    const later = await dial(port, shown)
    expect(later.socket.getPeerCertificate().serialNumber).not.toBe(before)
    client.socket.write('still here')
    await until(() => client.text === 'still here', 'the echo')
    client.socket.destroy()
    later.socket.destroy()
  })

  test('from one data plane to the other, each knows the other', async () => {
    const upstream = await echo()
    const behind = await ending(() => ofMesh, { connection: () => forward([upstream.target]) }, await secretsOf(authority))
    const { chain, key } = await authority.issue(web, 60_000)
    const secrets = new Map<string, SecretMaterial>([
      ['default', { certificate: { chain, key } }],
      ['ROOTCA', { roots: authority.roots }],
    ])
    const tls = (namespace: string): TlsPlan => ({
      sni: 'a.test',
      autoSni: false,
      autoSan: false,
      certificate: { secret: 'default' },
      roots: { secret: 'ROOTCA' },
      sans: [{ kind: 'uri', match: 'prefix', value: `spiffe://cluster.local/ns/${namespace}/sa/`, ignoreCase: false }],
      alpn: ['istio'],
      ...versions,
    })
    const through = (namespace: string) =>
      plane(
        {
          connection: () =>
            forward([local(behind.port)], {
              cluster: { name: 'gw', gateway: true, proxyProtocol: false, tls: tls(namespace) },
              path: 'gateway',
            }),
        },
        { secret: (name) => secrets.get(name) },
      )
    const sidecar = await through('istio-system')
    const client = await dialPeer(sidecar.port)
    client.write('ping')
    await client.until('ping')
    client.socket.end()
    expect(await sidecar.record(0)).toMatchObject({
      source: { principal: 'spiffe://cluster.local/ns/shop/sa/web' },
      upstreamPrincipal: 'spiffe://cluster.local/ns/istio-system/sa/istio-egressgateway',
    })
    const elsewhere = await through('shop')
    const other = await dialPeer(elsewhere.port)
    expect(await other.untilEnd()).toBe('')
    expect(await elsewhere.record(0)).toMatchObject({ flag: 'UF,URX', details: expect.stringContaining('verify_SAN_list') })
  })
})

function shownBy({ chain, key }: { readonly chain: string; readonly key: string }): ConnectionOptions {
  return { cert: chain, key }
}
