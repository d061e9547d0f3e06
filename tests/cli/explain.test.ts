// Holds what `explain` says of URLs and files, in both formats, with its exit code: the same decision that the proxy takes.
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { documents, serviceEntry } from '../support/declare.ts'
import { commandLine, openFiles, sallyport } from './cli.ts'

const files = openFiles()
afterAll(() => files.remove())

const scenarios = join(import.meta.dirname, '../oracle/testdata')
const scenario = (name: string): string[] => ['-f', join(scenarios, 'common.yaml'), '-f', join(scenarios, name, 'input.yaml')]
const strict = ['--outbound', 'REGISTRY_ONLY']
const hiding = `{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: narrow}, spec: {egress: [{hosts: ["other/*"]}]}}`
const wild = files.write('wild.yaml', documents(serviceEntry({ host: '*.wild.test', port: 443, protocol: 'TLS', resolution: 'NONE' })))

const rules = files.write(
  'rules.yaml',
  `${documents(serviceEntry({ host: 'd2iq.com', port: 80, protocol: 'HTTP' }))}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: rules}
spec:
  hosts: [d2iq.com]
  http:
  - match: [{headers: {x-answer: {}}}]
    redirect: {uri: /there}
  - match: [{uri: {prefix: /old}}]
    rewrite: {uri: /new, authority: www.d2iq.com}
    headers: {request: {set: {x-by: rule}}}
    fault: {abort: {httpStatus: 500, percentage: {value: 50}}}
    route: [{destination: {host: d2iq.com}}]
`,
)

interface Case {
  readonly args: readonly string[]
  readonly url: string
  readonly verdict: 'allow' | 'deny'
  readonly path: 'direct' | 'gateway' | 'passthrough' | 'none'
  readonly reason: string
  /** `KIND NAME FIELD` of the declaration that decides. */
  readonly by?: string
  /** What is dialled, hop by hop. */
  readonly hops?: readonly string[]
  /** What the first hop changes. */
  readonly changes?: readonly string[]
}

const cases: Record<string, Case> = {
  'a rule that changes what it forwards; a fault for a share is not what happens to most': {
    args: [...strict, '-f', rules],
    url: 'http://d2iq.com/old/x',
    verdict: 'allow',
    path: 'direct',
    reason: 'declared',
    by: 'VirtualService rules spec.http[1]',
    hops: ['192.0.2.1:80'],
    changes: ['path becomes /new/x', 'authority becomes www.d2iq.com', 'request header: set x-by: rule'],
  },
  'a rule that answers, by a header': {
    args: [...strict, '-f', rules, '-H', 'X-Answer: please'],
    url: 'http://d2iq.com/',
    verdict: 'allow',
    path: 'none',
    reason: 'answered',
    by: 'VirtualService rules spec.http[0]',
    changes: ['location: http://d2iq.com/there'],
  },
  'nothing declared, under ALLOW_ANY': { args: [], url: 'http://d2iq.com/', verdict: 'allow', path: 'passthrough', reason: 'allow-any' },
  'nothing declared, under REGISTRY_ONLY': { args: strict, url: 'http://d2iq.com/', verdict: 'deny', path: 'none', reason: 'not-declared' },
  'the policy of the files, where no option says otherwise': {
    args: ['-f', files.write('mesh.yaml', meshOf('REGISTRY_ONLY'))],
    url: 'http://d2iq.com/',
    verdict: 'deny',
    path: 'none',
    reason: 'not-declared',
    by: 'ConfigMap istio data.mesh.outboundTrafficPolicy.mode',
  },
  'a declared host over HTTP': {
    args: [...strict, ...scenario('a01-d2iq-3-declared')],
    url: 'http://d2iq.com/',
    verdict: 'allow',
    path: 'direct',
    reason: 'declared',
    by: 'ServiceEntry d2iq spec.hosts[0]',
    hops: ['192.0.2.1:80'],
  },
  'a declared host over TLS': {
    args: [...strict, ...scenario('a01-d2iq-3-declared'), '--resolved', '203.0.113.10'],
    url: 'https://d2iq.com/',
    verdict: 'allow',
    path: 'direct',
    reason: 'declared',
    hops: ['203.0.113.10:443'],
  },
  'a host that a Sidecar hides': {
    args: [...strict, ...scenario('a01-d2iq-3-declared'), '-f', files.write('sidecar.yaml', hiding)],
    url: 'http://d2iq.com/',
    verdict: 'deny',
    path: 'none',
    reason: 'not-visible',
    by: 'Sidecar narrow spec.egress',
  },
  'another port of a declared host': {
    args: [...strict, ...scenario('a01-d2iq-3-declared')],
    url: 'http://d2iq.com:8080/',
    verdict: 'deny',
    path: 'none',
    reason: 'not-declared',
  },
  'a declared host that resolves to this machine': {
    args: [...strict, ...scenario('a01-d2iq-3-declared'), '--resolved', '127.0.0.1'],
    url: 'http://d2iq.com/',
    verdict: 'deny',
    path: 'none',
    reason: 'private-address',
  },
  'through a gateway, both hops': {
    args: [...strict, ...scenario('a01-d2iq-4-gateway')],
    url: 'http://d2iq.com/',
    verdict: 'allow',
    path: 'gateway',
    reason: 'declared',
    by: 'VirtualService d2iq-by-gateway spec.http[0]',
    hops: ['198.18.0.20:8080', '192.0.2.1:80'],
  },
  'through a gateway that the files select without its address': {
    args: [...strict, '-f', join(scenarios, 'a01-d2iq-4-gateway/input.yaml')],
    url: 'http://d2iq.com/',
    verdict: 'allow',
    path: 'gateway',
    reason: 'declared',
    by: 'VirtualService d2iq-by-gateway spec.http[0]',
  },
  'through what no Gateway makes a gateway: a destination like any other, and analyze tells': {
    args: [...strict, ...scenario('a01-d2iq-5-no-gateway-resource')],
    url: 'http://d2iq.com/',
    verdict: 'allow',
    path: 'direct',
    reason: 'declared',
    hops: ['198.18.0.20:8080'],
  },
  'a route to a subset that does not exist': {
    args: [...strict, ...scenario('a01-d2iq-7-no-destinationrule')],
    url: 'http://d2iq.com/',
    verdict: 'deny',
    path: 'none',
    reason: 'no-cluster',
    by: 'VirtualService d2iq-by-gateway spec.http[0]',
  },
  'a declared address': {
    args: [...strict, ...scenario('a02-redis-3-declared')],
    url: 'tcp://203.0.113.40:6379',
    verdict: 'allow',
    path: 'direct',
    reason: 'declared',
    by: 'ServiceEntry redis spec.hosts[0]',
    hops: ['203.0.113.40:6379'],
  },
  'a declared address by its name': {
    args: [...strict, ...scenario('a02-redis-3-declared')],
    url: 'tcp://redis.domain:6379',
    verdict: 'allow',
    path: 'direct',
    reason: 'declared',
  },
  'the address beside the declared one': {
    args: [...strict, ...scenario('a02-redis-3-declared')],
    url: 'tcp://203.0.113.41:6379',
    verdict: 'deny',
    path: 'none',
    reason: 'not-declared',
  },
  'TCP through a gateway': {
    args: [...strict, ...scenario('a02-redis-6-gateway-static')],
    url: 'tcp://203.0.113.40:6379',
    verdict: 'allow',
    path: 'gateway',
    reason: 'declared',
    by: 'VirtualService redis-by-gateway spec.tcp[0]',
    hops: ['198.18.0.20:6379', '203.0.113.40:6379'],
  },
  'TCP that a missing VirtualService leaves direct': {
    args: [...strict, ...scenario('a02-redis-4-gateway-without-virtualservice')],
    url: 'tcp://203.0.113.40:6379',
    verdict: 'allow',
    path: 'direct',
    reason: 'declared',
  },
  'a name under a wildcard': {
    args: [...strict, '-f', wild],
    url: 'tls://a.wild.test',
    verdict: 'allow',
    path: 'direct',
    reason: 'declared',
  },
  'the wildcard’s own parent': {
    args: [...strict, '-f', wild],
    url: 'tls://wild.test',
    verdict: 'deny',
    path: 'none',
    reason: 'not-declared',
  },
}

describe('explain', () => {
  test.each(Object.entries(cases))('%s', async (_name, { args, url, verdict, path, reason, by, hops, changes }) => {
    const code = verdict === 'allow' ? 0 : 1
    const [json, text] = await Promise.all([commandLine(['explain', ...args, '-o', 'json', url]), commandLine(['explain', ...args, url])])
    const said = JSON.parse(json.stdout)
    expect({ code: json.code, stderr: json.stderr, said }).toMatchObject({
      code,
      stderr: '',
      said: { verdict, path, reason: { code: reason, text: expect.any(String) } },
    })
    const { kind, name, field } = said.reason.by ?? {}
    if (by !== undefined) expect([kind, name, field].join(' ')).toBe(by)
    if (hops !== undefined) expect(said.hops.map(({ targets }: { targets: string[] }) => targets[0])).toEqual(hops)
    if (changes !== undefined) expect(said.hops[0].changes).toEqual(changes)
    for (const change of changes ?? []) expect(text.stdout).toContain(change)
    expect(text).toMatchObject({ code, stderr: '', stdout: expect.stringMatching(verdict === 'allow' ? `^ALLOW \\(${path}\\)` : '^DENY') })
    expect(text.stdout).toContain(reason)
    if (said.reason.by?.file !== undefined) expect(text.stdout).toContain(`${said.reason.by.file}:${said.reason.by.line}`)
  })

  test('says which TLS is begun for the client, and who is trusted', async () => {
    const { stdout } = await commandLine(['explain', ...strict, ...scenario('c10-origination-at-gateway'), 'http://origin.example.test/'])
    const told = 'begins TLS for origin.example.test; the certificate must be for origin.example.test, by /etc/oracle/ca.crt'
    expect(stdout.split('\n').filter((line) => line.includes(told))).toHaveLength(1)
    const json = await commandLine([
      'explain',
      '-o',
      'json',
      ...strict,
      ...scenario('c09-origination-skip-verify'),
      'http://origin.example.test/',
    ])
    expect(JSON.parse(json.stdout).hops).toMatchObject([{ tls: { serverName: 'origin.example.test', names: [] } }])
  })

  test('reads declarations from standard input', async () => {
    const policy = serviceEntry({ host: 'd2iq.com', port: 80, protocol: 'HTTP' })
    expect(await sallyport(['explain', ...strict, '-f', '-', 'http://d2iq.com/'], policy)).toMatchObject({ code: 0 })
    expect(await sallyport(['explain', ...strict, '-f', '-', 'http://d2iq.com/'], '# nothing\n')).toMatchObject({ code: 1 })
  })

  test('answers nothing by declarations that have errors', async () => {
    const path = files.write('typo.yaml', meshOf('REGISTER_ONLY'))
    const { code, stdout, stderr } = await commandLine(['explain', '-f', path, 'http://d2iq.com/'])
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
    expect(stderr).toMatch(/typo\.yaml:6:35[^]*did you mean REGISTRY_ONLY\?/)
  })
})

function meshOf(mode: string): string {
  return `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    outboundTrafficPolicy: {mode: ${mode}}
`
}
