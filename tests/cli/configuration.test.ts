// Holds what `xds`, `proxy-config` and `proxy-status` print, of files and of a server that runs.
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ConfigurationServer, startServer } from '../../src/main/configuration-server.ts'
import { typeUrls, writeNode } from '../../src/xds/index.ts'
import { DeltaClient } from '../in-process/ads-kit.ts'
import { spawnProcess } from '../support/node-process.ts'
import { bundled } from '../support/outside-servers.ts'
import { commandLine, type Files, openFiles } from './cli.ts'

let files: Files
let server: ConfigurationServer
let plain: string
let routed: string

const entry = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: shop}
spec:
  hosts: [api.example.test]
  resolution: STATIC
  endpoints: [{address: 198.51.100.7}]
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]
`
const rule = `${entry}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: slow, namespace: shop}
spec:
  hosts: [api.example.test]
  http: [{timeout: 7s, route: [{destination: {host: api.example.test}}]}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: one, namespace: shop}
spec:
  host: api.example.test
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}
`

beforeAll(async () => {
  files = openFiles()
  plain = files.write('plain.yaml', entry)
  routed = files.write('routed.yaml', rule)
  server = await startServer({ files: [plain], outbound: 'REGISTRY_ONLY', xds: '127.0.0.1:0', quietMs: 20, longestWaitMs: 500 })
})

afterAll(async () => {
  await server.close()
  files.remove()
})

const node = ['--node', 'web.shop', '--outbound', 'REGISTRY_ONLY']

describe('proxy-config, of files, in istioctl’s columns', () => {
  const shown: Record<string, { readonly args: readonly string[]; readonly lines: readonly (readonly string[])[] }> = {
    'clusters, with the DestinationRule': {
      args: ['cluster', '--fqdn', 'api.example.test'],
      lines: [
        ['SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', 'DESTINATION RULE'],
        ['api.example.test', '443', '-', 'outbound', 'EDS', 'one.shop'],
        ['api.example.test', '80', '-', 'outbound', 'EDS', 'one.shop'],
      ],
    },
    'listeners, with what they match and where it goes': {
      args: ['listener', '--port', '443'],
      lines: [
        ['ADDRESSES', 'PORT', 'MATCH', 'DESTINATION'],
        ['0.0.0.0', '443', 'ALL', 'BlackHoleCluster'],
        ['0.0.0.0', '443', 'SNI: api.example.test', 'Cluster: outbound|443||api.example.test'],
      ],
    },
    'routes, with the VirtualService or the answer': {
      args: ['routes', '--name', '80'],
      lines: [
        ['NAME', 'VHOST NAME', 'DOMAINS', 'MATCH', 'VIRTUAL SERVICE'],
        ['80', 'api.example.test:80', 'api.example.test, + 1 more...', '/*', 'slow.shop'],
        ['80', 'block_all', '*', '/*', '403'],
      ],
    },
    endpoints: {
      args: ['ep', '--port', '80'],
      lines: [
        ['ENDPOINT', 'STATUS', 'OUTLIER CHECK', 'CLUSTER'],
        ['198.51.100.7:80', 'HEALTHY', 'OK', 'outbound|80||api.example.test'],
      ],
    },
    secrets: { args: ['secret'], lines: [['RESOURCE NAME', 'TYPE', 'STATUS', 'VALID CERT', 'SERIAL NUMBER', 'NOT AFTER', 'NOT BEFORE']] },
  }
  test.each(Object.entries(shown))('%s', async (_name, { args, lines }) => {
    const { code, stdout, stderr } = await commandLine(['proxy-config', ...args, ...node, '-f', routed])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(columnsOf(stdout)).toEqual(lines)
  })

  test('whole, as JSON and as YAML', async () => {
    const { stdout } = await commandLine([
      'pc',
      'cluster',
      '--fqdn',
      'api.example.test',
      '--port',
      '80',
      '-o',
      'json',
      ...node,
      '-f',
      routed,
    ])
    expect(JSON.parse(stdout)).toMatchObject([{ name: 'outbound|80||api.example.test', type: 'EDS' }])
    const yaml = await commandLine(['pc', 'cluster', '--fqdn', 'api.example.test', '--port', '80', '-o', 'yaml', ...node, '-f', routed])
    expect(yaml.stdout).toContain('name: outbound|80||api.example.test\n')
    const all = await commandLine(['pc', 'all', '-o', 'json', ...node, '-f', routed])
    expect(Object.keys(JSON.parse(all.stdout))).toEqual(['clusters', 'listeners', 'routes', 'endpoints', 'secrets'])
  })
})

test('proxy-config of a server is that of the files', async () => {
  const ofFiles = await commandLine(['proxy-config', 'all', ...node, '-f', plain])
  const ofServer = await commandLine(['proxy-config', 'all', '--node', 'web.shop', '--xds', server.address])
  expect(ofServer).toEqual(ofFiles)
})

describe('xds', () => {
  test('dumps the same from files and from a server, but for the places', async () => {
    const [ofFiles, ofServer] = await Promise.all([
      commandLine(['xds', 'dump', ...node, '-f', plain, '-o', 'names']),
      commandLine(['xds', 'dump', '--node', 'web.shop', '--xds', server.address, '-o', 'names']),
    ])
    expect(ofServer).toEqual(ofFiles)
    expect(columnsOf(ofFiles.stdout).map(([type, name]) => `${type ?? ''} ${name ?? ''}`)).toEqual(
      expect.arrayContaining([
        'CDS outbound|80||api.example.test',
        'RDS 80',
        'ECDS dns/api.example.test',
        'ECDS origin/ServiceEntry/shop/api',
      ]),
    )
  })

  test('dumps one type whole, with versions', async () => {
    const { stdout } = await commandLine(['xds', 'dump', '--type', 'eds', ...node, '-f', plain])
    expect(JSON.parse(stdout)).toMatchObject([
      {
        type_url: typeUrls.endpoint,
        resources: [{ name: expect.any(String), version: expect.any(String), resource: { endpoints: [{}] } }, {}],
      },
    ])
  })

  test('says what files would change, to the field', async () => {
    const { code, stdout } = await commandLine(['xds', 'diff', ...node, '-f', routed, '--xds', server.address])
    expect(code).toBe(1)
    expect(stdout).toContain('~ RDS 80\n')
    expect(stdout).toContain('virtual_hosts["api.example.test:80"].routes[0].route.timeout: "0s" → "7s"\n')
    expect(stdout).toContain('~ CDS outbound|80||api.example.test\n')
  })

  test('says nothing, with code 0, of what is the same', async () => {
    expect(await commandLine(['xds', 'diff', ...node, '-f', plain, '--against', plain])).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})

describe('xds watch tells what comes, what has changed and what is gone, until a signal', () => {
  test.each(['a server', 'files'])('%s', async (from) => {
    const path = files.write(`${from.replace(' ', '-')}.yaml`, entry)
    const own =
      from === 'files'
        ? undefined
        : await startServer({ files: [path], outbound: 'REGISTRY_ONLY', xds: '127.0.0.1:0', quietMs: 20, longestWaitMs: 500 })
    const source = own === undefined ? ['-f', path, '--outbound', 'REGISTRY_ONLY'] : ['--xds', own.address]
    const watching = spawnProcess([process.execPath, bundled('bin.js'), 'xds', 'watch', '--node', 'web.shop', ...source], {})
    await watching.says('RDS +80')
    writeFileSync(path, entry.replace('198.51.100.7', '198.51.100.8'))
    await watching.says('EDS ~outbound|80||api.example.test ~outbound|443||api.example.test')
    writeFileSync(path, entry.replace(', {number: 443, name: tls, protocol: TLS}', ''))
    await watching.says('CDS -outbound|443||api.example.test')
    watching.signal('SIGTERM')
    expect(await watching.ended).toMatchObject({ code: 0 })
    expect(watching.stderr()).toBe('')
    await own?.close()
  })
})

test('proxy-status shows who has accepted what, and a refusal with its text', async () => {
  const client = new DeltaClient(server.address)
  const web = writeNode({ role: 'sidecar', name: 'web', namespace: 'shop', labels: {}, agent: { name: 'sallyport', version: '9.9.9' } })
  client.send({ node: web, typeUrl: typeUrls.cluster, resourceNamesSubscribe: ['*'] })
  await client.accept()
  client.send({ typeUrl: typeUrls.listener, resourceNamesSubscribe: ['*'] })
  client.nack(await client.next(), '0.0.0.0_80: no\u001b[31m such filter')
  await expect.poll(() => server.clients()[0]?.types.map(({ state }) => state)).toEqual(['SYNCED', 'NACK'])
  const { code, stdout } = await commandLine(['proxy-status', '--xds', server.address])
  expect(code).toBe(1)
  expect(columnsOf(stdout.split('\n\n')[0] ?? '')).toEqual([
    ['NAME', 'CLUSTER', 'CDS', 'LDS', 'EDS', 'RDS', 'ECDS', 'ISTIOD', 'VERSION'],
    ['web.shop', 'Kubernetes', 'SYNCED', 'NACK', 'IGNORED', 'IGNORED', 'IGNORED', server.address, '9.9.9'],
  ])
  expect(stdout).toMatch(/web\.shop has refused LDS 0\.0\.0\.0_80 at \S+:\n {2}0\.0\.0\.0_80: no \[31m such filter\n$/)
  const found = await commandLine(['analyze', '--xds', server.address])
  expect(found.code).toBe(1)
  expect(found.stdout).toContain(
    'error[SLP0202]: web.shop has refused its LDS 0.0.0.0_80, and goes on with what it had: 0.0.0.0_80: no [31m such filter\n',
  )
  expect(found.stdout).toContain(`1 error, 0 warnings in ${server.address}\n`)
  const both = JSON.parse((await commandLine(['analyze', '-f', plain, '--xds', server.address, '-o', 'json'])).stdout)
  expect(both).toMatchObject([{ code: 'SLP0202', level: 'error' }])
  const json = await commandLine(['proxy-status', '--xds', server.address, '-o', 'json'])
  expect(JSON.parse(json.stdout)).toMatchObject([
    {
      node: { id: web.id },
      types: [
        { type: 'CDS', state: 'SYNCED' },
        { type: 'LDS', state: 'NACK' },
      ],
    },
  ])
})

const wrong: Record<string, { readonly args: readonly string[]; readonly code: number; readonly says: RegExp }> = {
  'a server that nobody is': {
    args: ['proxy-status', '--xds', '/nowhere.sock'],
    code: 3,
    says: /SLP4202|cannot be asked.*\n.*fix: name the address/,
  },
  'a node that is none': { args: ['xds', 'dump', '--node', 'web', '-f', 'x'], code: 2, says: /neither a node id nor NAME\.NAMESPACE/ },
  'no source': { args: ['xds', 'dump', '--node', 'web.shop', '--kubeconfig', '/none'], code: 2, says: /the kubeconfig \/none/ },
  'two sources': { args: ['pc', 'all', '127.0.0.1:1', '-f', 'x'], code: 2, says: /and not both/ },
  'a difference with nothing': { args: ['xds', 'diff', '-f', 'x'], code: 2, says: /--against/ },
  'an admin address where nobody is': { args: ['pc', 'all', '127.0.0.1:1'], code: 3, says: /cannot ask 127\.0\.0\.1:1/ },
  'a table that is none': { args: ['pc', 'table'], code: 2, says: /listener, route, cluster/ },
  'serve of files and of an API': { args: ['serve', '-f', 'x', '--data', 'x', '--xds', '/x'], code: 2, says: /exclude each other/ },
  'serve of files to nobody': { args: ['serve', '-f', 'x'], code: 2, says: /nobody is served/ },
  'serve of an API at no address': { args: ['serve', '--listen', 'x'], code: 2, says: /not HOST:PORT/ },
  'serve at no address': { args: ['serve', '-f', 'x', '--xds', 'x'], code: 2, says: /neither HOST:PORT nor the path/ },
  'serve to everybody, without a word for it': {
    args: ['serve', '-f', 'x', '--xds', '0.0.0.0:15010'],
    code: 2,
    says: /is not loopback.*\n.*--insecure-plaintext/,
  },
  'serve at a name that may be anybody’s': { args: ['serve', '-f', 'x', '--xds', 'here.test:15010'], code: 2, says: /is not loopback/ },
  'serve with a time that is none': {
    args: ['serve', '-f', 'x', '--xds', '/x', '--debounce-max', '5'],
    code: 2,
    says: /is not a duration/,
  },
}

test.each(Object.entries(wrong))('wrong: %s', async (_name, { args, code, says }) => {
  const ran = await commandLine(args)
  expect(ran.stderr).toMatch(says)
  expect(ran.code).toBe(code)
})

test('a dump of Envoy’s admin server is read as ours is', async () => {
  const { createServer } = await import('node:http')
  const dump = readFileSync(new URL('testdata/envoy-config-dump.json', import.meta.url))
  const admin = createServer((_request, response) => response.end(dump))
  await new Promise<void>((resolve) => admin.listen(0, '127.0.0.1', resolve))
  const bound = admin.address()
  const address = `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`
  const [clusters, listeners] = await Promise.all([commandLine(['pc', 'cluster', address]), commandLine(['pc', 'listener', address])])
  admin.close()
  expect(columnsOf(clusters.stdout).slice(1)).toEqual([
    ['api.example.test', '80', '-', 'outbound', 'EDS', 'one.shop'],
    ['xds-grpc', '-', '-', '-', 'STATIC'],
  ])
  expect(columnsOf(listeners.stdout).slice(1)).toEqual([['0.0.0.0', '15021', 'ALL', 'Inline Route: health']])
})

/** Cells that are at least three spaces apart. */
function columnsOf(text: string): readonly (readonly string[])[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {3,}/))
}
