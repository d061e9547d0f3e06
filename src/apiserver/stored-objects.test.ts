// Holds what is answered without being read to what is answered after reading.
import { expect, test } from 'vitest'
import { findResource } from '../kube/index.ts'
import type { Stored } from '../store/index.ts'
import { bytesOf, objectOf } from './stored-objects.ts'

const metadata = { namespace: 'default', name: 'a', resourceVersion: '3', annotations: { 'metadata":{': '"metadata":{"name":"b"}' } }
const [apiVersion, kind] = ['networking.istio.io/v1', 'ServiceEntry']
const spec = { hosts: ['a.example'], metadata: { name: 'other' } }

const stored: Readonly<Record<string, object>> = {
  'as kubectl writes it': { apiVersion, kind, metadata, spec },
  'as types of Kubernetes are written': { kind, apiVersion, metadata, spec },
  'with what is declared first': { spec, apiVersion, kind, metadata },
  'with its type last': { metadata, spec, kind, apiVersion },
  'in another version': { apiVersion: 'networking.istio.io/v1beta1', kind, metadata, spec },
}

test.each(Object.entries(stored))('an object is answered with its revision: %s', (_name, object) => {
  const resource = findResource('networking.istio.io', 'v1', 'serviceentries')
  if (resource === undefined) throw new Error('not served')
  // As it came: with its fields in this order.
  const value = Buffer.from(JSON.stringify({ ...object, metadata: { ...metadata, resourceVersion: undefined } }))
  const one: Stored = { key: { resource: 'serviceentries.networking.istio.io', namespace: 'default', name: 'a' }, revision: 7, value }
  const answered: unknown = JSON.parse(bytesOf(one, resource, 'v1').toString())
  expect(answered).toEqual(objectOf(one, resource, 'v1'))
  expect(answered).toEqual({ apiVersion, kind, metadata: { ...metadata, resourceVersion: '7' }, spec })
})
