// Holds what an error tells: a code of the catalogue, a fix, and the chain of its causes in words.
import { expect, test } from 'vitest'
import { errorCodes, messageOf, SallyportError } from './index.ts'

test('an error carries code, message, fix and cause', () => {
  const cause = new Error('EADDRINUSE')
  const error = new SallyportError('SLP0301', 'cannot bind 127.0.0.1:80', { fix: 'choose another port', cause })
  expect(error).toBeInstanceOf(Error)
  expect({ name: error.name, code: error.code, fix: error.fix, message: error.message, cause: error.cause }).toEqual({
    name: 'SallyportError',
    code: 'SLP0301',
    message: 'cannot bind 127.0.0.1:80',
    fix: 'choose another port',
    cause,
  })
})

test('codes have one form and one sentence each', () => {
  for (const [code, sentence] of Object.entries(errorCodes)) {
    expect(code).toMatch(/^SLP\d{4}$/)
    expect(sentence).toMatch(/^\p{L}.*[^.]$/u)
  }
  expect(new Set(Object.values(errorCodes)).size).toBe(Object.keys(errorCodes).length)
})

const circle = new Error('round')
circle.cause = circle

const cases: Record<string, { thrown: unknown; message: string }> = {
  'an error': { thrown: new Error('broken'), message: 'broken' },
  'an error without a message': { thrown: new TypeError(''), message: 'TypeError' },
  'a chain of causes': { thrown: new Error('a', { cause: new Error('b', { cause: new Error('c') }) }), message: 'a: b: c' },
  'a cause that is told already': {
    thrown: new Error('cannot read x: ENOENT', { cause: new Error('ENOENT') }),
    message: 'cannot read x: ENOENT',
  },
  'a circle of causes': { thrown: circle, message: 'round' },
  'a string': { thrown: 'broken', message: 'broken' },
  'nothing at all': { thrown: undefined, message: 'undefined' },
}
test.each(Object.entries(cases))('the message of %s', (_name, { thrown, message }) => {
  expect(messageOf(thrown)).toBe(message)
})
