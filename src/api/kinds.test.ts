// Holds that the table of kinds is whole: every field known, described, and said to be carried out only where it is read.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fieldTable, isKind, kindNames, kinds, schemaOf } from './index.ts'
import type { Schema } from './schema.ts'

const all = [...kindNames, 'MeshConfig', 'SallyportSettings'] as const

describe('the table of kinds', () => {
  test('has the eleven kinds, served as Istio and Kubernetes serve them', () => {
    const rows = kindNames.map((kind) => {
      const { group, versions, plural, short, scope } = kinds[kind]
      return `${kind} ${group || 'core'} ${versions.join(' ')} ${plural} ${short.join(' ')} ${scope}`
    })
    expect(rows).toEqual([
      'ServiceEntry networking.istio.io v1 v1beta1 v1alpha3 serviceentries se namespaced',
      'WorkloadEntry networking.istio.io v1 v1beta1 v1alpha3 workloadentries we namespaced',
      'VirtualService networking.istio.io v1 v1beta1 v1alpha3 virtualservices vs namespaced',
      'DestinationRule networking.istio.io v1 v1beta1 v1alpha3 destinationrules dr namespaced',
      'Gateway networking.istio.io v1 v1beta1 v1alpha3 gateways gw namespaced',
      'Sidecar networking.istio.io v1 v1beta1 v1alpha3 sidecars  namespaced',
      'Telemetry telemetry.istio.io v1 v1alpha1 telemetries telemetry namespaced',
      'Service core v1 services svc namespaced',
      'Namespace core v1 namespaces ns cluster',
      'ConfigMap core v1 configmaps cm namespaced',
      'Secret core v1 secrets  namespaced',
    ])
    expect(isKind('ServiceEntry')).toBe(true)
    expect(isKind('toString')).toBe(false)
  })

  test.each(all)('%s: every field has a description, and what is not carried out says what that means', (name) => {
    const faults: string[] = []
    walk(schemaOf(name), name, (schema, path) => {
      if (schema.description.trim() === '') faults.push(`${path} has no description`)
      if (schema.type === 'anything' && (schema.support ?? 'yes') === 'yes' && !path.endsWith('[]'))
        faults.push(`${path} is not read, and said to be`)
      if ((schema.support ?? 'yes') !== 'yes' && !schema.quiet && schema.consequence === undefined)
        faults.push(`${path} has no consequence`)
    })
    expect(faults).toEqual([])
  })

  test('knows every field of Istio', () => {
    const list = readFileSync(new URL('testdata/istio-fields.txt', import.meta.url), 'utf8')
      .trim()
      .split('\n')
    const known = new Set(kindNames.flatMap((kind) => fieldTable(kind).map(({ path }) => `${kind} ${path}`)))
    // A field less would make resources that have it be refused.
    expect(list.filter((field) => !known.has(field))).toEqual([])
    expect(list.length).toBeGreaterThan(400)
  })
})

const rows: Record<string, string> = {
  'ServiceEntry spec.hosts': 'yes',
  'ServiceEntry spec.resolution': 'yes, but DYNAMIC_DNS deny',
  'ServiceEntry spec.subjectAltNames': 'yes',
  'ServiceEntry spec.endpoints[].weight': 'yes',
  'VirtualService spec.http[].match[].uri.regex': 'yes',
  'VirtualService spec.http[].match[].headers{}.exact': 'yes',
  'VirtualService spec.http[].retries.attempts': 'yes',
  'VirtualService spec.http[].retries.retryRemoteLocalities': 'warn',
  'VirtualService spec.tcp[].match[].sourceSubnet': 'deny',
  'VirtualService spec.http[].timeout': 'yes',
  'DestinationRule spec.trafficPolicy.connectionPool.tcp.connectTimeout': 'yes',
  'DestinationRule spec.trafficPolicy.tls.mode': 'yes',
  'Gateway spec.servers[].tls.mode': 'yes, but AUTO_PASSTHROUGH deny',
  'Gateway spec.servers[].tls.httpsRedirect': 'yes',
  'Gateway spec.servers[].bind': 'yes',
  'ConfigMap data': 'yes',
  'MeshConfig outboundTrafficPolicy.mode': 'yes, but ALLOW_ANY_DYNAMIC_DNS deny',
  'MeshConfig accessLogFormat': 'yes',
  'SallyportSettings requireGateway': 'deny',
}

test.each(Object.entries(rows))('what is done with %s', (field, fate) => {
  const [name = '', path] = field.split(' ')
  const row = fieldTable(name as (typeof all)[number]).find((each) => each.path === path)
  const except = Object.keys(row?.except ?? {}).sort()
  expect(`${row?.support}${except.length > 0 ? `, but ${except.join(' ')} ${Object.values(row?.except ?? {})[0]}` : ''}`).toBe(fate)
})

function walk(schema: Schema, path: string, visit: (schema: Schema, path: string) => void): void {
  visit(schema, path)
  if (schema.type === 'list') walk(schema.items, `${path}[]`, visit)
  if (schema.type === 'map') walk(schema.values, `${path}{}`, visit)
  if (schema.type !== 'object') return
  for (const [name, field] of Object.entries(schema.fields)) walk(field, `${path}.${name}`, visit)
}
