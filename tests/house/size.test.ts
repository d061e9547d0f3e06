// Holds the budgets: length of files and functions, number of parameters, a header on every file, the size of `base`.
import { expect, test } from 'vitest'
import { findExcesses } from './budgets.ts'
import { parseSource, readSources } from './sources.ts'

// Every file is parsed, which takes its time on a busy machine.
test.each(['src', 'tests', 'demo', 'bench', 'tools'])('%s/ is within the budgets', { timeout: 60_000 }, (folder) => {
  expect(findExcesses(readSources(folder))).toEqual([])
})

const header = '// Says what this file is for.\n'
const lines = (count: number): string => 'step()\n'.repeat(count)

const within: Record<string, string> = {
  'a file of 600 lines': header + lines(599),
  'a function of 80 lines': `${header}function f() {\n${lines(78)}}`,
  'four parameters, and `this`': `${header}export function f(this: void, a: A, b: B, c: C, d: D) {}`,
  'a header after the interpreter': `#!/usr/bin/env node\n${header}`,
  'a header of several lines': '// Says\n// what this file is\n// for.\n',
  'a header as a block': '/** Says what this file is for. */',
  'forbidden words in a string': `${header}const a = '// @ts-ignore'; const b = 'as unknown as string'`,
  'a cast to unknown, which takes knowledge away': `${header}const a = b as unknown`,
}

test.each(Object.entries(within))('in order: %s', (_name, text) => {
  expect(findExcesses([parseSource('src/api/x.ts', text)])).toEqual([])
})

const over: Record<string, { text: string; says: string }> = {
  'a file of 601 lines': {
    text: header + lines(600),
    says: 'src/api/x.ts has 601 lines: at most 600. Split it by what its parts are for.',
  },
  'a function of 81 lines': {
    text: `${header}function f() {\n${lines(79)}}`,
    says: 'src/api/x.ts:2: a function of 81 lines: at most 80. Name its steps.',
  },
  'an arrow function of 81 lines': {
    text: `${header}\nconst f = () => {\n${lines(79)}}`,
    says: 'src/api/x.ts:3: a function of 81 lines: at most 80. Name its steps.',
  },
  'a method of 81 lines': {
    text: `${header}class C {\n  m() {\n${lines(79)}}}`,
    says: 'src/api/x.ts:3: a function of 81 lines: at most 80. Name its steps.',
  },
  'five parameters': {
    text: `${header}function f(a: A, b: B, c: C, d: D, e: E) {}`,
    says: 'src/api/x.ts:2: a function with 5 parameters: at most 4, then an object.',
  },
  'five parameters of a constructor': {
    text: `${header}class C { constructor(a: A, b: B, c: C, d: D, ...e: E[]) {} }`,
    says: 'src/api/x.ts:2: a function with 5 parameters: at most 4, then an object.',
  },
  'no header': {
    text: 'const a = 1\n// Says what this file is for.',
    says: 'src/api/x.ts does not begin with a comment that says what it is for.',
  },
  'an empty file': { text: '', says: 'src/api/x.ts does not begin with a comment that says what it is for.' },
  'a header that is a label': {
    text: '// Hostnames\n\n// The comment of something else, with a stop.\nconst a = 1',
    says: 'src/api/x.ts begins with "Hostnames": write a whole sentence that says what the file is for.',
  },
  'the compiler told to look away': {
    text: `${header}// @ts-ignore\nconst a = 1`,
    says: 'src/api/x.ts:2: a check is switched off: mend its cause.',
  },
  'the linter told to look away': {
    text: `${header}const a = 1 // oxlint-disable-line no-var`,
    says: 'src/api/x.ts:2: a check is switched off: mend its cause.',
  },
  'a forced cast': {
    text: `${header}const a = b as unknown as string`,
    says: 'src/api/x.ts:2: `as unknown as` asserts what is not known: parse, or narrow.',
  },
}

test.each(Object.entries(over))('found: %s', (_name, { text, says }) => {
  expect(findExcesses([parseSource('src/api/x.ts', text)])).toEqual([says])
})

test('a long group of tests is in order, a long test is not', () => {
  const text = `${header}describe('group', () => {\n${lines(90)}})\ntest('one', () => {\n${lines(90)}})`
  expect(findExcesses([parseSource('src/api/x.test.ts', text)])).toEqual([
    'src/api/x.test.ts:94: a function of 92 lines: at most 80. Name its steps.',
  ])
  expect(findExcesses([parseSource('src/api/x.ts', text)])).toHaveLength(2)
})

test('base has room for twenty files, tests not counted', () => {
  const files = (count: number) => Array.from({ length: count }, (_, index) => parseSource(`src/base/${index}.ts`, header))
  const tests = Array.from({ length: 30 }, (_, index) => parseSource(`src/base/${index}.test.ts`, header))
  expect(findExcesses([...files(20), ...tests])).toEqual([])
  expect(findExcesses(files(21))).toEqual([
    "src/base has 21 files: at most 20. What knows a noun of the domain belongs in that noun's room.",
  ])
})
