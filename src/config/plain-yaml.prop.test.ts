// Holds that whatever the quick readers of YAML take, they read as the library does, and say where it stands as its syntax tree does.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FieldPath } from '../api/index.ts'
import { mostSpots, spotsBelow } from './field-spot.ts'
import { plainSpotsBelow } from './plain-spots.ts'
import { notPlain, readPlainYaml } from './plain-yaml.ts'
import { parseYaml, readAnyYaml } from './yaml-reader.ts'

function expectAgreement(text: string): void {
  const quick = readPlainYaml(text)
  if (quick === notPlain) return
  const slow = readAnyYaml(text)
  expect(slow.problems, text).toEqual([])
  expect(slow.ambiguities, text).toEqual([])
  expect(quick, text).toEqual(slow.value)
  expectSameSpots(text, [])
}

function expectSameSpots(text: string, base: FieldPath): void {
  for (const most of [mostSpots, 3])
    expect(plainSpotsBelow(text, base, most), text).toEqual(Array.from(spotsBelow(text, parseYaml(text), base)).slice(0, most))
}

const words = [
  'a hosts x.y a/b y no On null ~ true True 0 7 014 0x1f 1e3 1.5 1. .5 10s -1 +1 1_000 00 .inf .nan',
  'a-b 198.18.0.1 198.18.0.0/15 2001:db8::1 :: http://x/y 10:30 2026-01-01T00:00:00Z * *.x.y &a !t | > %x @x `x',
  "? - : # a#b a: \"q\" 'q' \"a\\nb\" 'it''s' {} [] [a,] {a} {a:b} [a b] , << = ... --- \t é __proto__ constructor",
].flatMap((text) => text.split(' '))
const phrases = ['', 'a b', 'a  b', 'a: b', 'a :b', '"x" y', '[a, b]', '{a: b}', '{a: b, c: 1}', '[1, 2]', '{a: [b, {c: d}]}', '[a: b]']
const word = fc.constantFrom(...words, ...phrases, '{"a": b}', '[a, "b, c"]')
const ending = fc.constantFrom('', '', '', ' ', ' # c', '#c', '\r', ' #')
const opening = fc.constantFrom('', '', '- ', '-  ', '-', '- - ', '? ', '# ')
const line = fc
  .tuple(fc.integer({ min: 0, max: 6 }), opening, fc.option(word), fc.constantFrom(': ', ':', ':  ', ' : '), word, ending)
  .map(([indent, open, key, colon, value, end]) => `${' '.repeat(indent)}${open}${key === null ? '' : `${key}${colon}`}${value}${end}`)

/** Mostly well-formed, so that much of it is taken. */
const tree: fc.Arbitrary<readonly string[]> = fc.letrec<{ block: string[]; entry: string[] }>((tie) => ({
  block: fc.array(tie('entry'), { minLength: 1, maxLength: 3 }).map((entries) => entries.flat()),
  entry: fc.oneof(
    { depthSize: 'small' },
    fc.tuple(fc.constantFrom('a', 'b', 'c', 'd.e', 'f'), word, ending).map(([key, value, end]) => [`${key}: ${value}${end}`]),
    fc.tuple(word, ending).map(([value, end]) => [`- ${value}${end}`]),
    fc
      .tuple(fc.constantFrom('g', 'h', 'i'), tie('block'), fc.integer({ min: 0, max: 2 }))
      .map(([key, block, by]) => [`${key}:`, ...block.map((each) => `${' '.repeat(by)}${each}`)]),
    tie('block').map((block) => block.map((each, i) => (i === 0 ? `- ${each}` : `  ${each}`))),
  ),
})).block

describe('the quick reader of YAML', () => {
  test('agrees with the library on well-formed documents', () => {
    fc.assert(
      fc.property(tree, (lines) => expectAgreement(`${lines.join('\n')}\n`)),
      { numRuns: 1000 },
    )
  })

  test('agrees with the library on lines thrown together', () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => expectAgreement(lines.join('\n'))),
      { numRuns: 1000 },
    )
  })

  test('takes the documents that people write', () => {
    const text = [
      'apiVersion: networking.istio.io/v1',
      'kind: ServiceEntry # a comment',
      'metadata: {name: x, namespace: default, labels: {app: "1.0"}}',
      'spec:',
      '  hosts: [api.example.com, other.example.com]',
      '  addresses:',
      '  - 198.18.0.0/15',
      '  ports:',
      '  - number: 443',
      '    name: tls',
      '    protocol: TLS',
      '  - {number: 80, name: http, protocol: HTTP}',
      '',
    ].join('\n')
    expect(readPlainYaml(text)).toEqual(readAnyYaml(text).value)
    for (const base of [[], ['spec'], ['spec', 'ports', 1], ['spec', 'nowhere']]) expectSameSpots(text, base)
    expectSameSpots(text.replaceAll('\n', '\r\n'), [])
    expectSameSpots(`a: [${'b, '.repeat(mostSpots)}b]\nc: d\n`, [])
  })

  test('bounds its depth', () => {
    const deep = Array.from({ length: 100 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')
    expect(readPlainYaml(`${deep}\n${' '.repeat(101)}b: c\n`)).toBe(notPlain)
    expect(readPlainYaml(`a: ${'['.repeat(100)}${']'.repeat(100)}\n`)).toBe(notPlain)
  })
})
