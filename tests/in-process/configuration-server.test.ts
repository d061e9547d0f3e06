// Holds what `sallyport serve` sends for files that change: to each node its own, and to nobody what has not changed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startServer } from '../../src/main/configuration-server.ts'
import { typeUrls, writeNode } from '../../src/xds/index.ts'
import { DeltaClient, type Heard } from './ads-kit.ts'

const { cluster, endpoint, extension, listener, route } = typeUrls
const traffic = [cluster, endpoint, listener, route]

test('a change of one entry sends that entry, and a file that is not valid nothing', async () => {
  const { write, client } = await started(entries(20))
  const { heard } = await settled(client(), traffic)
  expect(heard.get(cluster)?.names).toContain('outbound|443||host-7.example.test')
  const follower = client()
  await settled(follower, [cluster])
  write(entries(20).replace('host-7.example.test', 'other.example.test'))
  expect((await follower.accept()).names).toEqual(['outbound|443||other.example.test'])
  expect((await follower.accept()).removed).toEqual(['outbound|443||host-7.example.test'])
  write(`${entries(20)}\n---\nkind: ServiceEntry\napiVersion: networking.istio.io/v1\nmetadata: {name: broken}\nspec: {hosts: 7}\n`)
  write(entries(21))
  expect((await follower.accept()).names).toContain('outbound|443||host-20.example.test')
})

const agents = ['sallyport', 'envoy']

test.each(agents)(
  'a comment before a thousand entries moves their places, and nothing that traffic is judged by, for %s',
  { timeout: 60_000 },
  async (name) => {
    const { write, client } = await started(entries(1000))
    const engine = client()
    const node = writeNode({ role: 'sidecar', name: 'web', namespace: 'default', labels: {}, agent: { name, version: '1' } })
    await settled(engine, traffic, node)
    const records = client()
    await settled(records, [extension], node)
    write(`# One line.\n# Another.\n${entries(1000)}`)
    const moved: string[] = []
    while (moved.length < 1000) moved.push(...(await records.accept()).names)
    expect(moved.filter((name) => !name.startsWith('origin/ServiceEntry/'))).toEqual([])
    engine.subscribe(typeUrls.secret, 'none')
    expect((await engine.accept()).removed).toEqual(['none'])
    expect(engine.unheard).toEqual([])
  },
)

describe('nodes', () => {
  const twoNamespaces = `${entries(1)}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: private, namespace: shop}
spec:
  exportTo: [.]
  hosts: [private.example.test]
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: narrow, namespace: shop}
spec:
  workloadSelector: {labels: {app: narrow}}
  egress: [{hosts: [./private.example.test]}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: istio-system}
spec:
  selector: {istio: egressgateway}
  servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]
`
  const nodes: Record<
    string,
    { readonly node: ReturnType<typeof writeNode>; readonly has: readonly string[]; readonly hasNot: readonly string[] }
  > = {
    'another namespace does not see what is private': {
      node: writeNode({ role: 'sidecar', name: 'web', namespace: 'front', labels: {} }),
      has: ['outbound|443||host-0.example.test', 'virtualOutbound'],
      hasNot: ['outbound|443||private.example.test'],
    },
    'its own namespace does': {
      node: writeNode({ role: 'sidecar', name: 'web', namespace: 'shop', labels: {} }),
      has: ['outbound|443||host-0.example.test', 'outbound|443||private.example.test'],
      hasNot: [],
    },
    'labels select a Sidecar, which narrows': {
      node: writeNode({ role: 'sidecar', name: 'web', namespace: 'shop', labels: { app: 'narrow' } }),
      has: ['outbound|443||private.example.test'],
      hasNot: ['outbound|443||host-0.example.test'],
    },
    'a router has the ports of its Gateways, and no names of its workload': {
      node: writeNode({ role: 'router', name: 'istio-egressgateway', namespace: 'istio-system', labels: { istio: 'egressgateway' } }),
      has: ['0.0.0.0_8080'],
      hasNot: ['virtualOutbound', 'dns/host-0.example.test'],
    },
  }
  test.each(Object.entries(nodes))('%s', async (_name, { node, has, hasNot }) => {
    const { client } = await started(twoNamespaces)
    const { heard } = await settled(client(), [...traffic, extension], node)
    const names = Array.from(heard.values()).flatMap((one) => one.names)
    expect(names).toEqual(expect.arrayContaining([...has]))
    expect(names.filter((name) => hasNot.includes(name))).toEqual([])
  })

  test('that come while others have theirs are given theirs, and later changes too', async () => {
    const { client, write } = await started(entries(2))
    const clients = await Promise.all(
      ['a', 'b', 'c'].map(async (namespace) => {
        const one = client()
        await settled(one, [cluster], writeNode({ role: 'sidecar', name: 'web', namespace, labels: {} }))
        return one
      }),
    )
    write(entries(3))
    const heard = await Promise.all(clients.map((one) => one.accept()))
    expect(heard.map(({ names }) => names)).toEqual(clients.map(() => ['outbound|443||host-2.example.test']))
  })
})

test('a server that was started anew sends nothing that a client has by the last one, and what changed meanwhile', async () => {
  const { write, client, serveAgain } = await started(entries(20))
  const node = writeNode({ role: 'sidecar', name: 'web', namespace: 'default', labels: {} })
  const { heard } = await settled(client(), [cluster, listener], node)
  write(entries(21))
  const again = await serveAgain()
  for (const typeUrl of [listener, cluster])
    again.send({
      node,
      typeUrl,
      resourceNamesSubscribe: ['*', endMark],
      initialResourceVersions: { ...heard.get(typeUrl)?.versions },
    })
  const names: string[] = []
  for (let ends = 0; ends < 2; ) {
    const one = await again.accept()
    names.push(...one.names)
    if (one.removed.includes(endMark)) ends++
  }
  expect(names.toSorted()).toEqual(['0.0.0.0_443', 'outbound|443||host-20.example.test'])
})

test('nothing is served when a file is not valid at the start', async () => {
  await expect(
    started('kind: ServiceEntry\napiVersion: networking.istio.io/v1\nmetadata: {name: a}\nspec: {hosts: 7}\n'),
  ).rejects.toMatchObject({
    code: 'SLP0102',
  })
})

describe('certificates of the mesh', () => {
  const mutual = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: istio-system}
spec:
  selector: {istio: egressgateway}
  servers: [{port: {number: 8443, name: tls, protocol: HTTPS}, hosts: ['*'], tls: {mode: ISTIO_MUTUAL}}]
`
  const node = (more: Partial<Parameters<typeof writeNode>[0]> = {}) =>
    writeNode({
      role: 'router',
      name: 'out',
      namespace: 'istio-system',
      labels: { istio: 'egressgateway' },
      serviceAccount: 'out',
      agent: { name: 'sallyport', version: '1' },
      ...more,
    })
  const asked = [typeUrls.secret, listener]

  test('are given over a Unix socket, to who the node says it is', async () => {
    const { client } = await started(mutual, 'socket')
    const { heard } = await settled(client(), asked, node())
    const poll = client()
    await settled(poll, [listener], node())
    poll.subscribe(typeUrls.secret, 'default', 'ROOTCA')
    const given = new Set(heard.get(typeUrls.secret)?.names)
    while (given.size < 2) for (const name of (await poll.accept()).names) given.add(name)
    expect([...given].toSorted()).toEqual(['ROOTCA', 'default'])
  })

  test('are not given to who only looks', async () => {
    const { client } = await started(mutual, 'socket')
    const engine = client()
    await settled(engine, asked, node())
    const { heard } = await settled(client(), asked, node({ metadata: { SALLYPORT_OBSERVER: 'true' } }))
    expect(heard.get(typeUrls.secret)?.names).toEqual([])
    expect(heard.get(listener)?.names).toEqual(['0.0.0.0_8443'])
  })

  test('are not given over a port', async () => {
    const { client } = await started(mutual)
    const { heard } = await settled(client(), asked, node())
    expect(heard.get(typeUrls.secret)?.names).toEqual([])
  })
})

describe('Secrets that a gateway’s server names', () => {
  const text = (value: string) => Buffer.from(value).toString('base64')
  const credential = (key: string, namespace = 'istio-system') => `---
apiVersion: v1
kind: Secret
metadata: {name: web, namespace: ${namespace}}
data: {tls.crt: ${text('chain')}, tls.key: ${text(key)}}
`
  const server = (key: string) => `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: istio-system}
spec:
  selector: {istio: egressgateway}
  servers: [{port: {number: 8443, name: tls, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: web}}]
${credential(key)}`
  const node = (namespace = 'istio-system') =>
    writeNode({
      role: 'router',
      name: 'out',
      namespace,
      labels: { istio: 'egressgateway' },
      serviceAccount: 'out',
      agent: { name: 'sallyport', version: '1' },
    })
  const asked = [listener, typeUrls.secret]

  test('are given over a Unix socket, and anew when they change', async () => {
    const { client, write } = await started(server('one'), 'socket')
    const engine = client()
    const { heard } = await settled(engine, asked, node())
    expect(heard.get(typeUrls.secret)?.names).toEqual(['kubernetes://web'])
    write(server('two'))
    expect(await engine.accept()).toMatchObject({ typeUrl: typeUrls.secret, names: ['kubernetes://web'] })
    expect(engine.unheard).toEqual([])
  })

  test('are those of the gateway’s own namespace', async () => {
    const { client } = await started(server('one'), 'socket')
    const { heard } = await settled(client(), asked, node('shop'))
    expect(heard.get(typeUrls.secret)?.names).toEqual([])
  })

  test('are not given over a port', async () => {
    const { client } = await started(server('one'))
    const { heard } = await settled(client(), asked, node())
    expect(heard.get(typeUrls.secret)?.names).toEqual([])
  })
})

async function started(text: string, where: 'port' | 'socket' = 'port') {
  const directory = mkdtempSync(join(tmpdir(), 'serve-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'policy.yaml')
  const write = (next: string): void => writeFileSync(path, next)
  write(text)
  const serve = async () => {
    const server = await startServer({
      files: [path],
      outbound: 'REGISTRY_ONLY',
      xds: where === 'port' ? '127.0.0.1:0' : join(directory, 'xds.sock'),
      caDir: join(directory, 'ca'),
      quietMs: 20,
      longestWaitMs: 500,
    })
    onTestFinished(() => server.close())
    return server
  }
  const server = await serve()
  return {
    write,
    client: () => new DeltaClient(where === 'port' ? server.address : `unix:${server.address}`),
    serveAgain: async () => {
      await server.close()
      return new DeltaClient((await serve()).address)
    },
  }
}

/** Nothing has this name: the server says so when it has said all else of a type. */
const endMark = 'test/end'

/** Asks for types, and resolves with what there is of each. */
async function settled(
  client: DeltaClient,
  types: readonly string[],
  node = writeNode({ role: 'sidecar', name: 'web', namespace: 'default', labels: {} }),
) {
  const heard = new Map<string, Heard>()
  const waiting = new Set(types)
  for (const typeUrl of types) client.send({ node, typeUrl, resourceNamesSubscribe: ['*', endMark] })
  while (waiting.size > 0) {
    const one = await client.accept()
    const before = heard.get(one.typeUrl)
    heard.set(one.typeUrl, {
      ...one,
      names: [...(before?.names ?? []), ...one.names],
      versions: { ...before?.versions, ...one.versions },
    })
    if (one.removed.includes(endMark)) waiting.delete(one.typeUrl)
  }
  return { heard }
}

function entries(count: number): string {
  return Array.from(
    { length: count },
    (_, i) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: host-${i}, namespace: default}
spec:
  hosts: [host-${i}.example.test]
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}]
`,
  ).join('---\n')
}
