// Holds selectors to what a kube-apiserver 1.34.4 selects and refuses.
import { describe, expect, test } from 'vitest'
import { findResource, parseFieldSelector, parseLabelSelector, type ApiResource, type KubeObject } from '../index.ts'

const labels = { app: 'web', tier: 'front', number: '7', empty: '' }
const matching: Readonly<Record<string, boolean>> = {
  '': true,
  'app=web': true,
  'app == web': true,
  'app=api': false,
  'app!=api': true,
  'other!=api': true,
  'app in (api, web)': true,
  'app in (api)': false,
  'app notin (api)': true,
  'other notin (api)': true,
  app: true,
  other: false,
  '!other': true,
  '!app': false,
  'app,tier=front': true,
  'app,tier=back': false,
  'empty=': true,
  'empty in ()': true,
  'number>6': true,
  'number<7': false,
  'app>6': false,
  __proto__: false,
}

describe('a label selector', () => {
  test.each(Object.entries(matching))('%s', (text, expected) => {
    expect(parseLabelSelector(text).matches(labels)).toBe(expected)
  })

  const name =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
  const refused: Readonly<Record<string, string>> = {
    'a===b': "unable to parse requirement: found '=', expected: identifier",
    'a in b': "unable to parse requirement: found 'b' expected: '('",
    'a in (b': "unable to parse requirement: found '', expected: ',' or ')'",
    'a in (b c)': "unable to parse requirement: found 'c', expected: ',' or ')'",
    'a in ((b))': "unable to parse requirement: found '(', expected: ',', ')' or identifier",
    'a notin': "unable to parse requirement: found '' expected: '('",
    'a=(b)': "unable to parse requirement: found '(', expected: identifier",
    'a b': "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
    'a!b': "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt",
    '-a=b': `unable to parse requirement: <nil>: Invalid value: "-a": ${name}`,
    '!-a': `unable to parse requirement: <nil>: Invalid value: "-a": ${name}`,
    '!': "unable to parse requirement: found '', expected: identifier",
    'a=b c': "found 'c', expected: ',' or 'end of string'",
    'a=b=c': "found '=', expected: ',' or 'end of string'",
    '!a=b': "found '=', expected: ',' or 'end of string'",
    'a=b,': "found '', expected: identifier after ','",
    'a,,b': "found ',', expected: identifier after ','",
    ',a': "found ',', expected: !, identifier, or 'end of string'",
    '()': "found '(', expected: !, identifier, or 'end of string'",
    '=b': "found '=', expected: !, identifier, or 'end of string'",
    'a>x': "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    [`a=${'x'.repeat(64)}`]: `unable to parse requirement: values[0][a]: Invalid value: "${'x'.repeat(64)}": must be no more than 63 characters`,
  }
  test.each(Object.entries(refused))('%s is refused', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message)
  })
})

function served(group: string, plural: string): ApiResource {
  const found = findResource(group, 'v1', plural)
  if (found === undefined) throw new Error(`${plural} are not served`)
  return found
}

describe('a field selector', () => {
  const pod: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'b' },
    spec: { nodeName: 'n' },
    status: { phase: 'Running' },
  }
  const pods = served('', 'pods')
  const selecting: Readonly<Record<string, boolean>> = {
    '': true,
    'metadata.name=a': true,
    'metadata.name==a,metadata.namespace=b': true,
    'metadata.name!=a': false,
    'metadata.name=a,': true,
    'spec.nodeName=n,status.phase!=Failed': true,
    'status.phase=Failed': false,
    'status.podIP=': true,
    'metadata.name=a\\,b': false,
  }
  test.each(Object.entries(selecting))('%s', (text, expected) => {
    expect(parseFieldSelector(pods, text).matches(pod)).toBe(expected)
  })

  test('tells which one name it asks for', () => {
    expect(parseFieldSelector(pods, 'metadata.name=a').name).toBe('a')
    expect(parseFieldSelector(pods, 'metadata.name!=a').name).toBeUndefined()
  })

  const refused: readonly (readonly [string, string, string, string])[] = [
    ['', 'pods', 'spec.foo=x', 'field label not supported: spec.foo'],
    ['', 'pods', '=a', 'field label not supported: '],
    ['', 'pods', 'abc', "invalid selector: 'abc'; can't understand 'abc'"],
    ['', 'pods', 'metadata.name>a', "invalid selector: 'metadata.name>a'; can't understand 'metadata.name>a'"],
    ['', 'pods', 'metadata.name=a\\x', 'invalid field selector: invalid escape sequence: \\x'],
    ['', 'nodes', 'foo.bar=x', 'field label not supported: foo.bar'],
    ['', 'configmaps', 'status.phase=x', '"status.phase" is not a known field selector: only "metadata.name", "metadata.namespace"'],
    ['networking.istio.io', 'serviceentries', 'spec.hosts=x', 'field label not supported: spec.hosts'],
  ]
  test.each(refused)('%s %s: %s is refused', (group, plural, text, message) => {
    expect(() => parseFieldSelector(served(group, plural), text)).toThrow(message)
  })

  test('finds the events of an object', () => {
    const event: KubeObject = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e' },
      involvedObject: { name: 'a', kind: 'Pod' },
      source: { component: 'sallyport' },
    }
    expect(parseFieldSelector(served('', 'events'), 'involvedObject.name=a,involvedObject.kind=Pod,source=sallyport').matches(event)).toBe(
      true,
    )
  })
})
