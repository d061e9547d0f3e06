// Holds that a value is checked field by field, that no wrong field hides another, and that every finding says what to do.
import { describe, expect, test } from 'vitest'
import { checkStructure, type Finding, kinds, type ObjectSchema, schemaAt } from './index.ts'

const schema: ObjectSchema = {
  type: 'object',
  description: 'a test',
  required: ['name'],
  fields: {
    name: { type: 'text', description: 'its name', maxLength: 5 },
    count: { type: 'integer', description: 'how many', min: 0, max: 10 },
    share: { type: 'number', description: 'how much' },
    on: { type: 'boolean', description: 'whether' },
    wait: { type: 'duration', description: 'how long' },
    port: { type: 'integer-or-text', description: 'where' },
    mode: {
      type: 'choice',
      description: 'in which way',
      values: { PLAIN: true, FANCY: { support: 'deny', consequence: 'it is refused' } },
    },
    hosts: { type: 'list', description: 'names', items: { type: 'text', description: 'a name' }, maxItems: 2 },
    labels: { type: 'map', description: 'labels', values: { type: 'text', description: 'a value' } },
    match: {
      type: 'object',
      description: 'one of these',
      fields: { exact: { type: 'text', description: 'equal' }, prefix: { type: 'text', description: 'begins' } },
      oneOf: { names: ['exact', 'prefix'], needed: true },
    },
    mirror: {
      type: 'object',
      description: 'copies',
      support: 'warn',
      consequence: 'no copy is made',
      fields: { to: { type: 'text', description: 'where', support: 'deny' } },
    },
    guard: { type: 'boolean', description: 'guards', support: 'deny', consequence: 'all is refused' },
    old: { type: 'text', description: 'of no use', support: 'no-effect' },
    status: { type: 'anything', description: 'not looked at', support: 'no-effect', quiet: true },
  },
}

function said(value: unknown): string[] {
  return checkStructure(schema, value, '').findings.map(lineOf)
}

function lineOf({ level, unsupported, code, path, message, fix }: Finding): string {
  return `${unsupported ? 'unsupported' : level} ${code} ${path}: ${message}${fix === undefined ? '' : ` → ${fix}`}`
}

const cases: Record<string, { readonly value: unknown; readonly finds: readonly string[] }> = {
  'all in order': {
    value: { name: 'a', count: 3, share: 0.5, on: false, wait: '1.5s', port: 'http', mode: 'PLAIN', hosts: ['x'], labels: { a: 'b' } },
    finds: [],
  },
  'a misspelt field': {
    value: { name: 'a', hsots: [] },
    finds: [
      'error SLP1101 hsots: unknown field "hsots" → did you mean hosts? Known here are name, count, share, on, wait, port, mode, hosts, labels, match, mirror, guard, old, status',
    ],
  },
  'a field that belongs further in': {
    value: { name: 'a', prefix: '/' },
    finds: ['error SLP1101 prefix: unknown field "prefix" → it belongs at match.prefix; check the indentation'],
  },
  'a misspelt value': {
    value: { name: 'a', mode: 'PLIAN' },
    finds: ['error SLP1103 mode: mode cannot be "PLIAN" → did you mean PLAIN? Known are PLAIN, FANCY'],
  },
  'a value in the wrong case': {
    value: { name: 'a', mode: 'plain' },
    finds: ['error SLP1103 mode: mode cannot be "plain" → did you mean PLAIN? Known are PLAIN, FANCY'],
  },
  'nothing is there': { value: {}, finds: ['error SLP1104 name: name is missing → add `name`: its name'] },
  'a field without a value': {
    value: { name: 'a', hosts: null },
    finds: [
      'error SLP1107 hosts: hosts has no value; whether nothing or everything is meant would be a guess → give it a value, or remove the line',
    ],
  },
  'wrong types, each with what to write': {
    value: { name: 7, count: '3', on: 'yes', hosts: 'x', labels: ['a'], share: 'much', wait: 5, port: 1.5, match: 'x' },
    finds: [
      'error SLP1102 name: name must be text, and is 7 → quote it: "7"',
      'error SLP1102 count: count must be a whole number, and is the text "3" → write 3 without quotes',
      'error SLP1102 on: on must be true or false, and is the text "yes" → write true',
      'error SLP1102 hosts: hosts must be a list, and is the text "x" → write ["x"]',
      'error SLP1102 labels: labels must be a mapping, and is a list',
      'error SLP1102 share: share must be a number, and is the text "much"',
      'error SLP1105 wait: wait is 5, which is no duration → give the unit: 5s or 5ms',
      'error SLP1102 port: port must be a whole number or text, and is 1.5',
      'error SLP1102 match: match must be a mapping of fields, and is the text "x"',
    ],
  },
  'an IPv6 address that YAML takes for a mapping': {
    value: { name: 'a', hosts: [{ '2001:db8:': null }] },
    finds: ['error SLP1102 hosts[0]: hosts[0] must be text, and is a mapping → quote it: "2001:db8::"'],
  },
  limits: {
    value: { name: 'abcdef', count: 11, hosts: ['a', 'b', 'c'], wait: '-1s' },
    finds: [
      'error SLP1105 name: name is 6 characters long; at most 5 are allowed',
      'error SLP1105 count: count is 11; the most is 10',
      'error SLP1105 hosts: hosts has 3 entries; at most 2 are allowed',
      'error SLP1105 wait: wait is "-1s", which is no duration → write it as 250ms, 1.5s or 1m30s',
    ],
  },
  'one of several': {
    value: { name: 'a', match: { exact: 'x', prefix: 'y' } },
    finds: [
      'error SLP1106 match.prefix: match has exact and prefix; only one of exact, prefix is allowed, because it would be open which of them counts → keep the one that is meant',
    ],
  },
  'none of several': {
    value: { name: 'a', match: {} },
    finds: ['error SLP1106 match: match says nothing: one of exact, prefix is needed'],
  },
  'what is not carried out is told once, at the top of it': {
    value: { name: 'a', mirror: { to: 'b' }, old: 'x', status: { any: 1 } },
    finds: ['warning SLP1202 mirror: mirror is not carried out yet: no copy is made', 'warning SLP1203 old: old has no effect'],
  },
  'what would protect is unsupported, as a field and as a value': {
    value: { name: 'a', guard: true, mode: 'FANCY' },
    finds: [
      'unsupported SLP1201 guard: guard is understood but not carried out yet: all is refused',
      'unsupported SLP1201 mode: mode FANCY is understood but not carried out yet: it is refused',
    ],
  },
  'a switch that is off asks for nothing': { value: { name: 'a', guard: false }, finds: [] },
  'what is wrong inside of what is not carried out is told nevertheless': {
    value: { name: 'a', mirror: { too: 'b' } },
    finds: [
      'warning SLP1202 mirror: mirror is not carried out yet: no copy is made',
      'error SLP1101 mirror.too: unknown field "too" → did you mean to? Known here are to',
    ],
  },
  'no object at all': { value: [1], finds: ['error SLP1102 : the document must be a mapping of fields, and is a list'] },
}

describe('checking a value against its schema', () => {
  test.each(Object.entries(cases))('%s', (_title, { value, finds }) => expect(said(value)).toEqual(finds))

  test('hands on what is sound, with entries of lists in their places', () => {
    const { value } = checkStructure(schema, { name: 'a', count: 'x', hosts: ['a', 7], labels: { a: 'b', c: 1 }, nope: 1 }, '')
    expect(value).toEqual({ name: 'a', hosts: ['a', ''], labels: { a: 'b' } })
  })

  test('does not trip over names that every object has', () => {
    const labels: unknown = JSON.parse('{"__proto__": "x", "constructor": "y"}')
    const { value, findings } = checkStructure(schema, { name: 'a', labels }, '')
    expect(findings).toEqual([])
    expect(JSON.stringify(value)).toBe('{"name":"a","labels":{"__proto__":"x","constructor":"y"}}')
    expect(said({ name: 'a', toString: 1 })[0]).toContain('unknown field "toString"')
  })
})

test('the schema of a field is found by its path', () => {
  const { schema: ofRoutes } = kinds.VirtualService
  expect(schemaAt(ofRoutes, ['http', 0, 'match', 1, 'uri', 'prefix'])?.type).toBe('text')
  expect(schemaAt(ofRoutes, ['http', 0, 'match', 1, 'sourceLabels', 'app'])?.type).toBe('text')
  expect(schemaAt(ofRoutes, ['http', 0, 'nothing'])).toBeUndefined()
})
