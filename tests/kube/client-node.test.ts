// The API of `sallyport serve` as programs use it, by `@kubernetes/client-node`: informers, server-side apply, exec and logs.
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import {
  ApiException,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  type KubernetesObject,
  Log,
  makeInformer,
  PatchStrategy,
  type V1Status,
} from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Joined, runJoined } from './joined-run.ts'
import { type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

interface ServiceEntry extends KubernetesObject {
  readonly spec: { readonly hosts: readonly string[]; readonly location?: string; readonly ports?: readonly object[] }
}

const apiVersion = 'networking.istio.io/v1'
const data = temporaryDirectory()
const state = temporaryDirectory()
const poll = { timeout: 20_000 }
let api: ServedApi
let workload: Joined
let config: KubeConfig
let objects: KubernetesObjectApi

beforeAll(async () => {
  api = await serveApi(data.path)
  // It takes its time to come up, while the others are asked.
  workload = runJoined({ data: data.path, state: state.path }, ['--name', 'web'], ['sh', '-c', 'echo one; echo two; exec sleep 300'])
  config = new KubeConfig()
  config.loadFromFile(join(data.path, 'kubeconfig'))
  objects = KubernetesObjectApi.makeApiClient(config)
})
afterAll(async () => {
  workload.kill('SIGKILL')
  await workload.ended
  await api.kill('SIGTERM')
  for (const folder of [data, state]) folder.remove()
})

const entry = (name: string, host: string, more: Partial<ServiceEntry['spec']> = {}): ServiceEntry => ({
  apiVersion,
  kind: 'ServiceEntry',
  metadata: { name, namespace: 'default' },
  spec: { hosts: [host], ports: [{ number: 443, name: 'tls', protocol: 'TLS' }], ...more },
})

/** What only one manager sets. */
const located = (location: string): ServiceEntry => entry('applied', 'applied.example', { location })

describe('server-side apply', () => {
  const apply = (object: ServiceEntry, manager: string, force?: boolean): Promise<ServiceEntry> =>
    objects.patch(object, undefined, undefined, manager, force, PatchStrategy.ServerSideApply)

  it('makes what is not there, and refuses another manager what it does not own, unless that is forced', { retry: 0 }, async () => {
    expect((await apply(located('MESH_EXTERNAL'), 'first')).spec.location).toBe('MESH_EXTERNAL')
    const conflict: unknown = await apply(located('MESH_INTERNAL'), 'second').catch((error: unknown) => error)
    if (!(conflict instanceof ApiException)) throw new Error('it was taken')
    expect(conflict.code).toBe(409)
    expect(conflict.body).toContain('conflict with \\"first\\"')
    const forced = await apply(located('MESH_INTERNAL'), 'second', true)
    expect(forced.spec.location).toBe('MESH_INTERNAL')
    // The server may have written what became of it by now.
    const declaring = forced.metadata?.managedFields?.filter(({ subresource }) => subresource !== 'status')
    expect(declaring?.map(({ manager }) => manager).toSorted()).toEqual(['first', 'second'])
  })
})

describe('an informer', () => {
  it('is told what comes, changes and goes, and after a restart of the server what it has missed', { retry: 0 }, async () => {
    const told: string[] = []
    let lost: unknown
    const list = () => objects.list<ServiceEntry>(apiVersion, 'ServiceEntry', 'default')
    const informer = makeInformer<ServiceEntry>(config, `/apis/${apiVersion}/namespaces/default/serviceentries`, list)
    // What the server writes into the status makes no new generation.
    const generations = new Map<string | undefined, number | undefined>()
    for (const verb of ['add', 'update', 'delete'] as const)
      informer.on(verb, ({ metadata, spec }) => {
        if (verb !== 'update' || generations.get(metadata?.uid) !== metadata?.generation)
          told.push(`${verb} ${metadata?.name} ${spec.hosts.join()}`)
        generations.set(metadata?.uid, metadata?.generation)
      })
    informer.on('error', (error: unknown) => void (lost = error))
    const tells = async (...lines: readonly string[]): Promise<void> => {
      await expect.poll(() => told, poll).toEqual(lines)
      told.length = 0
    }
    await objects.create(entry('a', 'a.example'))
    await informer.start()
    await tells('add a a.example', 'add applied applied.example')
    await objects.create(entry('b', 'b.example'))
    // As every program has it: read again where the server was faster.
    const replaced = async (): Promise<unknown> =>
      objects.replace({ ...(await objects.read<ServiceEntry>(header('a'))), spec: entry('a', 'a2.example').spec })
    await expect.poll(() => replaced().then(() => 'replaced', String), poll).toBe('replaced')
    await objects.delete(entry('a', ''))
    await tells('add b b.example', 'update a a2.example', 'delete a a2.example')

    const { host } = new URL(api.url)
    await api.kill('SIGKILL')
    await expect.poll(() => lost, poll).toBeDefined()
    api = await serveApi(data.path, { listen: host })
    await objects.delete(entry('b', ''))
    await objects.create(entry('c', 'c.example'))
    // The version that it knows is of before the restart: it is told so, and lists again.
    await informer.start()
    await tells('delete b b.example', 'add c c.example')
    await objects.delete(entry('c', ''))
    await tells('delete c c.example')
    expect(informer.list('default').map(({ metadata }) => metadata?.name)).toEqual(['applied'])
    await informer.stop()
  })
})

describe('a workload that has joined', () => {
  /** The process has lost its server for a moment, and is a Pod as soon as it is back. */
  const logs = async (): Promise<string> => {
    const stream = new PassThrough()
    await new Log(config).log('default', 'web', 'web', stream, { tailLines: 1 })
    return text(stream)
  }

  it('has its logs read', { retry: 0 }, async () => {
    await expect.poll(() => logs().catch(String), poll).toBe('two\n')
  })

  it('executes something that reads, writes to both streams, and has an exit code', { retry: 0 }, async () => {
    const { out, err, status } = await execute(['sh', '-c', 'cat; echo seen >&2; exit 7'], 'sent')
    expect([out, err]).toEqual(['sent', 'seen\n'])
    expect(status).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '7' }] },
    })
  })

  it('executes something that succeeds', { retry: 0 }, async () => {
    expect(await execute(['cat', '/etc/resolv.conf'], '')).toMatchObject({
      out: expect.stringContaining('every question goes to the sidecar'),
      status: { status: 'Success' },
    })
  })
})

interface Executed {
  readonly out: string
  readonly err: string
  readonly status: V1Status
}

async function execute(command: readonly string[], input: string): Promise<Executed> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const said = Promise.all([text(stdout), text(stderr)])
  const status = await new Promise<V1Status>((resolve, reject) => {
    const stdin = Readable.from([Buffer.from(input)])
    new Exec(config).exec('default', 'web', 'web', [...command], stdout, stderr, stdin, false, resolve).catch(reject)
  })
  const [out, err] = await said
  return { out, err, status }
}

function header(name: string): { apiVersion: string; kind: string; metadata: { name: string; namespace: string } } {
  return { apiVersion, kind: 'ServiceEntry', metadata: { name, namespace: 'default' } }
}
