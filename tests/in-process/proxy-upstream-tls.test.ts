// Proves with real TLS servers that TLS is begun as declared, that certificates are judged, and how failures are told.
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createSecureServer, type ServerHttp2Session } from 'node:http2'
import { createServer as createNetServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { TlsPlan } from '../../src/runtime/index.ts'
import { makeCertificates } from '../support/certificates.ts'
import {
  dialPeer,
  forward,
  http,
  listen,
  local,
  type Plane,
  portOf,
  type RuntimeParts,
  sniffThen,
  startOrigin,
  startPlane,
  until,
} from './proxy-kit.ts'

const folder = mkdtempSync(join(tmpdir(), 'upstream-tls-'))
const file = (name: string): string => join(folder, name)

beforeAll(async () => {
  await makeCertificates(folder, { origin: ['origin.example'], client: ['client.example'], wild: ['*.wild.example'] })
  await makeCertificates(file('other'), { origin: ['origin.example'] })
})

afterAll(() => rmSync(folder, { recursive: true }))

const open: { close(): unknown }[] = []

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

interface Met {
  readonly sni: string | false
  readonly alpn: string | false | null
  readonly isResumed: boolean
  readonly client: string | undefined
  /** In clear, ahead of the handshake. */
  text: string
}

interface SecureOrigin {
  readonly port: number
  readonly met: Met[]
}

interface OriginPlan {
  readonly name?: string
  readonly asksClient?: boolean
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
  readonly speaksFirst?: string
}

const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'

/** Answers a request head by `hi`, and everything else by what it got. */
async function secureOrigin(plan: OriginPlan = {}): Promise<SecureOrigin> {
  const name = plan.name ?? 'origin'
  const met: Met[] = []
  const sockets = new Set<TLSSocket>()
  const options = {
    key: readFileSync(file(`${name}.key`)),
    cert: readFileSync(file(`${name}.crt`)),
    ca: readFileSync(file('ca.crt')),
    requestCert: plan.asksClient ?? false,
    rejectUnauthorized: plan.asksClient ?? false,
    ALPNProtocols: ['h2', 'http/1.1'],
    allowHalfOpen: true,
    ...(plan.maxVersion && { maxVersion: plan.maxVersion }),
  }
  const server: Server = createServer(options, (socket) => {
    sockets.add(socket)
    const { alpnProtocol } = socket
    const seen: Met = {
      sni: 'servername' in socket && typeof socket.servername === 'string' ? socket.servername : false,
      alpn: alpnProtocol,
      isResumed: socket.isSessionReused(),
      client: plan.asksClient ? String(socket.getPeerCertificate().subject?.CN) : undefined,
      text: '',
    }
    met.push(seen)
    if (plan.speaksFirst !== undefined) socket.write(plan.speaksFirst)
    socket.on('data', (bytes) => {
      seen.text += bytes.toString('latin1')
      if (seen.text.includes('\r\n\r\n')) socket.write(answer)
      else socket.write(`got ${bytes.toString('latin1')}`)
    })
    socket.on('end', () => socket.end())
    socket.on('error', () => undefined)
  })
  server.on('tlsClientError', () => undefined)
  await listen(server)
  open.push({
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
  return { port: portOf(server), met }
}

const plainPlan: TlsPlan = { autoSni: true, autoSan: true, sans: [], alpn: [], minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' }
const trusting = (changes: Partial<TlsPlan> = {}): TlsPlan => ({ ...plainPlan, roots: file('ca.crt'), ...changes })

function toOrigin({ port }: SecureOrigin, tls: TlsPlan): ReturnType<typeof forward> {
  return forward([local(port)], { cluster: { name: 'outbound|80||origin.example', gateway: false, proxyProtocol: false, tls } })
}

async function plane(parts: RuntimeParts): Promise<Plane> {
  const started = await startPlane(parts)
  open.push(started)
  return started
}

const requests = (origin: SecureOrigin, tls: TlsPlan): Promise<Plane> =>
  plane({ connection: sniffThen(() => http), request: () => toOrigin(origin, tls) })

/** One request on a connection of its own. */
async function ask(port: number, host: string): Promise<string> {
  const client = await dialPeer(port)
  client.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
  return client.untilEnd()
}

describe('a request over TLS', () => {
  it('asks for the host by name, proves it, and offers HTTP/1.1', async () => {
    const origin = await secureOrigin()
    const { port, record } = await requests(origin, trusting())
    expect(await ask(port, 'Origin.Example:80')).toContain('200 OK')
    expect(origin.met).toMatchObject([{ sni: 'origin.example', alpn: 'http/1.1' }])
    expect(await record(0)).toMatchObject({ verdict: 'allow', status: 200, flag: '-', upstream: `127.0.0.1:${origin.port}` })
  })

  it('offers HTTP/2 alone where the cluster is spoken to in it', async () => {
    const pair = { key: readFileSync(file('origin.key')), cert: readFileSync(file('origin.crt')) }
    const server = createSecureServer(pair, (request, response) => response.end(`${request.httpVersion} ${request.authority}`))
    const sessions = new Set<ServerHttp2Session>()
    server.on('session', (session) => sessions.add(session))
    await listen(server)
    open.push({
      close: () => {
        for (const session of sessions) session.destroy()
        server.close()
      },
    })
    const cluster = { name: 'c', gateway: false, proxyProtocol: false, tls: trusting(), http2: { when: 'always' } } as const
    const { port } = await plane({ connection: sniffThen(() => http), request: () => forward([local(portOf(server))], { cluster }) })
    for (let round = 0; round < 2; round++) expect(await ask(port, 'origin.example')).toContain('2.0 origin.example')
    expect(sessions.size).toBe(1)
    expect(await ask(port, 'stranger.example')).toContain('503')
  })

  it('lets all who wait for a connection of HTTP/2 hear that it is not to be had, and nobody dial after the other', async () => {
    const dialled: Socket[] = []
    let isOver = false
    const silent = createNetServer((socket) => {
      dialled.push(socket.on('error', () => undefined))
      if (isOver) socket.destroy()
    })
    await listen(silent)
    open.push({
      close() {
        for (const socket of dialled) socket.destroy()
        silent.close()
      },
    })
    const cluster = { name: 'c', gateway: false, proxyProtocol: false, tls: trusting(), http2: { when: 'always' } } as const
    const { port, plane: proxy } = await plane({
      connection: sniffThen(() => http),
      request: () => forward([local(portOf(silent))], { cluster }),
    })
    const answers = Promise.all(Array.from({ length: 5 }, () => ask(port, 'origin.example')))
    await until(() => dialled.length > 0 && proxy.counters.active === 5, 'five requests under way')
    isOver = true
    dialled[0]?.destroy()
    for (const text of await answers) expect(text).toContain('503')
    // That is as often as one request tries.
    expect(dialled).toHaveLength(3)
  })

  it('shares connections between requests for one host, and never between hosts', async () => {
    const origin = await secureOrigin({ name: 'wild' })
    const { port } = await requests(origin, trusting())
    for (const host of ['a.wild.example', 'a.wild.example', 'b.wild.example']) expect(await ask(port, host)).toContain('200 OK')
    expect(origin.met.map(({ sni }) => sni)).toEqual(['a.wild.example', 'b.wild.example'])
  })

  const failures: Record<string, { readonly tls: () => TlsPlan; readonly host?: string; readonly words: string }> = {
    'a certificate of somebody unknown': {
      tls: () => trusting({ roots: file('other/ca.crt') }),
      words: 'CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_X509_verify_cert:_certificate_verification_error',
    },
    'the bundle of the system, which does not know it': { tls: () => trusting({ roots: 'system' }), words: 'CERTIFICATE_VERIFY_FAILED' },
    'a certificate for another name': {
      tls: () => trusting(),
      host: 'stranger.example',
      words: 'verify_SAN_list,_expected_SANs:_[stranger.example],_certificate_SANs:_[origin.example]',
    },
    'none of the names that are declared': {
      tls: () => trusting({ sans: [{ match: 'exact', value: 'x.example', ignoreCase: false }] }),
      words: 'expected_SANs:_[x.example]',
    },
    'a server name that the certificate does not have': {
      tls: () => trusting({ sni: 'x.example', autoSni: false, autoSan: false }),
      words: '[x.example]',
    },
    'a file that is not there': { tls: () => trusting({ roots: file('none.crt') }), words: 'Secret_is_not_supplied_by_SDS' },
  }
  for (const [name, { tls, host = 'origin.example', words }] of Object.entries(failures)) {
    it(`is answered 503 UF, and not sent: ${name}`, async () => {
      const origin = await secureOrigin()
      const { port, record, closed } = await requests(origin, tls())
      expect(await ask(port, host)).toMatch(/503 Service Unavailable[^]*reset reason: remote connection failure/)
      expect((await record(0)).flag).toMatch(/UF/)
      expect((await record(0)).details).toContain('upstream_reset_before_response_started{remote_connection_failure|TLS_error:')
      expect((await record(0)).details).toContain(words)
      expect(closed[0]?.access?.transportFailure).toContain(words)
      expect(origin.met.map(({ text }) => text).join('')).toBe('')
    })
  }

  it('takes any certificate only where it is told to', async () => {
    const origin = await secureOrigin()
    const { port } = await requests(origin, { ...plainPlan, autoSan: false })
    expect(await ask(port, 'stranger.example')).toContain('200 OK')
  })

  it('takes a declared name instead of the host', async () => {
    const origin = await secureOrigin()
    const { port } = await requests(origin, trusting({ sni: 'origin.example', autoSni: false, autoSan: false }))
    expect(await ask(port, 'anything.example')).toContain('200 OK')
    expect(origin.met).toMatchObject([{ sni: 'origin.example' }])
  })

  it('is not spoken to a server that speaks plain', async () => {
    const origin = await plainOrigin()
    const { port, record } = await requests(origin, trusting())
    expect(await ask(port, 'origin.example')).toContain('503')
    expect((await record(0)).details).toContain('TLS_error:|SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER')
  })

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`resumes sessions of ${maxVersion}, for the same host only`, async () => {
      const origin = await secureOrigin({ name: 'wild', maxVersion })
      const tls = trusting()
      const oneEach = { ...toOrigin(origin, tls).cluster, pool: { requestsPerConnection: 1 } }
      const { port } = await plane({ connection: sniffThen(() => http), request: () => ({ ...toOrigin(origin, tls), cluster: oneEach }) })
      for (const host of ['a.wild.example', 'a.wild.example', 'b.wild.example']) expect(await ask(port, host)).toContain('200 OK')
      expect(origin.met.map(({ isResumed }) => isResumed)).toEqual([false, true, false])
    })
  }
})

/** Answers whatever comes in clear. */
async function plainOrigin(): Promise<SecureOrigin> {
  const started = await startOrigin(
    (peer) => void peer.socket.once('data', () => peer.write('HTTP/1.1 400 Bad Request\r\n\r\n').socket.end()),
  )
  open.push(started)
  return { port: started.port, met: [] }
}

describe('a certificate of our own', () => {
  const mutual = (): TlsPlan => trusting({ certificate: { chain: file('mine.crt'), key: file('mine.key') } })
  const use = (name: string): void => {
    for (const ending of ['crt', 'key']) {
      copyFileSync(file(`${name}.${ending}`), file(`next.${ending}`))
      renameSync(file(`next.${ending}`), file(`mine.${ending}`))
    }
  }

  it('is shown, and read again when its files change, whole or not at all', async () => {
    use('client')
    const origin = await secureOrigin({ asksClient: true })
    const tls = mutual()
    const oneEach = { ...toOrigin(origin, tls).cluster, pool: { requestsPerConnection: 1 } }
    const { port } = await plane({ connection: sniffThen(() => http), request: () => ({ ...toOrigin(origin, tls), cluster: oneEach }) })
    expect(await ask(port, 'origin.example')).toContain('200 OK')
    // Half of a new pair is no pair: the old one serves on.
    writeFileSync(file('mine.crt'), 'no certificate')
    // Files are looked at once a second.
    await new Promise((resolve) => setTimeout(resolve, 1100))
    expect(await ask(port, 'origin.example')).toContain('200 OK')
    use('wild')
    await eventually(async () => (await ask(port, 'origin.example')) !== '' && origin.met.at(-1)?.client === '*.wild.example')
    expect(origin.met.slice(0, 2).map(({ client }) => client)).toEqual(['client.example', 'client.example'])
  })

  it('that is missing is the origin’s to refuse', async () => {
    const origin = await secureOrigin({ asksClient: true, maxVersion: 'TLSv1.2' })
    const { port, record } = await requests(origin, trusting())
    expect(await ask(port, 'origin.example')).toContain('503')
    expect((await record(0)).flag).toMatch(/UF/)
  })
})

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  await expect.poll(condition, { timeout: 5000, interval: 100 }).toBe(true)
}

describe('a connection over TLS', () => {
  it('carries what either side says, and half-closes', async () => {
    const origin = await secureOrigin({ speaksFirst: 'hello ' })
    const { port, record } = await plane({ connection: () => toOrigin(origin, trusting({ host: 'origin.example' })) })
    const client = await dialPeer(port)
    await client.until('hello ')
    client.write('one')
    await client.until('got one')
    client.socket.end()
    expect(await client.untilEnd()).toBe('hello got one')
    expect(origin.met).toMatchObject([{ sni: 'origin.example', alpn: false, text: 'one' }])
    expect(await record(0)).toMatchObject({ verdict: 'allow', flag: '-', bytesSent: 3, bytesReceived: 13 })
  })

  it('carries much, both ways, and loses nothing', async () => {
    const origin = await secureOrigin({ speaksFirst: 'x'.repeat(3_000_000) })
    const { port } = await plane({ connection: () => toOrigin(origin, trusting({ host: 'origin.example' })) })
    const client = await dialPeer(port)
    client.write('y'.repeat(500_000))
    await until(() => client.bytes >= 3_000_000 && (origin.met[0]?.text.length ?? 0) >= 500_000, 'all bytes')
    expect(origin.met[0]?.text).toBe('y'.repeat(500_000))
  })

  it('is refused when the certificate is for another, after one attempt', async () => {
    const origin = await secureOrigin()
    const { port, record } = await plane({ connection: () => toOrigin(origin, trusting({ host: 'stranger.example' })) })
    const client = await dialPeer(port)
    client.write('secret')
    expect(await client.untilEnd()).toBe('')
    expect(await record(0)).toMatchObject({ flag: 'UF,URX' })
    expect((await record(0)).details).toContain('expected_SANs:_[stranger.example]')
    expect(origin.met.map(({ text }) => text).join('')).toBe('')
  })

  it('is cut when it is to be made in another way, and lives on when nothing changes', async () => {
    const origin = await secureOrigin({ speaksFirst: 'hello ' })
    const started = await plane({ connection: () => toOrigin(origin, trusting({ host: 'origin.example' })) })
    const client = await dialPeer(started.port)
    await client.until('hello ')
    started.set({ connection: () => toOrigin(origin, trusting({ host: 'origin.example' })) })
    client.write('one')
    await client.until('got one')
    started.set({ connection: () => toOrigin(origin, trusting({ host: 'origin.example', sni: 'other.example' })) })
    await client.untilClosed()
    expect(await started.record(0)).toMatchObject({ verdict: 'deny', details: 'policy_changed', bytesSent: 3 })
  })
})
