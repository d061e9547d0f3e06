// Holds the rules of subscriptions as the xDS protocol has them (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol).
import { expect, test } from 'vitest'
import { Subscription } from './subscription.ts'

interface Case {
  /** LDS and CDS: no names mean all. */
  readonly mayOmitNames?: boolean
  /** Requests of the state of the world, each the names that it lists; */
  readonly lists?: readonly (readonly string[])[]
  /** or of delta: names with a plus or a minus. */
  readonly changes?: readonly (readonly string[])[]
  /** What the last one asks for, */
  readonly asks: { readonly all?: boolean; readonly names?: readonly string[]; readonly isFirst?: boolean }
  /** and what is subscribed to after it. */
  readonly isWildcard?: boolean
  readonly names?: readonly string[]
}

const cases: Record<string, Case> = {
  'state: no names at first are all, where that is usual': {
    mayOmitNames: true,
    lists: [[]],
    asks: { all: true, isFirst: true },
    isWildcard: true,
  },
  'state: elsewhere they are none': { lists: [[]], asks: { isFirst: true } },
  'state: all is asked for once': { mayOmitNames: true, lists: [[], []], asks: {}, isWildcard: true },
  'state: all may be said with a star': { lists: [['*']], asks: { all: true, isFirst: true }, isWildcard: true },
  'state: a star and a name': { lists: [['*', 'a']], asks: { all: true, isFirst: true, names: ['a'] }, isWildcard: true, names: ['a'] },
  'state: names are asked for when they are new': { lists: [['a'], ['a', 'b']], asks: { names: ['b'] }, names: ['a', 'b'] },
  'state: names that are not listed any more are not subscribed to': { lists: [['a', 'b'], ['b']], asks: {}, names: ['b'] },
  'state: a name twice is a name': { lists: [['a', 'a']], asks: { isFirst: true, names: ['a'] }, names: ['a'] },
  'state: whoever has named something does not mean all by naming nothing': { mayOmitNames: true, lists: [['a'], []], asks: {}, names: [] },
  'state: the same after a star': { mayOmitNames: true, lists: [['*'], []], asks: {}, names: [] },
  'state: names under a star need not be sent again': { lists: [['*'], ['*', 'a']], asks: {}, isWildcard: true, names: ['a'] },
  'state: the star may come back': { lists: [['*'], ['a'], ['*', 'a']], asks: { all: true }, isWildcard: true, names: ['a'] },
  'delta: no names at first are all, where that is usual': {
    mayOmitNames: true,
    changes: [[]],
    asks: { all: true, isFirst: true },
    isWildcard: true,
  },
  'delta: elsewhere they are none': { changes: [[]], asks: { isFirst: true } },
  'delta: a first request with a name is by name': {
    mayOmitNames: true,
    changes: [['+a']],
    asks: { isFirst: true, names: ['a'] },
    names: ['a'],
  },
  'delta: a name comes to all that was not said with a star, which lasts': {
    mayOmitNames: true,
    changes: [[], ['+a']],
    asks: { names: ['a'] },
    isWildcard: true,
    names: ['a'],
  },
  'delta: a star at any time': { changes: [['+a'], ['+*']], asks: { all: true }, isWildcard: true, names: ['a'] },
  'delta: a name again is answered again': { changes: [['+a'], ['+a']], asks: { names: ['a'] }, names: ['a'] },
  'delta: a name less is not answered': { changes: [['+a', '+b'], ['-a']], asks: {}, names: ['b'] },
  'delta: a name less under a star is, for the client cannot know whether it still applies': {
    changes: [['+*', '+a'], ['-a']],
    asks: { names: ['a'] },
    isWildcard: true,
    names: [],
  },
  'delta: without the star what was named is left': { changes: [['+*', '+a'], ['-*']], asks: {}, names: ['a'] },
  'delta: a name less and again in one request is subscribed to': { changes: [['+a'], ['-a', '+a']], asks: { names: ['a'] }, names: ['a'] },
  'delta: a name less that was never there': { changes: [['+a'], ['-z']], asks: {}, names: ['a'] },
  'delta: an acknowledgement changes nothing': { mayOmitNames: true, changes: [['+a'], []], asks: {}, names: ['a'] },
}

test.each(Object.entries(cases))('%s', (_name, { mayOmitNames = false, lists, changes, asks, isWildcard = false, names = [] }) => {
  const subscription = new Subscription(mayOmitNames)
  const answers = [
    ...(lists ?? []).map((list) => subscription.replace(list)),
    ...(changes ?? []).map((signed) => subscription.change(withSign(signed, '+'), withSign(signed, '-'))),
  ]
  expect(answers.at(-1)).toEqual({ all: false, names: [], isFirst: false, ...asks })
  expect(subscription.isWildcard).toBe(isWildcard)
  expect(Array.from(subscription.names)).toEqual(names)
  expect(subscription.wants('something else')).toBe(isWildcard)
  for (const name of names) expect(subscription.wants(name)).toBe(true)
})

function withSign(signed: readonly string[], sign: string): readonly string[] {
  return signed.filter((text) => text.startsWith(sign)).map((text) => text.slice(1))
}
