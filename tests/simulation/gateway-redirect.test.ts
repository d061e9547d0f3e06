// Holds what a gateway does whose server sends plain requests to HTTPS, from declarations to verdicts.
import { describe, expect, test } from 'vitest'
import { decidedBy, gateway, pipeline, play, verdict } from './player.ts'

const web = `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web, namespace: default}
spec: {hosts: [a.test, b.test], location: MESH_EXTERNAL, resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
`
const server = (name: string, hosts: string, tls: string) => `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: default}
spec: {selector: {istio: egressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [${hosts}]${tls}}]}
`
const redirects = ', tls: {httpsRedirect: true}'
const rules = (gateways: string, host = 'a.test') => `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${host}, namespace: default}
spec: {hosts: [${host}], gateways: [${gateways}], http: [{route: [{destination: {host: ${host}}}]}]}
`

const names = { 'a.test': ['203.0.113.11'], 'b.test': ['203.0.113.12'] }
const field = 'Gateway default/out spec.servers[0].tls.httpsRedirect'

interface Case {
  readonly yaml: string
  readonly host: string
  readonly is: string
  readonly by?: string
}

const cases: Record<string, Case> = {
  'every request for its hosts is answered with a redirect, whatever rules say': {
    yaml: server('out', 'a.test', redirects) + rules('out'),
    host: 'a.test',
    is: 'answer 301 -',
    by: field,
  },
  'so is one for a host that no rule speaks about': {
    yaml: server('out', 'a.test', redirects),
    host: 'a.test',
    is: 'answer 301 -',
    by: field,
  },
  'and one for a host that a rule has found under its wildcard': {
    yaml: server('out', '"*.test"', redirects) + rules('out'),
    host: 'a.test',
    is: 'answer 301 -',
    by: field,
  },
  'a host of another server of the port goes its way': {
    yaml: server('out', 'a.test', redirects) + server('other', 'b.test', '') + rules('out') + rules('other', 'b.test'),
    host: 'b.test',
    is: 'outbound|80||b.test -> 203.0.113.12:80',
  },
  'but not where a server that redirects has it too': {
    yaml: server('out', 'b.test', redirects) + server('other', 'b.test', '') + rules('other', 'b.test'),
    host: 'b.test',
    is: 'answer 301 -',
    by: field,
  },
}

describe('a gateway that sends plain requests to HTTPS', () => {
  test.each(Object.entries(cases))('%s', (_sentence, { yaml, host, is, by }) => {
    const { runtime } = pipeline(web + yaml, { proxy: gateway })
    const call = { to: '198.18.0.20:80', listener: '0.0.0.0_80', host, names }
    expect(verdict(runtime, call)).toBe(is)
    if (by !== undefined) expect(decidedBy(runtime, call)).toBe(by)
  })

  test('says where the same path is by HTTPS', () => {
    const { runtime } = pipeline(web + server('out', 'a.test', redirects), { proxy: gateway })
    const call = { to: '198.18.0.20:80', listener: '0.0.0.0_80', host: 'a.test', path: '/x?y=z', names }
    expect(play(runtime, call)).toMatchObject({ headers: [['location', 'https://a.test/x?y=z']] })
  })
})
