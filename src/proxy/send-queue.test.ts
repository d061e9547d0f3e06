// Holds that what is held back leaves in order and whole at the end of the turn, and that there is a limit to it.
import { expect, test } from 'vitest'
import { SendQueue } from './send-queue.ts'

function setUp() {
  const queue = new SendQueue()
  const sent: string[] = []
  const sendable = (name: string, then?: () => void) => ({
    sendHeld: (bytes: Uint8Array, _address: number, start: number, end: number) => {
      sent.push(`${name} ${Buffer.from(bytes.subarray(start, end)).toString('latin1')}`)
      then?.()
    },
  })
  const add = (to: ReturnType<typeof sendable>, text: string) => queue.add(to, Buffer.from(`<${text}>`), 1, text.length + 1)
  return { queue, sent, sendable, add }
}

test('what is added in one turn is sent after it, in order', async () => {
  const { sent, sendable, add } = setUp()
  const [a, b] = [sendable('a'), sendable('b')]
  expect([add(a, 'one'), add(b, 'two'), add(a, 'three')]).toEqual([true, true, true])
  expect(sent).toEqual([])
  await new Promise((resolve) => setImmediate(resolve))
  expect(sent).toEqual(['a one', 'b two', 'a three'])
})

test('a flush does not wait for the turn to end, and nothing is sent twice', async () => {
  const { queue, sent, sendable, add } = setUp()
  add(sendable('a'), 'one')
  queue.flush()
  expect(sent).toEqual(['a one'])
  await new Promise((resolve) => setImmediate(resolve))
  expect(sent).toHaveLength(1)
})

test('what finds no room is left to whoever asked', () => {
  const { queue, sendable } = setUp()
  const bytes = Buffer.alloc(100_000)
  expect(Array.from({ length: 3 }, () => queue.add(sendable('a'), bytes, 0, bytes.length))).toEqual([true, true, false])
})

test('who sends while all is sent does so at once, and later in the next turn', async () => {
  const { queue, sent, sendable, add } = setUp()
  const late: boolean[] = []
  const eager = sendable('eager', () => late.push(add(sendable('x'), 'late')))
  add(eager, 'one')
  add(sendable('b'), 'two')
  queue.flush()
  expect([late, sent]).toEqual([[false], ['eager one', 'b two']])
  expect(add(sendable('c'), 'three')).toBe(true)
  await new Promise((resolve) => setImmediate(resolve))
  expect(sent.at(-1)).toBe('c three')
})
