// Holds what a change of the declarations does to live traffic, and what it leaves alone; and what becomes of traffic whose other end fails.
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { documents, serviceEntry } from '../support/declare.ts'
import { envoyNamed, whatWasSent } from '../support/envoy-admin.ts'
import { findEnvoy } from '../support/envoy.ts'
import { bundled } from '../support/outside-servers.ts'
import type { Probe, ProbeReport } from '../support/probe.ts'
import { expectFlowsBalanced, openFolder, startSidecar } from '../support/sidecar.ts'
import type { Sidecar, SidecarPlan } from '../support/sidecar.ts'
import { openWorkload } from '../support/workload.ts'
import { StandardWorld } from '../support/standard-world.ts'

const admin = '127.0.0.1:15021'

const stand = new StandardWorld()
const folder = openFolder()

afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Played {
  readonly sidecar: Sidecar
  readonly play: (probe: Probe) => Promise<ProbeReport>
  /** The status of one request on a connection of its own. */
  readonly get: (host: string, port?: number, headers?: readonly (readonly [string, string])[]) => Promise<number | string>
}

/** Plays a script against a sidecar, ends both, and holds them to one record a flow. */
async function withSidecar(plan: Omit<SidecarPlan, 'command'>, script: (played: Played) => Promise<void>): Promise<void> {
  const options = ['--admin', admin, ...(plan.options ?? [])]
  const sidecar = startSidecar(stand.w1, { ...plan, options, command: [process.execPath, bundled('test-probe.js')] })
  const workload = await openWorkload(sidecar.running)
  const play = (probe: Probe): Promise<ProbeReport> => workload.play(probe)
  try {
    await script({
      sidecar,
      play,
      async get(host, port = 80, headers = []) {
        const answer = await play({ id: 'get', kind: 'http', dial: `${host}:${port}`, headers: [['Host', host], ...headers], timeout: 15 })
        return 'many' in answer ? 'many' : (answer.status ?? answer.outcome)
      },
    })
  } finally {
    await workload.end()
    await sidecar.finish()
  }
}

/** Declarations in the hands of another process, `sallyport serve`. */
async function serve(text: string) {
  const policy = join(folder, 'served.yaml')
  const xds = join(folder, 'served.sock')
  const declare = (next: string): void => writeFileSync(policy, next)
  declare(text)
  const serving = stand.w1.spawn(process.execPath, [bundled('bin.js'), 'serve', '-f', policy, '--outbound', 'REGISTRY_ONLY', '--xds', xds])
  await serving.says('configuration at')
  return {
    plan: { xds, options: ['--state-dir', join(folder, 'served-state')] },
    declare,
    async close() {
      serving.signal('SIGTERM')
      expect(await serving.ended).toMatchObject({ code: 0 })
    },
  }
}

const envoy = findEnvoy()
const engines = envoy === undefined && process.env['CI'] !== 'true' ? ['our proxy'] : ['our proxy', 'stock Envoy']

/** Of a sidecar that is called `moved`. */
function optionsOf(engine: string): readonly string[] {
  return engine === 'our proxy' ? [] : ['--name', 'moved', '--engine', 'envoy', '--envoy-path', envoy?.path ?? '']
}

async function sentTo(engine: string): Promise<string> {
  const folder = engine === 'our proxy' ? undefined : envoyNamed('moved')
  if (engine !== 'our proxy') expect(folder).toBeDefined()
  return folder === undefined ? '' : whatWasSent(folder)
}

const webSocket = (host: string): string =>
  `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
const keepAlive = (host: string): string => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`
const d2iq = serviceEntry({ host: 'd2iq.com', port: 80, protocol: 'HTTP' })
const plain = serviceEntry({ host: 'plain.example.test', port: 80, protocol: 'HTTP' })
const echo = serviceEntry({ host: 'tcp-a.example.test', port: 7000, protocol: 'TCP' })
const otherEcho = serviceEntry({ host: 'tcp-b.example.test', port: 7000, protocol: 'TCP' })

describe('a change', () => {
  test.each(['files', 'a server'].flatMap((from) => engines.map((engine) => [from, engine] as const)))(
    'of lines alone, above a thousand entries of %s, touches no connection of %s, and records tell the new lines',
    async (from, engine) => {
      const many = Array.from({ length: 997 }, (_, index) =>
        serviceEntry({ host: `h${index}.many.test`, port: 443, protocol: 'TLS', resolution: 'STATIC', endpoints: ['203.0.113.50'] }),
      )
      const before = documents(...many, d2iq, echo, d2iq.replace('number: 80', 'number: 8888').replace('name: d2iq-com', 'name: sockets'))
      const served = from === 'files' ? undefined : await serve(before)
      const { options = [], ...plan } = served?.plan ?? { declarations: before }
      await withSidecar({ ...plan, options: [...options, ...optionsOf(engine)] }, async ({ sidecar, play, get }) => {
        expect(await play({ id: 'socket', kind: 'hold', dial: 'd2iq.com:8888', send: webSocket('d2iq.com:8888') })).toMatchObject({
          status: 101,
        })
        expect(await play({ id: 'tcp', kind: 'hold', dial: 'tcp-a.example.test:7000', send: 'one\n' })).toMatchObject({
          outcome: 'answered',
        })
        await play({ id: 'http', kind: 'hold', dial: 'd2iq.com:80', send: keepAlive('d2iq.com') })
        const line = await recordedLine(sidecar, get)
        const sent = await sentTo(engine)
        const declare = served?.declare ?? ((text) => sidecar.declare(text))
        declare(`${'# nothing\n'.repeat(10)}${before}`)
        await expect.poll(() => recordedLine(sidecar, get), { timeout: 20_000 }).toBe(line + 10)
        expect(await play({ id: 'a', kind: 'held', of: 'tcp', send: 'two\n' })).toMatchObject({ outcome: 'answered' })
        expect(await play({ id: 'b', kind: 'held', of: 'http', send: keepAlive('d2iq.com') })).toMatchObject({ status: 200 })
        expect(await play({ id: 'c', kind: 'held', of: 'socket', send: 'three' })).toMatchObject({ outcome: 'answered' })
        expect(await sentTo(engine)).toBe(sent)
        expect(sidecar.records().filter(({ details }) => details !== 'via_upstream' && details !== undefined)).toEqual([])
      })
      await served?.close()
    },
  )

  test('cuts the live connection that it forbids, and no other', async () => {
    await withSidecar({ declarations: documents(echo, otherEcho, d2iq, plain) }, async ({ sidecar, play }) => {
      const hold = (id: string, dial: string, send: string) => play({ id, kind: 'hold', dial, send })
      const again = (of: string, send: string) => play({ id: 'again', kind: 'held', of, send, timeout: 2 })
      await hold('a', 'tcp-a.example.test:7000', 'one\n')
      await hold('b', 'tcp-b.example.test:7000', 'one\n')
      await hold('c', 'd2iq.com:80', keepAlive('d2iq.com'))
      await hold('d', 'plain.example.test:80', keepAlive('plain.example.test'))
      sidecar.declare(documents(otherEcho, plain))
      await expect
        .poll(() => sidecar.records().filter(({ kind }) => kind === 'connection'), { timeout: 5000 })
        .toContainEqual(expect.objectContaining({ host: 'tcp-a.example.test', verdict: 'deny', details: 'policy_changed', bytesSent: 4 }))
      expect(await again('a', 'two\n')).toMatchObject({ outcome: 'closed' })
      expect(await again('b', 'two\n')).toMatchObject({ outcome: 'answered' })
      // HTTP is judged request by request.
      expect(await again('c', keepAlive('d2iq.com'))).toMatchObject({ status: 403 })
      expect(await again('d', keepAlive('plain.example.test'))).toMatchObject({ status: 200 })
    })
  })

  test('of what a Sidecar shows cuts what it hides, names the Sidecar, and gives it back', async () => {
    const all = documents(echo, otherEcho, d2iq, plain)
    const shows = (hosts: readonly string[]): string =>
      JSON.stringify({
        apiVersion: 'networking.istio.io/v1',
        kind: 'Sidecar',
        metadata: { name: 'narrow', namespace: 'default' },
        spec: { egress: [{ hosts }] },
      })
    await withSidecar({ declarations: all }, async ({ sidecar, play, get }) => {
      await play({ id: 'a', kind: 'hold', dial: 'tcp-a.example.test:7000', send: 'one\n' })
      await play({ id: 'b', kind: 'hold', dial: 'tcp-b.example.test:7000', send: 'one\n' })
      sidecar.declare(documents(all, shows(['./tcp-b.example.test', './plain.example.test'])))
      const cut = {
        host: 'tcp-a.example.test',
        details: 'policy_changed',
        reason: { code: 'not-visible' },
        by: { kind: 'Sidecar', name: 'narrow' },
      }
      await expect.poll(() => sidecar.records().find(({ details }) => details === 'policy_changed'), { timeout: 5000 }).toMatchObject(cut)
      expect(await play({ id: 'again', kind: 'held', of: 'b', send: 'two\n' })).toMatchObject({ outcome: 'answered' })
      expect([await get('plain.example.test'), await get('d2iq.com')]).toEqual([200, 403])
      sidecar.declare(documents(all, shows(['./*'])))
      await expect.poll(() => get('d2iq.com'), { timeout: 5000 }).toBe(200)
    })
  })

  test('that is not valid leaves the last good version in force, and its place is told', async () => {
    await withSidecar({ declarations: documents(d2iq, plain) }, async ({ sidecar, get }) => {
      expect(await get('plain.example.test')).toBe(200)
      sidecar.declare(documents(d2iq.replace('resolution: DNS', 'resolution: DSN'), echo))
      await sidecar.running.says('did you mean')
      expect(sidecar.running.stderr()).toMatch(/policy\.yaml:7:15/)
      // The valid document beside it counts: what it does not hold any more is gone.
      await expect.poll(() => get('plain.example.test'), { timeout: 5000 }).toBe(403)
      expect(await get('d2iq.com')).toBe(200)
      sidecar.declare(documents(d2iq, plain))
      await expect.poll(() => get('plain.example.test'), { timeout: 5000 }).toBe(200)
    })
  })

  const dances: Record<string, (file: string, text: string) => Promise<void> | void> = {
    'by writing over it': (file, text) => writeFileSync(file, text),
    'by writing it piece by piece': async (file, text) => {
      writeFileSync(file, '')
      for (let at = 0; at < text.length; at += Math.ceil(text.length / 7)) {
        appendFileSync(file, text.slice(at, at + Math.ceil(text.length / 7)))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
    'by a new file in its place, as sed does': (file, text) => {
      writeFileSync(join(folder, 'sedXYZ'), text)
      renameSync(join(folder, 'sedXYZ'), file)
    },
    'by moving it away first, as vi does': (file, text) => {
      writeFileSync(join(file, '../4913'), '')
      rmSync(join(file, '../4913'))
      renameSync(file, `${file}~`)
      writeFileSync(file, text)
      rmSync(`${file}~`)
    },
    'by a link that is turned, as kubelet does': (file, text) => {
      const data = mkdtempSync(join(folder, '..data-'))
      writeFileSync(join(data, 'entry.yaml'), text)
      symlinkSync(join(data, 'entry.yaml'), `${file}.link`)
      renameSync(`${file}.link`, file)
    },
  }
  test('is noticed however the file is written, and nothing that stays is ever refused meanwhile', async () => {
    const place = mkdtempSync(join(folder, 'watched-'))
    const file = join(place, 'entry.yaml')
    writeFileSync(file, documents(d2iq, otherEcho))
    await withSidecar({ options: ['-f', place] }, async ({ sidecar, play, get }) => {
      await play({ id: 'kept', kind: 'hold', dial: 'tcp-b.example.test:7000', send: 'one\n' })
      let isDeclared = false
      for (const [name, dance] of Object.entries(dances)) {
        isDeclared = !isDeclared
        await dance(file, documents(d2iq, otherEcho, ...(isDeclared ? [plain] : [])))
        const settled = async (): Promise<unknown> => {
          expect(await get('d2iq.com'), name).toBe(200)
          return get('plain.example.test')
        }
        await expect.poll(settled, { timeout: 5000, message: name }).toBe(isDeclared ? 200 : 403)
      }
      expect(await play({ id: 'again', kind: 'held', of: 'kept', send: 'two\n' })).toMatchObject({ outcome: 'answered' })
      expect(sidecar.records().filter(({ host, verdict }) => host === 'd2iq.com' && verdict === 'deny')).toEqual([])
    })
  })

  test('goes on with what it had while its folder is away, and reads it when it returns', async () => {
    const place = mkdtempSync(join(folder, 'vanishing-'))
    writeFileSync(join(place, 'entry.yaml'), d2iq)
    await withSidecar({ options: ['-f', place] }, async ({ sidecar, get }) => {
      expect(await get('d2iq.com')).toBe(200)
      rmSync(place, { recursive: true })
      await sidecar.running.says('SLP1007')
      expect(await get('d2iq.com')).toBe(200)
      mkdirSync(place)
      writeFileSync(join(place, 'entry.yaml'), plain)
      await expect.poll(() => get('plain.example.test'), { timeout: 8000 }).toBe(200)
      await expect.poll(() => get('d2iq.com'), { timeout: 8000 }).toBe(403)
    })
  })
})

test('a gateway whose port is taken says so with a remedy, and serves once the port is free', async () => {
  const gw = stand.node('gw')
  const taken = gw.spawn('busybox', ['httpd', '-f', '-p', '198.18.0.20:8080', '-h', folder])
  const inputs = ['common.yaml', 'a01-d2iq-4-gateway/input.yaml'].map((name) => join(import.meta.dirname, '../oracle/testdata', name))
  const files = inputs.flatMap((path) => ['-f', path])
  const place = [
    'gateway',
    '-l',
    'istio=egressgateway',
    '-l',
    'app=istio-egressgateway',
    '--from',
    '198.18.0.0/24',
    '--admin',
    admin,
    '--resolver',
    '198.18.0.1',
  ]
  const gateway = gw.spawn(process.execPath, [bundled('bin.js'), ...place, ...files])
  await expect.poll(() => gateway.stderr()).toMatch(/8080.*(in use|EADDRINUSE).*\n?/)
  // The admin server is bound on its own, and may come later than the first attempt at the port.
  const why = async (): Promise<string> => (await gw.exec('curl', ['-sS', '-m', '2', `http://${admin}/ready`])).stdout
  await expect.poll(why, { timeout: 10_000 }).toContain('8080')
  taken.signal('SIGKILL')
  const ready = async (): Promise<number | null> => (await gw.exec('curl', ['-fsS', '-m', '2', `http://${admin}/ready`])).code
  await expect.poll(ready, { timeout: 10_000 }).toBe(0)
  await withSidecar({ declarations: inputs.map((path) => readFileSync(path, 'utf8')).join('---\n') }, async ({ sidecar, get }) => {
    expect(await get('d2iq.com')).toBe(200)
    await expect.poll(() => sidecar.records()).toContainEqual(expect.objectContaining({ path: 'gateway', upstream: '198.18.0.20:8080' }))
  })
  await expectFlowsBalanced(gw, admin)
  gateway.signal('SIGTERM')
  expect(await gateway.ended).toMatchObject({ code: 0 })
})

describe('an origin', () => {
  const entry = (host: string, port: number): string => serviceEntry({ host, port, protocol: 'HTTP' })
  const impatient = (host: string): string => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: impatient, namespace: default}
spec: {host: ${host}, trafficPolicy: {connectionPool: {tcp: {connectTimeout: 300ms}}}}
`
  const declarations = documents(
    d2iq,
    entry('plain.example.test', 81),
    entry('other.example.test', 5432),
    entry('dead.example.test', 80),
    impatient('dead.example.test'),
    entry('failing.example.test', 80),
    entry('lying.example.test', 80),
  )
  const cases: Record<string, { get: Parameters<Played['get']>; gives: number | string; record: object }> = {
    'that answers is passed on': { get: ['d2iq.com'], gives: 200, record: { verdict: 'allow', flag: '-', status: 200 } },
    'that refuses the connection': {
      get: ['plain.example.test', 81],
      gives: 503,
      record: { verdict: 'allow', flag: expect.stringMatching(/\bUF\b/), status: 503 },
    },
    'that resets amid the request': {
      get: ['d2iq.com', 80, [['x-world-reset', '1']]],
      gives: 503,
      record: { verdict: 'allow', flag: 'UC', status: 503 },
    },
    'that closes amid the body': {
      get: ['d2iq.com', 80, [['x-world-half', '1']]],
      gives: 200,
      record: { verdict: 'allow', status: 200, flag: expect.stringMatching(/^(UC|UPE|DPE)$/) },
    },
    'that speaks no HTTP': {
      get: ['other.example.test', 5432],
      gives: 502,
      record: { verdict: 'allow', flag: 'UPE', status: 502 },
    },
    'that cannot be reached': {
      get: ['dead.example.test'],
      gives: 503,
      record: { verdict: 'allow', flag: expect.stringMatching(/\bUF\b/), status: 503 },
    },
    'whose name cannot be resolved': {
      get: ['failing.example.test'],
      gives: 503,
      record: { verdict: 'deny', reason: expect.objectContaining({ code: 'name-unresolved' }) },
    },
    'whose name leads to this machine': {
      get: ['lying.example.test'],
      gives: 403,
      record: { verdict: 'deny', reason: expect.objectContaining({ code: 'private-address' }) },
    },
  }

  test('that fails is told to the client and in the record, each in its way', async () => {
    await withSidecar({ declarations }, async ({ sidecar, get }) => {
      const found: Record<string, unknown> = {}
      for (const [name, each] of Object.entries(cases)) {
        const known = new Set(sidecar.records().map(({ id }) => id))
        const gives = await get(...each.get)
        const fresh = () => sidecar.records().filter(({ id, kind }) => kind === 'request' && !known.has(id))
        await expect.poll(() => fresh().length, { message: name }).toBe(1)
        found[name] = { gives, record: fresh()[0] }
      }
      const wanted = Object.fromEntries(Object.entries(cases).map(([name, { gives, record }]) => [name, { gives, record }]))
      expect(found).toMatchObject(wanted)
    })
  })
})

/** The line of the declaration in the record of the request that is made for it. */
async function recordedLine(sidecar: Sidecar, get: Played['get']): Promise<number> {
  const count = sidecar.records().length
  expect(await get('d2iq.com')).toBe(200)
  await expect.poll(() => sidecar.records().length).toBeGreaterThan(count)
  return sidecar.records().findLast(({ kind }) => kind === 'request')?.by?.line ?? 0
}
