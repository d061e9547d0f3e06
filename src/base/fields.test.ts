// Holds what counts as a mapping.
import { describe, expect, test } from 'vitest'
import { fieldsOf, isFields } from './fields.ts'

describe('fields', () => {
  const mappings: Record<string, object> = { 'of a mapping': { a: 1 }, 'of an empty one': {} }
  test.each(Object.entries(mappings))('%s are its own', (_name, value) => {
    expect(isFields(value)).toBe(true)
    expect(fieldsOf(value)).toBe(value)
  })

  const others: Record<string, unknown> = { nothing: undefined, 'a null': null, 'a list': [1], 'a text': 'a', 'a number': 1 }
  test.each(Object.entries(others))('%s has none', (_name, value) => {
    expect(isFields(value)).toBe(false)
    expect(fieldsOf(value)).toEqual({})
  })
})
