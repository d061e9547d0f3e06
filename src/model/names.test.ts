// Holds how short names and names of Gateways are expanded.
import { describe, expect, test } from 'vitest'
import { expandGateway, expandHost, fieldsUnder, splitServerHost } from './names.ts'

describe('a host', () => {
  const cases: Record<string, readonly [written: string, expanded: string]> = {
    'without a dot is of the resource’s own namespace': ['web', 'web.shop.svc.cluster.local'],
    'with a dot stands as it is, also half qualified': ['web.other', 'web.other'],
    'with a star stands as it is': ['*', '*'],
    'that is an IPv6 address stands as it is': ['2001:db8::1', '2001:db8::1'],
    'is brought to lower case, without its last dot': ['API.Test.', 'api.test'],
  }
  test.each(Object.entries(cases))('%s', (_, [written, expanded]) => {
    expect(expandHost(written, 'shop', 'canonical')).toBe(expanded)
  })

  test('keeps its spelling where Istio compares what is written', () => {
    expect(expandHost('API.Test.', 'shop', 'as-written')).toBe('API.Test.')
  })
})

test.each([
  ['out', 'shop/out'],
  ['./out', 'shop/out'],
  ['other/out', 'other/out'],
  ['out.other.svc.cluster.local', 'other/out'],
  ['mesh', 'mesh'],
])('the Gateway %s is %s', (written, expanded) => {
  expect(expandGateway(written, 'shop')).toBe(expanded)
})

test.each([
  ['api.test', { namespace: '*', host: 'api.test' }],
  ['*/api.test', { namespace: '*', host: 'api.test' }],
  ['./api.test', { namespace: 'shop', host: 'api.test' }],
  ['other/*', { namespace: 'other', host: '*' }],
])('the server host %s is split', (written, split) => {
  expect(splitServerHost(written, 'shop', 'canonical')).toEqual(split)
})

test('a field lies under another only at the border of a name', () => {
  const fields = ['spec.http[1].rewrite', 'spec.http[10].rewrite', 'spec.http[1]', 'spec.httpX']
  expect(fieldsUnder(fields, 'spec.http[1]')).toEqual(['spec.http[1].rewrite', 'spec.http[1]'])
})
