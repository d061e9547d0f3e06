// Holds the table of resources to what Istio and Kubernetes serve.
import { describe, expect, test } from 'vitest'
import { findKind, findResource, groups, resources } from './index.ts'

describe('the table of resources', () => {
  test('has every Istio kind in all its versions', () => {
    const versions = Object.fromEntries(resources.filter(({ custom }) => custom).map(({ kind, versions }) => [kind, versions.join(' ')]))
    expect(versions).toEqual({
      WasmPlugin: 'v1alpha1',
      DestinationRule: 'v1 v1beta1 v1alpha3',
      EnvoyFilter: 'v1alpha3',
      Gateway: 'v1 v1beta1 v1alpha3',
      ProxyConfig: 'v1beta1',
      ServiceEntry: 'v1 v1beta1 v1alpha3',
      Sidecar: 'v1 v1beta1 v1alpha3',
      VirtualService: 'v1 v1beta1 v1alpha3',
      WorkloadEntry: 'v1 v1beta1 v1alpha3',
      WorkloadGroup: 'v1 v1beta1 v1alpha3',
      AuthorizationPolicy: 'v1 v1beta1',
      PeerAuthentication: 'v1 v1beta1',
      RequestAuthentication: 'v1 v1beta1',
      Telemetry: 'v1 v1alpha1',
    })
  })

  test('is looked up by path and by kind, in served versions only', () => {
    expect(findResource('networking.istio.io', 'v1beta1', 'serviceentries')?.kind).toBe('ServiceEntry')
    expect(findResource('networking.istio.io', 'v2', 'serviceentries')).toBeUndefined()
    expect(findResource('', 'v1', 'pods')?.shortNames).toEqual(['po'])
    expect(findKind('events.k8s.io', 'Event')?.storedAs).toEqual({ group: '', plural: 'events' })
    expect(findKind('', '__proto__')).toBeUndefined()
  })

  test('prefers v1 in every group that has it', () => {
    expect(groups.filter(({ versions }) => versions.includes('v1') && versions[0] !== 'v1')).toEqual([])
    expect(groups.find(({ name }) => name === 'networking.istio.io')?.versions).toEqual(['v1', 'v1beta1', 'v1alpha3'])
  })

  test('gives no two kinds of a group the same name, and no kind two of the same', () => {
    const names = resources.flatMap(({ group, plural, singular, shortNames }) =>
      [...new Set([plural, singular, ...shortNames])].map((name) => `${group}/${name}`),
    )
    expect(new Set(names).size).toBe(names.length)
  })
})
