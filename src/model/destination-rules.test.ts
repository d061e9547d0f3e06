// Holds which DestinationRule is chosen, what is merged, and which policy comes out for one cluster.
import { describe, expect, test } from 'vitest'
import type { DestinationRuleSpec, Resource } from '../api/index.ts'
import { type Extras, modelOf, resource } from './model.test-kit.ts'
import { effectivePolicy } from './traffic-policy.ts'

const service = resource(
  'ServiceEntry',
  'api',
  { hosts: ['api.test'], ports: [{ number: 80 }], resolution: 'DNS' },
  { namespace: 'services' },
)

const rule = (name: string, spec: Partial<DestinationRuleSpec>, extras: Extras = {}): Resource =>
  resource('DestinationRule', name, { host: 'api.test', ...spec }, extras)

function policy(resources: readonly Resource[], client = 'clients', labels: Record<string, string> = {}) {
  const scope = modelOf([service, ...resources]).scope(client)
  const found = scope.destination('api.test')
  return found && scope.policy(found.service, labels)
}

const root = { namespace: 'istio-system' }
const own = { namespace: 'clients' }
const there = { namespace: 'services' }

describe('the rule that holds', () => {
  const cases: Record<string, readonly [rules: Resource[], chosen: string | undefined]> = {
    'is the client’s own, before the service’s and the root’s': [[rule('r', {}, root), rule('s', {}, there), rule('c', {}, own)], 'c'],
    'is the service’s, before the root’s': [[rule('r', {}, root), rule('s', {}, there)], 's'],
    'is the root’s, when there is no other': [[rule('r', {}, root)], 'r'],
    'is never that of a third namespace': [[rule('x', {}, { namespace: 'third' })], undefined],
    'is the more specific one of a namespace': [[rule('wide', { host: '*.test' }, own), rule('exact', {}, own)], 'exact'],
    'is a wildcard of the client’s, although the service’s own is exact': [
      [rule('wide', { host: '*.test' }, own), rule('s', {}, there)],
      'wide',
    ],
    'is not a private one of the service’s namespace': [[rule('s', { exportTo: ['.'] }, there), rule('r', {}, root)], 'r'],
    'is none where the most specific of a namespace is not exported, even beside a wider one': [
      [rule('s', { exportTo: ['.'] }, there), rule('wide', { host: '*.test' }, there)],
      undefined,
    ],
  }

  test.each(Object.entries(cases))('%s', (_, [rules, chosen]) => {
    expect(policy(rules)?.ref.name).toBe(chosen)
  })

  test('in the root namespace itself is a private one first', () => {
    const rules = [rule('public', {}, root), rule('s', {}, there), rule('private', { exportTo: ['.'] }, root)]
    expect(policy(rules, 'istio-system')?.ref.name).toBe('private')
  })

  test('is one that selects the workload, before one that selects nothing', () => {
    const selecting = rule('some', { workloadSelector: { matchLabels: { tier: 'gold' } } }, { ...own, created: 2 })
    const rules = [rule('all', {}, { ...own, created: 1 }), selecting]
    expect(policy(rules, 'clients', { tier: 'gold' })?.ref.name).toBe('some')
    expect(policy(rules, 'clients', { tier: 'tin' })?.ref.name).toBe('all')
  })

  test('of several equals is the oldest, with the subsets of all and the first policy found', () => {
    const tcp = (connectTimeout: string) => ({ connectionPool: { tcp: { connectTimeout } } })
    const found = policy([
      rule('new', { subsets: [{ name: 'a', labels: { v: 'new' } }, { name: 'b' }], trafficPolicy: tcp('2s') }, { ...own, created: 2 }),
      rule('old', { subsets: [{ name: 'a', labels: { v: 'old' } }] }, { ...own, created: 1 }),
    ])
    expect(found?.ref.name).toBe('old')
    expect(found?.subsets.map((one) => one.value)).toEqual([{ name: 'a', labels: { v: 'old' } }, { name: 'b' }])
    expect(effectivePolicy(found, '', 80).connectionPool?.value).toEqual(tcp('2s').connectionPool)
  })
})

describe('the policy of a cluster', () => {
  const tls = (mode: 'SIMPLE' | 'DISABLE') => ({ tls: { mode } })
  const timeout = (connectTimeout: string) => ({ connectionPool: { tcp: { connectTimeout } } })
  const of = (spec: Partial<DestinationRuleSpec>, subset = '', port = 80) => {
    const { tls: block, connectionPool } = effectivePolicy(policy([rule('r', spec, own)]), subset, port)
    return { tls: block?.value.mode, at: block?.field, timeout: connectionPool?.value.tcp?.connectTimeout }
  }

  test('is the top-level one', () => {
    expect(of({ trafficPolicy: { ...tls('SIMPLE'), ...timeout('1s') } })).toEqual({
      tls: 'SIMPLE',
      at: 'spec.trafficPolicy.tls',
      timeout: '1s',
    })
  })

  test('is replaced as a whole by that of the port', () => {
    const trafficPolicy = { ...tls('SIMPLE'), portLevelSettings: [{ port: { number: 80 }, ...timeout('2s') }] }
    expect(of({ trafficPolicy })).toEqual({ tls: undefined, at: undefined, timeout: '2s' })
    expect(of({ trafficPolicy }, '', 443).tls).toBe('SIMPLE')
  })

  test('is overridden block by block by that of the subset', () => {
    const spec = { trafficPolicy: { ...tls('SIMPLE'), ...timeout('1s') }, subsets: [{ name: 'v1', trafficPolicy: timeout('3s') }] }
    expect(of(spec, 'v1')).toEqual({ tls: 'SIMPLE', at: 'spec.trafficPolicy.tls', timeout: '3s' })
  })

  test('is replaced as a whole by that of the subset’s port', () => {
    const portLevelSettings = [{ port: { number: 80 }, ...tls('DISABLE') }]
    const spec = { trafficPolicy: timeout('1s'), subsets: [{ name: 'v1', trafficPolicy: { portLevelSettings } }] }
    expect(of(spec, 'v1')).toEqual({
      tls: 'DISABLE',
      at: 'spec.subsets[0].trafficPolicy.portLevelSettings[0].tls',
      timeout: undefined,
    })
  })

  test('is refused only for fields that hold there', () => {
    const spec: Partial<DestinationRuleSpec> = {
      trafficPolicy: { ...tls('SIMPLE'), portLevelSettings: [{ port: { number: 80 }, ...timeout('1s') }] },
      subsets: [{ name: 'v1', trafficPolicy: tls('SIMPLE') }],
    }
    const unsupported = ['spec.trafficPolicy.tls.mode', 'spec.subsets[0].trafficPolicy.tls.mode']
    const found = policy([rule('r', spec, { ...own, unsupported })])
    const refused = (subset: string, port: number) => effectivePolicy(found, subset, port).refused.map(({ field }) => field)
    expect(refused('', 80)).toEqual([])
    expect(refused('', 443)).toEqual(['spec.trafficPolicy.tls.mode'])
    expect(refused('v1', 80)).toEqual(['spec.subsets[0].trafficPolicy.tls.mode'])
  })
})
