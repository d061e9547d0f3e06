// Holds that listeners which are followed through changes of services are those that would be made anew.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { finish } from '../base/index.ts'
import { familyOfProtocol, type Protocol } from '../registry/index.ts'
import { planChain } from './chain-plan.ts'
import { type Arrival, ListenerEntries, type ListenerEntry } from './listener-entry.ts'
import { type ArrivalLists, ListenerTracker } from './listener-tracker.ts'
import { tcpProxy } from './messages.ts'

const to = (cluster: string) => tcpProxy([{ cluster, weight: 1 }], cluster)
const http = planChain({ match: { isHttp: true }, filter: to('table'), metadata: {} })

const protocols = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Protocol>('tls') },
  { weight: 3, arbitrary: fc.constant<Protocol>('http') },
  { weight: 2, arbitrary: fc.constantFrom<Protocol>('tcp', 'unset', 'mongo', 'mysql') },
)
const service = fc.record({
  protocol: protocols,
  host: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
  bind: fc.constantFrom('0.0.0.0', '0.0.0.0', '0.0.0.0', '203.0.113.1'),
  port: fc.constantFrom(80, 443),
})
type Service = typeof service extends fc.Arbitrary<infer S> ? S : never

/** Those of HTTP services are one object, as they are when services are translated. */
const shared = new Map<string, Arrival>()

function arrival({ protocol, host, bind, port: number }: Service): Arrival {
  const family = familyOfProtocol(protocol)
  const match = family === 'tls' ? { serverNames: [host] } : {}
  const own = family === 'http' ? [] : [planChain({ match, filter: to(host), metadata: { name: host } })]
  const port = { number, name: '', protocol, family, field: '', unsupported: [] }
  const made = { name: `${bind}_${number}`, bind, extraBinds: [], port, own, http: family === 'http' || family === 'unset' ? [http] : [] }
  if (family !== 'http') return made
  const known = shared.get(made.name) ?? made
  shared.set(made.name, known)
  return known
}

const edit = fc.record({
  at: fc.nat(),
  gone: fc.nat({ max: 2 }),
  added: fc.array(fc.array(service, { minLength: 1, maxLength: 2 }), { maxLength: 2 }),
})

test('a tracker that follows changes has the chains of one that begins anew', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(service, { minLength: 1, maxLength: 2 }), { maxLength: 20 }),
      fc.array(edit, { maxLength: 12 }),
      (first, edits) => {
        const tracker = new ListenerTracker()
        let lists: ArrivalLists = first.map((services) => services.map(arrival))
        const known = follow(tracker, lists, new Map())
        for (const { at, gone, added } of edits) {
          lists = lists.toSpliced(at % (lists.length + 1), gone, ...added.map((services) => services.map(arrival)))
          expect(plain(follow(tracker, lists, known))).toEqual(plain(anew(lists)))
        }
      },
    ),
    { numRuns: 300 },
  )
})

type Entries = Map<string, ListenerEntry>

function follow(tracker: ListenerTracker, lists: ArrivalLists, known: Entries): Entries {
  const tracked = finish(tracker.follow(lists, known.size > 0))
  tracker.keep(tracked)
  for (const name of tracked.names ?? known.keys()) known.delete(name)
  for (const entry of [...tracked.fresh.all, ...tracked.followed]) known.set(nameOf(entry), entry)
  return known
}

function anew(lists: ArrivalLists): Entries {
  const entries = new ListenerEntries()
  for (const one of lists.flat()) entries.arrive(one)
  return new Map(entries.all.map((entry) => [nameOf(entry), entry]))
}

function nameOf({ bind, port }: ListenerEntry): string {
  return `${bind}_${port}`
}

function plain(entries: Entries): unknown {
  const facts = [...entries].map(
    ([name, { chains, counts }]) => [name, chains.map(({ key, chain }) => `${key} ${textOf(chain)}`), { ...counts }] as const,
  )
  return Object.fromEntries(facts.map(([name, ...rest]) => [name, rest]))
}

function textOf({ metadata }: Arrival['own'][number]['chain']): string {
  return JSON.stringify(metadata?.filterMetadata ?? {})
}
