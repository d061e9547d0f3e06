// Holds where a file is cut into documents, and with which line each begins.
import { expect, test } from 'vitest'
import { splitDocuments } from './document.ts'

const cases: Record<string, { readonly file: string; readonly documents: readonly (readonly [line: number, text: string])[] }> = {
  'one document': { file: 'a: 1\n', documents: [[1, 'a: 1\n']] },
  'two documents': {
    file: 'a: 1\n---\nb: 2\n',
    documents: [
      [1, 'a: 1\n'],
      [3, 'b: 2\n'],
    ],
  },
  'a marker first, a comment behind it, none last': {
    file: '---\na: 1\n--- # two\nb: 2',
    documents: [
      [2, 'a: 1\n'],
      [4, 'b: 2'],
    ],
  },
  'empty documents are none': { file: '---\n# only a comment\n---\n\n---\na: 1\n---\n', documents: [[6, 'a: 1\n']] },
  'a marker inside of a line or indented is none': { file: 'a: ---\nb: |\n  ---\n  c\n', documents: [[1, 'a: ---\nb: |\n  ---\n  c\n']] },
  'four dashes are no marker': { file: 'a: b\n----\n', documents: [[1, 'a: b\n----\n']] },
  'windows lines': {
    file: 'a: 1\r\n---\r\nb: 2\r\n',
    documents: [
      [1, 'a: 1\r\n'],
      [3, 'b: 2\r\n'],
    ],
  },
  'a value behind the marker': {
    file: '--- {a: 1}\n--- {b: 2}\n',
    documents: [
      [1, '--- {a: 1}\n'],
      [2, '--- {b: 2}\n'],
    ],
  },
  'JSON is one document': { file: '{\n "a": "---"\n}\n', documents: [[1, '{\n "a": "---"\n}\n']] },
  'documents in JSON, with markers between them': {
    file: '{"a":1}\n---\n{"b":2}\n',
    documents: [
      [1, '{"a":1}\n'],
      [3, '{"b":2}\n'],
    ],
  },
  nothing: { file: '', documents: [] },
}

test.each(Object.entries(cases))('%s', (_title, { file, documents }) => {
  expect(splitDocuments(file).map(({ line, text }) => [line, text])).toEqual(documents)
})
