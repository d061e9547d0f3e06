// Holds how a place in a file is drawn, also where the file would steer a terminal.
import { expect, test } from 'vitest'
import { drawFrame, lineAndColumn } from './frame.ts'

const text = 'one: 1\ntwo:\n  three: four\nfive: 5\n'

const cases: Record<
  string,
  { readonly at: string; readonly text?: string; readonly firstLine?: number; readonly drawn: readonly string[] }
> = {
  'the lines before, and the place underlined': {
    at: 'four',
    drawn: ['  1 │ one: 1', '  2 │ two:', '  3 │   three: four', '    │          ^^^^'],
  },
  'the first line has none before': { at: 'one', drawn: ['  1 │ one: 1', '    │ ^^^'] },
  'numbers are those of the file': {
    at: 'four',
    firstLine: 98,
    drawn: ['   98 │ one: 1', '   99 │ two:', '  100 │   three: four', '      │          ^^^^'],
  },
  'a place of several lines is underlined on its first': { at: 'two:\n  three', drawn: ['  1 │ one: 1', '  2 │ two:', '    │ ^^^^'] },
  'characters that steer a terminal are blanked': {
    text: 'a: \u001B[31mred\r\n',
    at: 'red',
    drawn: ['  1 │ a:  [31mred', '    │         ^^^'],
  },
}

test.each(Object.entries(cases))('%s', (_title, { at, drawn, firstLine, ...given }) => {
  const source = given.text ?? text
  const offset = source.indexOf(at)
  expect(drawFrame({ text: source, firstLine: firstLine ?? 1, offset, end: offset + at.length }).split('\n')).toEqual(drawn)
})

test('a long line is cut, and so is the place in it', () => {
  const source = `${'x'.repeat(500)}\n`
  const lines = drawFrame({ text: source, firstLine: 1, offset: 0, end: 500 }).split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(140)
  expect(drawFrame({ text: source, firstLine: 1, offset: 400, end: 401 }).split('\n').length).toBe(1)
})

test('an offset has a line and a column', () => {
  expect(lineAndColumn(text, 0)).toEqual({ line: 0, column: 0 })
  expect(lineAndColumn(text, text.indexOf('three'))).toEqual({ line: 2, column: 2 })
  expect(lineAndColumn(text, 10_000)).toEqual({ line: 4, column: 0 })
})
