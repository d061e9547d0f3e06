// Makes up small worlds of declarations and calls in them, from a grammar that is bounded so that they meet often.
import fc from 'fast-check'
import {
  type Entry,
  type Host,
  hosts,
  type MadeCall,
  type Namespace,
  names,
  own,
  type PortName,
  ports,
  range,
  type Rule,
  type RulePort,
  type World,
} from './made-world.ts'
import { wordsOf } from './world-text.ts'

const namespace = fc.constantFrom<Namespace>('default', 'default', 'beta')
const policy = fc.constantFrom<World['policy']>('REGISTRY_ONLY', 'REGISTRY_ONLY', 'ALLOW_ANY')
const portNames = Object.keys(ports) as PortName[]

const entry: fc.Arbitrary<Entry> = fc
  .record({
    host: fc.constantFrom(...hosts),
    namespace,
    ports: fc.uniqueArray(fc.constantFrom(...portNames), { minLength: 1, maxLength: 3 }),
    resolution: fc.constantFrom<Entry['resolution']>('DNS', 'STATIC', 'NONE'),
    addresses: fc.constantFrom<Entry['addresses']>('none', 'none', 'own', 'range'),
    isPrivate: fc.integer({ min: 0, max: 7 }).map((n) => n === 7),
  })
  // A wildcard has no address to resolve to; a range has none to dial but the dialled one.
  .map((one) => (one.host.startsWith('*') || one.addresses === 'range' ? { ...one, resolution: 'NONE' } : one))

const rule = fc.record(
  {
    prefix: fc.constantFrom('/a', '/a/b'),
    header: fc.constantFrom('one', 'two'),
    app: fc.constantFrom('client', 'batch'),
    to: fc.oneof(
      fc.record({ host: fc.constantFrom<Host>('a.test', 'b.test', 'x.wild.test'), port: fc.constantFrom<RulePort>('http', 'http-more') }),
      fc.constantFrom<'gateway' | 'answer'>('gateway', 'answer'),
    ),
    mayLeadNowhere: fc.integer({ min: 0, max: 15 }).map((n) => n === 15),
  },
  { requiredKeys: ['to', 'mayLeadNowhere'] },
)

/** Most rules lead to what is declared: only then are two engines about something that is there. */
function led({ to, mayLeadNowhere, ...rest }: Rule & { readonly mayLeadNowhere: boolean }, entries: readonly Entry[]): Rule {
  if (typeof to === 'string' || mayLeadNowhere) return { ...rest, to }
  const there = entries.flatMap(({ host, ports: open }) => {
    const either = open.find((name) => name === to.port) ?? open.find((name): name is RulePort => name === 'http' || name === 'http-more')
    return host.startsWith('*') || (either !== 'http' && either !== 'http-more') ? [] : [{ host, port: either }]
  })
  return { ...rest, to: there.find(({ host }) => host === to.host) ?? there[0] ?? 'answer' }
}

const world: fc.Arbitrary<World> = fc
  .record(
    {
      strictness: fc.constantFrom<World['strictness']>('strict', 'strict', 'istio'),
      policy,
      caller: fc.record({ namespace, app: fc.constantFrom('client', 'batch') }),
      entries: fc.uniqueArray(entry, { minLength: 1, maxLength: 4, selector: ({ host }) => host }),
      rules: fc.uniqueArray(
        fc.record({
          host: fc.constantFrom(...hosts),
          http: fc.array(rule, { maxLength: 3 }),
          l4: fc.uniqueArray(fc.constantFrom<'tls' | 'tcp'>('tls', 'tcp')),
        }),
        { maxLength: 2, selector: ({ host }) => host },
      ),
      destination: fc.record({ host: fc.constantFrom(...hosts), has: fc.constantFrom<'tunnel' | 'pool'>('tunnel', 'pool') }),
      sidecar: fc.record(
        {
          hosts: fc.uniqueArray(fc.constantFrom('./*', 'beta/*', '*/a.test', '*/*.wild.test', '*/*'), { minLength: 1, maxLength: 2 }),
          policy,
        },
        { requiredKeys: ['hosts'] },
      ),
    },
    { requiredKeys: ['strictness', 'policy', 'caller', 'entries', 'rules'] },
  )
  .map((one) => ({
    ...one,
    rules: one.rules.map(({ http, ...rules }) => ({ ...rules, http: http.map((each) => led(each, one.entries)) })),
  }))

const elsewhere = '203.0.113.99'
const inRange = Object.values(range).map((cidr) => cidr.replace(/\.(\d+)\/28$/, (_all, last: string) => `.${Number(last) + 5}`))

const madeCall: fc.Arbitrary<MadeCall & { readonly aim?: number }> = fc.record(
  {
    aim: fc.integer({ min: 0, max: 23 }),
    says: fc.constantFrom<MadeCall['says']>('http', 'http', 'tls', 'bytes'),
    name: fc.constantFrom('a.test', 'b.test', 'x.wild.test', 'y.wild.test', 'unknown.test', 'A.Test', own['a.test']),
    ip: fc.constantFrom(elsewhere, ...Object.values(names).flat(), ...Object.values(own), ...inRange),
    port: fc.constantFrom(...Object.values(ports), 9000),
    path: fc.constantFrom('/', '/a', '/a/b'),
    header: fc.constantFrom('one', 'two'),
  },
  { requiredKeys: ['says', 'name', 'ip', 'port', 'path'] },
)

/** Half of the calls go to an address and port of some declaration, and half of those say its name. */
function aimed({ aim, ...call }: MadeCall & { readonly aim?: number }, { entries }: World): MadeCall {
  const entry = aim === undefined ? undefined : entries[aim % entries.length]
  const port = aim === undefined ? undefined : entry?.ports[aim % entry.ports.length]
  if (aim === undefined || entry === undefined || port === undefined) return call
  const { host, addresses } = entry
  const ips = { none: names[host]?.[0], own: own[host], range: inRange[hosts.indexOf(host)] }
  const name = host.startsWith('*') ? 'y.wild.test' : host
  return { ...call, ip: ips[addresses] ?? call.ip, port: ports[port], ...(aim % 4 < 2 && { name }) }
}

/** A world, and what is called in it. */
export const made = fc
  .record({ world, calls: fc.array(madeCall, { minLength: 1, maxLength: 32, size: 'max' }) })
  .map(({ world: one, calls }) => ({ world: one, calls: calls.map((call) => aimed(call, one)) }))
  .map((one) => ({ ...one, [fc.toStringMethod]: () => wordsOf(one) }))

export interface Round {
  readonly seed: number
  readonly numRuns: number
}

/** The same few worlds again and again, or for SIMULATION_SECONDS fresh ones, in rounds with a seed each. */
export function* rounds(usual: number): Iterable<Round> {
  const { SIMULATION_SEED: said, SIMULATION_WORLDS: worlds } = process.env
  const numRuns = Number(worlds ?? usual)
  const first = Number(said ?? (simulationMs === 0 ? 1 : Date.now() % 2 ** 31))
  const end = performance.now() + simulationMs
  for (let seed = first; seed === first || performance.now() < end; seed++) {
    if (simulationMs > 0) process.stdout.write(`SIMULATION_SEED=${seed}\n`)
    yield { seed, numRuns }
  }
}

const simulationMs = Number(process.env['SIMULATION_SECONDS'] ?? 0) * 1000

/** What is found is made smaller, which takes its time. */
export const patienceMs = simulationMs + 180_000
