// Holds that the fields of a document are told with the spots that asking for each of them gives.
import { expect, test } from 'vitest'
import { parseFieldPath } from '../api/index.ts'
import { spotOf, spotsBelow } from './field-spot.ts'
import { lineAndColumn, lineStarts, placeIn } from './frame.ts'
import { parseYaml } from './yaml-reader.ts'

const documents: Record<
  string,
  { readonly text: string; readonly base?: readonly (string | number)[]; readonly fields: readonly string[] }
> = {
  'blocks, lists and flows': {
    text: 'kind: A\nspec:\n  hosts:\n  - a.test\n  - b.test\n  ports: [{number: 80, name: http}, {number: 443}]\n  empty:\n  "a.b/c": 1\n',
    fields: ['kind', 'spec', 'spec.hosts', 'spec.hosts[1]', 'spec.ports[0].name', 'spec.ports[1]', 'spec.empty', 'spec["a.b/c"]'],
  },
  'an item of a list': {
    text: 'kind: List\nitems:\n- kind: A\n  spec: {x: 1}\n- kind: B\n  spec:\n    y: [1, 2]\n',
    base: ['items', 1],
    fields: ['kind', 'spec', 'spec.y[1]'],
  },
  'a text that is YAML itself': {
    text: 'data:\n  mesh: |\n    outboundTrafficPolicy:\n      mode: REGISTRY_ONLY\n    list: [1, 2]\n  other: |\n    : no YAML [\n',
    fields: ['data.mesh', 'data.mesh.outboundTrafficPolicy.mode', 'data.mesh.list[1]', 'data.other'],
  },
  'an alias': { text: 'a: &x\n  b: 1\nc: *x\n', fields: ['a.b', 'c', 'c.b'] },
}

test.each(Object.entries(documents))('%s', (_name, { text, base = [], fields }) => {
  const ast = parseYaml(text)
  const spots = new Map(Array.from(spotsBelow(text, ast, base), ({ field, offset }) => [field, offset]))
  expect(Array.from(spots.keys())).toEqual(expect.arrayContaining([...fields]))
  for (const [field, offset] of spots)
    expect([field, offset]).toEqual([field, spotOf(text, ast, [...base, ...parseFieldPath(field)]).offset])
  const starts = lineStarts(text)
  for (const offset of spots.values()) expect(placeIn(starts, offset)).toEqual(lineAndColumn(text, offset))
})

test('of a document with very many fields the outer ones are told', () => {
  const text = `spec:\n  hosts: [${Array.from({ length: 5000 }, (_, i) => `h${i}`).join(', ')}]\n  last: 1\n`
  const fields = Array.from(spotsBelow(text, parseYaml(text), []), ({ field }) => field)
  expect(fields.length).toBeLessThan(1100)
  expect(fields.slice(0, 4)).toEqual(['spec', 'spec.hosts', 'spec.last', 'spec.hosts[0]'])
})
