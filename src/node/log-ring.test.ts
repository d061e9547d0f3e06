// Holds what is kept of what a command writes: whole lines, the newest, within a bound, and told to who follows.
import { expect, test } from 'vitest'
import { LogRing } from './index.ts'

const textOf = (ring: LogRing): string =>
  ring
    .lines()
    .map(({ text }) => text.toString())
    .join('')

const cases: Record<string, { written: readonly (readonly [string, string])[]; kept: string; bytes?: number }> = {
  'lines that come in pieces are whole': {
    written: [
      ['stdout', 'one\ntw'],
      ['stdout', 'o\n'],
    ],
    kept: 'one\ntwo\n',
  },
  'pieces of two streams are told apart': {
    written: [
      ['stdout', 'ou'],
      ['stderr', 'err\n'],
      ['stdout', 't\n'],
    ],
    kept: 'err\nout\n',
  },
  'a line without an end is not there yet': { written: [['stdout', 'one\ntwo']], kept: 'one\n' },
  'a line that is too long is kept in pieces': { written: [['stdout', 'x'.repeat(20_000)]], kept: 'x'.repeat(20_000) },
  'the newest are kept': {
    written: Array.from({ length: 5000 }, (_, i) => ['stdout', `${i}\n`] as const),
    kept: '4998\n4999\n',
    bytes: 250,
  },
}

test.each(Object.entries(cases))('%s', (_name, { written, kept, bytes }) => {
  const ring = new LogRing(bytes)
  for (const [stream, text] of written) ring.write(stream, Buffer.from(text))
  expect(textOf(ring)).toBe(kept)
})

test('who follows is told of further lines, of what has no end when it ends, and of the end', () => {
  const ring = new LogRing()
  ring.write('stdout', Buffer.from('before\n'))
  const told: (string | undefined)[] = []
  const stop = ring.follow((line) => told.push(line?.text.toString()))
  ring.write('stdout', Buffer.from('after\nrest'))
  ring.close()
  stop()
  ring.follow((line) => told.push(line?.text.toString()))
  expect(told).toEqual(['after\n', 'rest', undefined, undefined])
})
