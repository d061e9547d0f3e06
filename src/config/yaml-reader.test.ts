// Holds what is said of YAML that is broken or that readers disagree on, and that aliases cannot blow a document up.
import { describe, expect, test } from 'vitest'
import { readYaml } from './yaml-reader.ts'

const problems: Record<string, { readonly text: string; readonly finds: readonly string[] }> = {
  'a tab in the indentation': {
    text: 'a:\n\tb: 1\n',
    finds: ['SLP1003 4 not valid YAML: Tabs are not allowed as indentation → replace the tab by spaces'],
  },
  'a name that stands twice': { text: 'a: 1\nb: 2\na: 3\n', finds: ['SLP1002 11 "a" stands twice here → remove one of the two'] },
  'a name twice, deeper': { text: 'm: {x: 1, x: 2}\n', finds: ['SLP1002 11 "x" stands twice here → remove one of the two'] },
  'a wildcard without quotes': {
    text: 'hosts:\n- *.example.com\n',
    finds: ['SLP1001 10 *.example.com is an alias to YAML, and no anchor is called so → quote it: "*.example.com"'],
  },
  'two wildcards without quotes': {
    text: 'hosts: [*.a.test, *.b.test]\n',
    finds: [
      'SLP1001 9 *.a.test is an alias to YAML, and no anchor is called so → quote it: "*.a.test"',
      'SLP1001 19 *.b.test is an alias to YAML, and no anchor is called so → quote it: "*.b.test"',
    ],
  },
  'a quote that is not closed': {
    text: 'a: "x\n',
    finds: ['SLP1001 7 not valid YAML: Missing closing "quote → close the quote or bracket'],
  },
  'a colon too many': {
    text: 'a: b: c\n',
    finds: [
      'SLP1001 4 not valid YAML: Nested mappings are not allowed in compact mappings → check the indentation, and quote a value that has a colon followed by a space',
    ],
  },
  'a template': {
    text: 'a: {{ .Values.x }}\n',
    finds: ['SLP1001 5 the name of a field must be text → quote it; templates have to be rendered first, for example by `helm template`'],
  },
  'a tag that nobody knows': {
    text: 'a: !thing 1\n',
    finds: ['SLP1001 4 not valid YAML: Unresolved tag: !thing → leave the tag out, or quote the value'],
  },
}

describe('broken YAML', () => {
  test.each(Object.entries(problems))('%s', (_title, { text, finds }) => {
    const said = readYaml(text).problems.map(
      ({ code, offset, message, fix }) => `${code} ${offset + 1} ${message}${fix === undefined ? '' : ` → ${fix}`}`,
    )
    expect(said).toEqual(finds)
  })
})

const values: Record<string, { readonly text: string; readonly value: unknown }> = {
  JSON: { text: '{"a": [1, true, null, "x"]}', value: { a: [1, true, null, 'x'] } },
  'anchors, aliases and merged mappings, where what is written out wins': {
    text: 'a: &a {x: 1, y: 2}\nb: *a\nc:\n  y: 3\n  <<: *a\n  z: 4\n',
    value: { a: { x: 1, y: 2 }, b: { x: 1, y: 2 }, c: { x: 1, y: 3, z: 4 } },
  },
  'a list of mappings to merge, the first wins': {
    text: 'p: &p {x: 1}\nq: &q {x: 2, y: 2}\nr: {<<: [*p, *q]}\n',
    value: { p: { x: 1 }, q: { x: 2, y: 2 }, r: { x: 1, y: 2 } },
  },
  'names that are numbers or words stay text': { text: '80: a\ntrue: b\nnull: c\n', value: { 80: 'a', true: 'b', null: 'c' } },
  'block scalars': { text: 'a: |\n  x\n  y\nb: >-\n  x\n  y\n', value: { a: 'x\ny\n', b: 'x y' } },
  'an address of IPv6 with a colon at the end is a mapping': { text: 'a:\n- 2001:db8::\n', value: { a: [{ '2001:db8:': null }] } },
  nothing: { text: '# only a comment\n', value: undefined },
}

describe('YAML', () => {
  test.each(Object.entries(values))('%s', (_title, { text, value }) => {
    const reading = readYaml(text)
    expect(reading.problems).toEqual([])
    expect(reading.value).toEqual(value)
  })

  test('a name of the prototype is a name like any other', () => {
    const { value } = readYaml('"__proto__": {a: 1}\n')
    expect(JSON.stringify(value)).toBe('{"__proto__":{"a":1}}')
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })
})

test('words and numbers that readers disagree on are noted with their place', () => {
  const { ambiguities } = readYaml('a: on\nb: {y: 1}\nc: [014, "no", No]\nd: 0o14\n')
  expect(ambiguities.map(({ path, text, kind, at }) => `${path.join('.')} ${text} ${kind} ${at}`)).toEqual([
    'a on word value',
    'b.y y word key',
    'c.0 014 octal value',
    'c.2 No word value',
  ])
})

describe('a document that unfolds without end', () => {
  test('aliases of aliases', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `l${i}: &l${i} [${Array.from({ length: 10 }, () => (i === 0 ? 'x' : `*l${i - 1}`)).join(', ')}]`,
    )
    const { problems, whole } = readYaml(`${levels.join('\n')}\n`)
    expect(whole).toBe(false)
    expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual(['SLP1005 the document unfolds to more than 100000 values'])
  })

  test('brackets in brackets', () => {
    const { problems, whole } = readYaml(`a: ${'['.repeat(70)}${']'.repeat(70)}\n`)
    expect(whole).toBe(false)
    expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual(['SLP1005 the document is nested more than 64 deep'])
  })
})
