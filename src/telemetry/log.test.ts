// Holds what the application log shows: words for people, JSON for machines, and nothing that could hurt a terminal.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { configureLog, type LogSettings, logger } from './index.ts'

let lines: string[]
let before: LogSettings

beforeEach(() => {
  lines = []
  before = configureLog({ level: 'debug', json: false, write: (line) => lines.push(line) })
})
afterEach(() => {
  configureLog(before)
})

const circle: Record<string, unknown> = {}
circle.self = circle

describe('the text for people', () => {
  const cases: Record<string, { say: (log: ReturnType<typeof logger>) => void; line: string }> = {
    'information is a plain sentence': { say: (log) => log.info('the seal is closed'), line: 'sallyport: the seal is closed\n' },
    'a warning says so': { say: (log) => log.warn('slow'), line: 'sallyport: warning: slow\n' },
    'an error says so': { say: (log) => log.error('broken'), line: 'sallyport: error: broken\n' },
    'debugging names its scope': { say: (log) => log.debug('accepted'), line: 'sallyport: debug: proxy: accepted\n' },
    'fields follow, quoted where that is needed': {
      say: (log) => log.info('listening', { at: '127.0.0.1:15001', why: 'so it is', count: 2, list: ['a'] }),
      line: 'sallyport: listening at=127.0.0.1:15001 why="so it is" count=2 list=["a"]\n',
    },
    'an error in a field is its message with its causes': {
      say: (log) => log.error('failed', { error: new Error('no', { cause: new Error('EPERM') }) }),
      line: 'sallyport: error: failed error="no: EPERM"\n',
    },
    'an escape sequence from a stranger is shown, not obeyed': {
      say: (log) => log.info('host \u001b[2Jevil\u0007', { name: 'a\u001b]0;x\u0007' }),
      line: 'sallyport: host \\x1b[2Jevil\\x07 name="a\\u001b]0;x\\u0007"\n',
    },
    'text direction is not turned round': { say: (log) => log.info('a\u202eb'), line: 'sallyport: a\\u202eb\n' },
    'a carriage return cannot overwrite the line': { say: (log) => log.info('a\rb'), line: 'sallyport: a\\x0db\n' },
    'a second line is indented, so that it cannot pose as a message': {
      say: (log) => log.info('a\nsallyport: b'),
      line: 'sallyport: a\n  sallyport: b\n',
    },
    'a field that cannot be printed breaks nothing': {
      say: (log) => log.info('odd', { big: 1n }),
      line: 'sallyport: odd big="not printable: Do not know how to serialize a BigInt"\n',
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { say, line }) => {
    say(logger('proxy'))
    expect(lines).toEqual([line])
  })
})

test('JSON has time, level, scope and message, which no field replaces', () => {
  configureLog({ json: true })
  logger('dns').warn('slow\n', { ms: 5, level: 'fake', error: new Error('no') })
  expect(lines).toHaveLength(1)
  expect(lines[0]?.endsWith('}\n')).toBe(true)
  const { time, ...rest } = JSON.parse(lines[0] ?? '')
  expect(rest).toEqual({ ms: 5, level: 'warn', scope: 'dns', message: 'slow\n', error: 'no' })
  expect(new Date(time).getTime()).toBeGreaterThan(Date.now() - 10_000)
})

test('JSON survives a circle', () => {
  configureLog({ json: true })
  logger('dns').info('odd', { circle })
  expect(JSON.parse(lines[0] ?? '')).toContain('not printable')
})

test('a message below the level is not even made', () => {
  configureLog({ level: 'warn' })
  logger('x').info(() => expect.unreachable('was made'))
  logger('x').warn(() => 'made')
  configureLog({ level: 'off' })
  logger('x').error('silent')
  expect(lines).toEqual(['sallyport: warning: made\n'])
})
