// Holds who wins among declarations of one host, what is joined, and who sees what.
import { describe, expect, test } from 'vitest'
import type { Resource, ServiceEntrySpec } from '../api/index.ts'
import { targetsOf } from './destination.ts'
import { type Extras, modelOf, resource } from './model.test-kit.ts'

const http = { number: 80, name: 'http', protocol: 'HTTP' }
const alt = { number: 8080, name: 'http-alt', protocol: 'HTTP' }

const entry = (name: string, spec: Partial<ServiceEntrySpec>, extras: Extras = {}): Resource =>
  resource('ServiceEntry', name, { hosts: ['api.test'], ports: [http], resolution: 'STATIC', ...spec }, extras)

const at = (address: string): Partial<ServiceEntrySpec> => ({ endpoints: [{ address }] })

function destination(resources: readonly Resource[], client = 'default') {
  const found = modelOf(resources).scope(client).destination('api.test')
  if (found === undefined) return undefined
  const dials = found.service.ports.map(({ number }) => targetsOf(found, number).map(({ address, port }) => `${address}:${port}`))
  return { by: `${found.service.ref.kind} ${found.service.ref.namespace}/${found.service.ref.name}`, dials }
}

describe('of several declarations of one host', () => {
  test('the client’s own namespace wins over an older one', () => {
    const resources = [entry('a', at('203.0.113.1'), { namespace: 'other', created: 1 }), entry('b', at('203.0.113.2'), { created: 2 })]
    expect(destination(resources)).toEqual({ by: 'ServiceEntry default/b', dials: [['203.0.113.2:80']] })
    expect(destination(resources, 'third')).toEqual({ by: 'ServiceEntry other/a', dials: [['203.0.113.1:80']] })
  })

  test('a Kubernetes Service wins over a ServiceEntry', () => {
    const host = 'web.shop.svc.cluster.local'
    const model = modelOf([
      entry('a', { ...at('203.0.113.1'), hosts: [host] }, { namespace: 'shop', created: 1 }),
      resource('Service', 'web', { clusterIP: '10.0.0.1', ports: [{ port: 80, name: 'http' }] }, { namespace: 'shop', created: 2 }),
    ])
    expect(model.scope('default').destination(host)?.service.ref.kind).toBe('Service')
  })

  test('in one namespace the older has the port, and the endpoints of both are joined', () => {
    const one = entry('one', { ...at('203.0.113.20') }, { created: 2 })
    const two = entry('two', { ...at('203.0.113.21'), ports: [http, alt] }, { created: 1 })
    expect(destination([one, two])).toEqual({
      by: 'ServiceEntry default/two',
      dials: [['203.0.113.21:80', '203.0.113.20:80'], ['203.0.113.21:8080']],
    })
  })

  test('ports are merged only when the entries agree otherwise', () => {
    const one = entry('one', at('203.0.113.20'), { created: 1 })
    const other = entry('two', { ports: [alt], resolution: 'DNS' }, { created: 2 })
    const same = entry('two', { ports: [alt], ...at('203.0.113.21') }, { created: 2 })
    expect(destination([one, other])?.dials).toEqual([['203.0.113.20:80']])
    expect(destination([one, same])?.dials).toEqual([['203.0.113.20:80'], ['203.0.113.21:8080']])
  })
})

describe('what a declaration stands for', () => {
  test('a DNS entry without endpoints stands for its own name at its target port', () => {
    const ports = [{ ...http, targetPort: 8081 }]
    expect(destination([entry('a', { resolution: 'DNS', ports })])?.dials).toEqual([['api.test:8081']])
  })

  test('a DNS entry with a selector that chooses nothing stands for nothing', () => {
    expect(destination([entry('a', { resolution: 'DNS', workloadSelector: { labels: { app: 'x' } } })])?.dials).toEqual([[]])
  })
})

describe('what a namespace sees', () => {
  const cases: Record<string, readonly [exportTo: string[], own: boolean, other: boolean]> = {
    'everything by default': [[], true, true],
    'what is exported to all': [['*'], true, true],
    'only its own private things': [['.'], true, false],
    'what is exported to it': [['other'], false, true],
    'what is exported to it and to its owner': [['.', 'other'], true, true],
    'nothing that is exported to nobody': [['~'], false, false],
  }

  test.each(Object.entries(cases))('%s', (_, [exportTo, own, other]) => {
    const resources = [entry('a', { ...at('203.0.113.1'), exportTo })]
    expect([destination(resources) !== undefined, destination(resources, 'other') !== undefined]).toEqual([own, other])
  })

  test('private by default, when the mesh says so', () => {
    const model = modelOf([entry('a', at('203.0.113.1'))], { mesh: { defaultServiceExportTo: ['.'] }, sallyport: {} })
    expect(model.scope('other').services).toEqual([])
  })
})
