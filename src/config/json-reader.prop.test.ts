// Holds the reader of JSON to the library that reads anything.
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { readJson } from './json-reader.ts'
import { DEEPEST, MOST_NODES, readAnyYaml } from './yaml-reader.ts'

function expectSame(value: unknown): void {
  const text = JSON.stringify(value)
  const { tree: _, ...slow } = readAnyYaml(text)
  expect(readText(text)).toEqual(slow)
}

function readText(text: string) {
  return readJson(text, JSON.parse(text))
}

describe('JSON that a program has written is read as the library reads it', () => {
  it('whatever it is', () => {
    fc.assert(fc.property(fc.jsonValue(), expectSame), { numRuns: 300 })
  })

  const listed: Readonly<Record<string, unknown>> = {
    'words and numbers that some would read differently': { a: ['yes', 'NO', '010', '1e3', '~', 'null', 'true', '0x1f'], y: 1.5e300 },
    'names that mean something to others': { '<<': { a: 1 }, constructor: 1, '*a': '&b', '# c': '- d' },
    'control characters, and what is no character': { text: '\u0000\u0007\u007f\u0085\u2028\ufeff\u{1f600}\t\r\n' },
    'nothing in it': [{}, [], '', null],
  }
  test.each(Object.entries(listed))('%s', (_name, value) => expectSame(value))

  it('and a name that would set the prototype', () => {
    expect(Object.keys(Object(readText('{"__proto__":{"a":1}}').value))).toEqual(['__proto__'])
  })
})

describe('the bounds are those of YAML', () => {
  const deep = (depth: number): unknown => Array.from({ length: depth }).reduce((inner: unknown) => [inner], 1)
  const cases: Readonly<Record<string, readonly [value: unknown, whole: boolean]>> = {
    'as deep as may be': [deep(DEEPEST), true],
    'a level deeper': [deep(DEEPEST + 1), false],
    'as many values as may be': [Array.from({ length: MOST_NODES - 1 }, () => 1), true],
    'one more': [Array.from({ length: MOST_NODES }, () => 1), false],
  }
  test.each(Object.entries(cases))('%s', (_name, [value, whole]) => {
    expect(readText(JSON.stringify(value)).whole).toBe(whole)
  })
})
