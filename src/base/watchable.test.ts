// Holds that state is published as state: the present value first, no equal value, and no listener hurts another.
import { expect, test } from 'vitest'
import { Watchable } from './index.ts'

test('a listener gets the present value at once, then every change', () => {
  const state = new Watchable('a')
  const seen: string[] = []
  state.watch((value) => seen.push(value))
  state.set('b')
  expect(seen).toEqual(['a', 'b'])
  expect(state.value).toBe('b')
})

test('an equal value is not published', () => {
  const state = new Watchable({ version: 1 }, (a, b) => a.version === b.version)
  const seen: number[] = []
  state.watch(({ version }) => seen.push(version))
  const first = state.value
  state.set({ version: 1 })
  expect(state.value).toBe(first)
  state.set({ version: 2 })
  expect(seen).toEqual([1, 2])
})

test('a listener that left hears nothing more, even when it leaves during a publication', () => {
  const state = new Watchable<number>(0)
  const seen: number[] = []
  let leave = (): void => undefined
  state.watch((value) => value === 1 && leave())
  leave = state.watch((value) => seen.push(value))
  state.set(1)
  state.set(2)
  expect(seen).toEqual([0])
})

test('a listener that joins during a publication gets the value once', () => {
  const state = new Watchable<number>(0)
  const seen: number[] = []
  state.watch((value) => value === 1 && state.watch((late) => seen.push(late)))
  state.set(1)
  expect(seen).toEqual([1])
})

test('a listener that throws does not keep the value from the others', () => {
  const errors: unknown[] = []
  const state = new Watchable<number>(0, Object.is, (error) => errors.push(error))
  const seen: number[] = []
  state.watch(() => {
    throw new Error('listener')
  })
  state.watch((value) => seen.push(value))
  state.set(1)
  expect(seen).toEqual([0, 1])
  expect(errors.map(String)).toEqual(['Error: listener', 'Error: listener'])
})

test('when a listener sets a newer value, nobody sees the older one after it', () => {
  const state = new Watchable<number>(0)
  const seen: number[] = []
  state.watch((value) => value === 1 && state.set(2))
  state.watch((value) => seen.push(value))
  state.set(1)
  expect(seen).toEqual([0, 2])
})
