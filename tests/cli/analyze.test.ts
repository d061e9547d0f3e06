// Holds what `analyze` finds, each finding where it belongs and where it does not, with exit codes and the shape of its JSON.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { commandLine, openFiles, sallyport } from './cli.ts'

const files = openFiles()
afterAll(() => files.remove())

const scenarios = join(import.meta.dirname, '../oracle/testdata')
const read = (name: string): string => readFileSync(join(scenarios, name), 'utf8')
const common = read('common.yaml')
const http = read('a01-d2iq-4-gateway/input.yaml')
const tcp = read('a02-redis-6-gateway-static/input.yaml')
const service = 'istio-egressgateway.istio-system.svc.cluster.local'

/** The documents of some kinds only. */
const only = (text: string, ...kinds: readonly string[]): string =>
  text
    .split('---\n')
    .filter((document) => kinds.some((kind) => document.includes(`kind: ${kind}\n`)))
    .join('---\n')
const joined = (...texts: readonly string[]): string => texts.join('\n---\n')

/** A second TCP host through the same port of the same gateway. */
const second = tcp
  .replaceAll('redis.domain', 'other.domain')
  .replaceAll('203.0.113.40', '203.0.113.41')
  .replaceAll('{name: redis', '{name: other')

const credential = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: origination, namespace: default}
spec: {host: d2iq.com, trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: MUTUAL, credentialName: mine}}]}}
`
const secret = (data: string): string => `apiVersion: v1\nkind: Secret\nmetadata: {name: mine, namespace: default}\ndata: ${data}\n`

const cases: Record<string, { text: string; codes: readonly string[] }> = {
  'HTTP through a gateway is in order': { text: joined(common, http), codes: [] },
  'TCP through a gateway is in order': { text: joined(common, tcp), codes: [] },
  'a gateway without its Service is in order: it runs beside the sidecar': { text: http, codes: [] },
  'IST0101: a VirtualService names a Gateway that does not exist': {
    text: joined(common, only(http, 'ServiceEntry', 'DestinationRule', 'VirtualService')),
    codes: ['IST0101'],
  },
  'IST0101: a route leads to a host that nothing declares': {
    text: joined(common, only(http, 'Gateway', 'DestinationRule', 'VirtualService')),
    codes: ['IST0101'],
  },
  'IST0101: a route leads to a subset that no DestinationRule defines': {
    text: joined(common, only(http, 'ServiceEntry', 'Gateway', 'VirtualService')),
    codes: ['IST0101'],
  },
  'IST0101: a Secret that is named and not there': { text: joined(common, http, credential), codes: ['IST0101'] },
  'IST0101: a Secret that does not hold what is needed': {
    text: joined(common, http, credential, secret('{cert: Zm9v, key: Zm9v}')),
    codes: ['IST0101'],
  },
  'no IST0101 for a Secret that does': {
    text: joined(common, http, credential, secret('{tls.crt: Zm9v, tls.key: Zm9v, ca.crt: Zm9v}')),
    codes: [],
  },
  'IST0162: a route leads to a port that the Service does not have': {
    text: joined(common, http.replace('subset: d2iq, port: {number: 80}', 'subset: d2iq, port: {number: 81}')),
    codes: ['IST0162'],
  },
  'SLP1401: a Gateway names a host that no VirtualService sends to it': {
    text: joined(common, only(http, 'ServiceEntry', 'Gateway', 'DestinationRule')),
    codes: ['SLP1401'],
  },
  'SLP1401: nor when the VirtualService has the gateway leg alone': {
    text: joined(common, http.replace('gateways: [mesh, way-out]', 'gateways: [way-out]')),
    codes: ['SLP1401'],
  },
  'no SLP1401 for a host that no Gateway names': { text: joined(common, only(http, 'ServiceEntry')), codes: [] },
  'SLP1402: resolution NONE through a gateway': {
    text: joined(common, read('a02-redis-5-gateway-resolution-none/input.yaml')),
    codes: ['SLP1402'],
  },
  'no SLP1402 for resolution NONE without a gateway': { text: joined(common, read('a02-redis-3-declared/input.yaml')), codes: [] },
  'SLP1403: two TCP hosts share a plain port of a gateway': { text: joined(common, tcp, onlyRoutes(second)), codes: ['SLP1403'] },
  'no SLP1403 for two HTTP hosts on one port': {
    text: joined(common, http, onlyRoutes(http.replaceAll('d2iq.com', 'other.test').replaceAll('{name: d2iq', '{name: other'))),
    codes: [],
  },
  'SLP1404: TLS is begun where clients speak TLS': { text: read('c09-origination-tls-port-double/input.yaml'), codes: ['SLP1404'] },
  'no SLP1404 where a gateway turns HTTP into it': { text: joined(common, read('c10-origination-at-gateway/input.yaml')), codes: [] },
  'no SLP1404 at an HTTP port': { text: read('c09-origination-port-level/input.yaml'), codes: [] },
}

/** Of a copy of a scenario: its entry and routes, with Gateway and subset shared with the original. */
function onlyRoutes(text: string): string {
  return only(text, 'ServiceEntry', 'VirtualService')
}

describe('analyze', () => {
  test.each(Object.entries(cases))('%s', async (_name, { text, codes }) => {
    const path = files.write('case.yaml', text.replace('hosts: [d2iq.com]\n---', 'hosts: [d2iq.com, other.test]\n---'))
    const [json, human] = await Promise.all([commandLine(['analyze', '-f', path, '-o', 'json']), commandLine(['analyze', '-f', path])])
    const issues: { code: string; level: string }[] = JSON.parse(json.stdout)
    expect([...new Set(issues.map(({ code }) => code))], json.stdout).toEqual(codes)
    expect(json.code).toBe(issues.some(({ level }) => level === 'error') ? 1 : 0)
    expect(human.code).toBe(json.code)
    for (const code of codes) expect(human.stdout).toContain(`[${code}]`)
  })

  test('says in JSON what, where and what to do, and nothing else', async () => {
    const path = files.write('place.yaml', joined(common, only(http, 'ServiceEntry', 'Gateway', 'VirtualService')))
    const { stdout, stderr } = await commandLine(['analyze', '-f', path, '-o', 'json'])
    expect(stderr).toBe('')
    const [issue] = JSON.parse(stdout)
    expect(issue).toMatchObject({
      level: 'error',
      code: 'IST0101',
      message: expect.stringContaining(`${service}+d2iq`),
      fix: expect.stringContaining('define subset d2iq'),
    })
    expect(Object.keys(issue).toSorted()).toEqual(['code', 'column', 'fix', 'level', 'line', 'message', 'path', 'ref', 'source'])
    expect(issue.source).toBe(path)
    expect(readFileSync(path, 'utf8').split('\n')[issue.line - 1]).toContain('subset: d2iq')
  })

  const wrong: Record<string, { text: string; says: RegExp }> = {
    'a value that is misspelt, with the one that was meant': {
      text: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |\n    outboundTrafficPolicy: {mode: REGISTER_ONLY}\n',
      says: /case\.yaml:6:35[^]*did you mean REGISTRY_ONLY\?/,
    },
    'a field that is misspelt, with the one that was meant': {
      text: http.replace('location: MESH_EXTERNAL', 'locaton: MESH_EXTERNAL'),
      says: /case\.yaml:7:3[^]*did you mean .*location/,
    },
    'text that is no YAML, at its place': { text: 'kind: ServiceEntry\nspec: {hosts: [a\n', says: /case\.yaml:\d+:\d+/ },
  }
  test.each(Object.entries(wrong))('tells of %s', async (_name, { text, says }) => {
    const { code, stdout } = await commandLine(['analyze', '-f', files.write('case.yaml', text)])
    expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringMatching(says) })
  })

  test('fails on a path that does not exist, and reads standard input', async () => {
    expect(await commandLine(['analyze', '-f', '/no/such/file'])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('/no/such/file'),
    })
    expect(await sallyport(['analyze', '-f', '-'], http)).toMatchObject({ code: 0 })
    expect(await sallyport(['validate', '-f', '-'], 'kind: x')).toMatchObject({ code: 1 })
  })
})
