// Holds patches to what a kube-apiserver 1.34.4 made of the same ones, and to RFC 6902 and RFC 7386.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  copyOf,
  findResource,
  isJsonObject,
  parseBody,
  StatusError,
  type Json,
  type JsonObject,
  type KubeObject,
} from '../index.ts'

interface Recorded {
  readonly op: 'json' | 'merge' | 'strategic'
  readonly resource: string
  readonly before: KubeObject
  readonly patch: Json
  readonly answer: { readonly code: number; readonly message?: string; readonly object?: KubeObject }
}

const recorded: readonly Recorded[] = JSON.parse(readFileSync(new URL('../testdata/patches.json', import.meta.url), 'utf8'))

/** Fields that the kind does not have go when the outcome is read. */
function play(recording: Recorded): Json {
  const { foo: _, ...known } = objectIn(outcomeOf(recording))
  return known
}

function objectIn(value: Json): JsonObject {
  if (!isJsonObject(value)) throw new Error('no object')
  return value
}

function outcomeOf({ op, resource, before, patch }: Recorded): Json {
  const value = parseBody(Buffer.from(typeof patch === 'string' ? patch : JSON.stringify(patch)), 'json').value
  if (op === 'json') return applyJsonPatch(before, value)
  if (op === 'merge') return applyMergePatch(before, value)
  const schema = findResource('', 'v1', resource)?.schema
  if (schema === undefined || !isJsonObject(value)) throw new Error('not served')
  return applyStrategicMergePatch(schema, before, value)
}

/** What the server fills in of its own accord in a port of a Service, and a map that it leaves out when it is empty. */
function filledIn(value: Json | undefined): Json {
  const object = copyOf(isJsonObject(value) ? value : {})
  const spec = isJsonObject(object['spec']) ? object['spec'] : undefined
  const ports = spec?.['ports']
  if (spec && Array.isArray(ports)) {
    object['spec'] = {
      ...spec,
      ports: ports.map((port) => (isJsonObject(port) ? { protocol: 'TCP', targetPort: port['port'], ...port } : port)),
    }
  }
  const metadata = copyOf(isJsonObject(object['metadata']) ? object['metadata'] : {})
  if (JSON.stringify(metadata['labels']) === '{}') delete metadata['labels']
  return { ...object, metadata }
}

/** Differs from Kubernetes: pointers have to begin with a slash, and what is missing is neither copied nor equal to null. */
const stricter = [
  [{ op: 'copy', from: '/metadata/none', path: '/metadata/labels/c' }],
  [{ op: 'test', path: '/data/none', value: null }],
  [{ op: 'add', path: 'data/x', value: 'y' }],
].map((patch) => JSON.stringify(patch))

/** What is wrong with the outcome is found when it is read as an object. */
const isJudgedElsewhere = ({ answer, patch }: Recorded): boolean => {
  const judgedLater = /is invalid|undeterminable|strict decoding|Invalid JSON Patch|cannot unmarshal array|unexpected end/.test(
    answer.message ?? '',
  )
  return judgedLater || stricter.includes(JSON.stringify(patch))
}

describe('patches lead where Kubernetes’ lead', () => {
  const cases = recorded.filter((one) => !isJudgedElsewhere(one))
  test.each(cases.map((one) => [`${one.op} of ${one.resource}: ${JSON.stringify(one.patch)}`, one] as const))('%s', (_name, one) => {
    if (one.answer.object) expect(filledIn(play(one))).toEqual(filledIn(one.answer.object))
    else
      expect(() => play(one)).toThrow(
        one.answer.message?.startsWith('expected a []interface') ? 'unknown directive "$setElementOrder"' : one.answer.message,
      )
  })
})

describe('a JSON patch', () => {
  const document = { a: { 'b/c': [1, 2, 3], 'd~e': 'x' }, n: null }
  const applied: Readonly<Record<string, readonly [Json, Json]>> = {
    'adds before an index': [[{ op: 'add', path: '/a/b~1c/1', value: 9 }], { a: { 'b/c': [1, 9, 2, 3], 'd~e': 'x' }, n: null }],
    'adds at the end': [[{ op: 'add', path: '/a/b~1c/-', value: 9 }], { a: { 'b/c': [1, 2, 3, 9], 'd~e': 'x' }, n: null }],
    'replaces the whole': [[{ op: 'replace', path: '', value: { z: 1 } }], { z: 1 }],
    'removes an entry': [[{ op: 'remove', path: '/a/b~1c/0' }], { a: { 'b/c': [2, 3], 'd~e': 'x' }, n: null }],
    'moves a field': [[{ op: 'move', from: '/a/d~0e', path: '/m' }], { a: { 'b/c': [1, 2, 3] }, n: null, m: 'x' }],
    'copies a value that is its own from then on': [
      [
        { op: 'copy', from: '/a/b~1c', path: '/m' },
        { op: 'add', path: '/m/-', value: 4 },
      ],
      { a: { 'b/c': [1, 2, 3], 'd~e': 'x' }, n: null, m: [1, 2, 3, 4] },
    ],
    'tests what is null': [[{ op: 'test', path: '/n', value: null }], document],
    'tests without regard to the order of fields': [[{ op: 'test', path: '/a', value: { 'd~e': 'x', 'b/c': [1, 2, 3] } }], document],
    'adds a field called __proto__': [
      [{ op: 'add', path: '/__proto__', value: { polluted: 1 } }],
      JSON.parse('{"a":{"b/c":[1,2,3],"d~e":"x"},"n":null,"__proto__":{"polluted":1}}'),
    ],
  }
  test.each(Object.entries(applied))('%s', (_name, [patch, expected]) => {
    const before = JSON.stringify(document)
    const after = applyJsonPatch(document, patch)
    expect(JSON.stringify(after)).toBe(JSON.stringify(expected))
    expect(JSON.stringify(document)).toBe(before)
    expect('polluted' in {}).toBe(false)
  })

  const refused: Readonly<Record<string, Json>> = {
    'a test that fails': [{ op: 'test', path: '/a', value: 1 }],
    'a field that is missing': [{ op: 'remove', path: '/x' }],
    'a parent that is missing': [{ op: 'add', path: '/x/y', value: 1 }],
    'an inherited field': [{ op: 'test', path: '/constructor', value: {} }],
    'a way through the prototype': [{ op: 'add', path: '/__proto__/polluted', value: 1 }],
    'an index that is too large': [{ op: 'add', path: '/a/b~1c/4', value: 1 }],
    'an index below zero': [{ op: 'add', path: '/a/b~1c/-1', value: 1 }],
    'an index with a leading zero': [{ op: 'add', path: '/a/b~1c/01', value: 1 }],
    'a pointer without a slash': [{ op: 'add', path: 'a', value: 1 }],
    'a wrong escape': [{ op: 'add', path: '/a~2', value: 1 }],
    'a move into itself': [{ op: 'move', from: '/a', path: '/a/x' }],
    'no path': [{ op: 'add', value: 1 }],
    'no from': [{ op: 'copy', path: '/a' }],
    'an unknown operation': [{ op: 'frob', path: '/a' }],
    'a text for an operation': ['add'],
    'no list': { op: 'add' },
  }
  test.each(Object.entries(refused))('%s is refused', (_name, patch) => {
    expect(() => applyJsonPatch(document, patch)).toThrow(StatusError)
    expect('polluted' in {}).toBe(false)
  })

  test('cannot grow without end by copies of copies', () => {
    const patch = Array.from({ length: 400 }, () => ({ op: 'copy', from: '', path: '/again' }))
    expect(() => applyJsonPatch({ text: 'x'.repeat(1000) }, patch)).toThrow('accumulated size')
  })

  test('has a bounded number of operations', () => {
    expect(() =>
      applyJsonPatch(
        {},
        Array.from({ length: 10_001 }, () => ({ op: 'add', path: '/a', value: 1 })),
      ),
    ).toThrow('10000')
  })
})

describe('a merge patch', () => {
  // RFC 7386, appendix A.
  const cases: readonly (readonly [Json, Json, Json])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ]
  test.each(cases)('%j with %j is %j', (target, patch, expected) => {
    expect(applyMergePatch(target, patch)).toEqual(expected)
  })

  test('sets no prototype', () => {
    const after = applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":1}}'))
    expect(JSON.stringify(after)).toBe('{"__proto__":{"polluted":1}}')
    expect('polluted' in {}).toBe(false)
  })
})

describe('a strategic merge patch', () => {
  const schema = findResource('', 'v1', 'pods')?.schema
  const apply = (target: JsonObject, patch: JsonObject): JsonObject => {
    if (schema === undefined) throw new Error('not served')
    return applyStrategicMergePatch(schema, target, patch)
  }
  const containers = (...list: readonly Json[]): JsonObject => ({ spec: { containers: list } })

  test('takes an entry away', () => {
    expect(apply(containers({ name: 'a' }, { name: 'b' }), containers({ name: 'a', $patch: 'delete' }))).toEqual(containers({ name: 'b' }))
  })

  test('keeps only what it retains', () => {
    const volumes = (...list: readonly Json[]): JsonObject => ({ spec: { volumes: list } })
    const patch = volumes({ name: 'v', $retainKeys: ['name', 'configMap'], configMap: { name: 'c' } })
    expect(apply(volumes({ name: 'v', emptyDir: {} }), patch)).toEqual(volumes({ name: 'v', configMap: { name: 'c' } }))
    expect(() => apply({}, { spec: { $retainKeys: ['a'], b: 1 } })).toThrow('retainKeys')
  })

  test('sets an order of what it does not change', () => {
    const target = containers({ name: 'a' }, { name: 'b' }, { name: 'c' })
    expect(apply(target, { spec: { '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }] } })).toEqual(
      containers({ name: 'b' }, { name: 'c' }, { name: 'a' }),
    )
  })

  test('merges no list so long that comparing each with each would hold everybody up', () => {
    const many = Array.from({ length: 1001 }, (_, index) => ({ name: `c${index}` }))
    expect(() => apply(containers(...many), containers({ name: 'a' }))).toThrow('more than 1000 entries')
  })

  test('leaves no directive behind where there was nothing', () => {
    expect(
      apply(
        {},
        {
          spec: {
            containers: [
              { name: 'a', $patch: 'delete' },
              { name: 'b', env: [{ name: 'X', $patch: 'delete' }] },
            ],
          },
        },
      ),
    ).toEqual(containers({ name: 'b', env: [] }))
  })

  test('sets no prototype', () => {
    const after = apply({ metadata: {} }, { metadata: { labels: JSON.parse('{"__proto__":"x"}') } })
    expect(JSON.stringify(after)).toBe('{"metadata":{"labels":{"__proto__":"x"}}}')
    expect(Object.getPrototypeOf({})).toBe(Object.prototype)
  })
})
