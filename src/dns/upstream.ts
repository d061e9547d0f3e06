// Resolves names for the data plane and for workloads' questions: hosts file first, then the system's resolver, each answer kept for its TTL.
import { promises } from 'node:dns'
import { familyOf, formatAddress, parseIp, SallyportError, systemClock, withTimeout } from '../base/index.ts'
import type { Address, Clock, Ip } from '../base/index.ts'
import type { Resolution } from '../flow/index.ts'
import type { NameSource } from '../runtime/index.ts'
import { createAnswerCache } from './answer-cache.ts'
import { openHostsFile, whenChanged } from './hosts-file.ts'
import { addressAnswer, addressesIn, ask, failure, longestTtlMs, mostRecords, noSuchName } from './upstream-answer.ts'
import type { AskedType, DnsAnswer } from './upstream-answer.ts'

export interface NameSourceOptions {
  /** `ADDR[:PORT]` or `[ADDR]:PORT`; without it the servers of /etc/resolv.conf are asked, read again when it changes. */
  readonly server?: string
  readonly hostsFile?: string
  readonly clock?: Clock
  readonly limits?: Partial<NameSourceLimits>
}

export interface NameSourceLimits {
  readonly names: number
  /** Questions under way at one time. */
  readonly pending: number
  /** One try at one server. */
  readonly tryMs: number
  readonly tries: number
  /** All tries at all servers. */
  readonly questionMs: number
  /** How long an answer that has run out may stand in while the resolver fails (Envoy keeps it for ever). */
  readonly graceMs: number
}

export type DnsClient = NameSource & {
  /** One question of one type. Never rejects; ends within the limit. Nothing is appended to `name`. */
  query(name: string, type: AskedType): Promise<DnsAnswer>
  /** Gives up what is under way; what is asked after that fails. */
  close(): void
}

const defaultLimits: NameSourceLimits = { names: 10_000, pending: 1000, tryMs: 2000, tries: 2, questionMs: 8000, graceMs: 60_000 }
// RFC 8305 §3, the other way round: IPv4 comes first here, and a resolver that drops AAAA questions must not hold it up.
const otherFamilyDelayMs = 50
const systemServers = '/etc/resolv.conf'

export function createNameSource(options: NameSourceOptions = {}): DnsClient {
  const clock = options.clock ?? systemClock
  const limits = { ...defaultLimits, ...options.limits }
  const hosts = openHostsFile(options.hostsFile ?? '/etc/hosts', clock)
  const cache = createAnswerCache(clock, { entries: limits.names * 2, graceMs: limits.graceMs })
  const resolvers = openResolvers(options.server, clock, limits)
  const pending = new Map<string, Promise<DnsAnswer>>()
  let closed = false

  /** What needs no resolver: an address as a name, the hosts file, what is never looked up. */
  function local(name: string): readonly Ip[] | 'never' | undefined {
    const literal = parseIp(name)
    if (literal !== undefined) return [literal]
    const given = hosts.addressesOf(name)
    if (given !== undefined) return given.slice(0, mostRecords)
    return isLookedUp(name) ? undefined : 'never'
  }

  function known(text: string): Resolution | undefined {
    const name = normalize(text)
    const given = local(name)
    if (given !== undefined) return localResolution(given, clock.now())
    const v4 = cache.fresh(`A ${name}`)
    const v6 = cache.fresh(`AAAA ${name}`)
    if (v4 !== undefined && v6 !== undefined) return combine(v4, v6)
    const isOtherLate = v4 !== undefined && pending.has(`AAAA ${name}`) && addressesIn(v4).length > 0
    return isOtherLate ? withoutOther(v4, clock.now()) : undefined
  }

  async function query(text: string, type: AskedType): Promise<DnsAnswer> {
    const name = normalize(text)
    const given = local(name)
    if (given === 'never') return noSuchName(clock.now())
    if (given !== undefined) return addressAnswer(given, type, clock.now() + longestTtlMs)
    const key = `${type} ${name}`
    return cache.fresh(key) ?? pending.get(key) ?? begin(key, name, type)
  }

  function begin(key: string, name: string, type: AskedType): Promise<DnsAnswer> | DnsAnswer {
    if (closed) return failure('the resolver has been closed', clock.now())
    if (pending.size >= limits.pending) return failure(`${limits.pending} look-ups are under way already`, clock.now())
    const answer = askWithin(name, type).then((fresh) => keep(key, fresh))
    pending.set(key, answer)
    return answer
  }

  async function askWithin(name: string, type: AskedType): Promise<DnsAnswer> {
    const answer = ask(resolvers.current(), name, type, () => clock.now())
    return withTimeout(answer, limits.questionMs, '').catch(() => failure('no resolver answered in time', clock.now()))
  }

  function keep(key: string, fresh: DnsAnswer): DnsAnswer {
    pending.delete(key)
    const good = fresh.status === 'failed' ? cache.lastGood(key) : undefined
    const answer = good === undefined ? fresh : { ...good, expires: fresh.expires }
    cache.store(key, answer)
    return answer
  }

  async function resolve(text: string): Promise<Resolution> {
    const before = known(text)
    if (before !== undefined) return before
    const other = query(text, 'AAAA')
    const v4 = await query(text, 'A')
    if (addressesIn(v4).length === 0) return combine(v4, await other)
    const v6 = await Promise.race([other, later(clock, otherFamilyDelayMs)])
    return v6 === undefined ? withoutOther(v4, clock.now()) : combine(v4, v6)
  }

  function close(): void {
    closed = true
    resolvers.cancel()
    cache.clear()
  }

  return { known, resolve, query, close }
}

/** `ADDR`, `ADDR:PORT` or `[ADDR]:PORT` as node's resolver wants it; throws when it is none of them. */
export function parseServer(text: string): string {
  const bare = parseIp(text.replace(/^\[(.*)\]$/, '$1'))
  if (bare !== undefined) return formatAddress({ ip: bare, port: 53 })
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const ip = parseIp(match?.[1] ?? match?.[2] ?? '')
  const port = Number(match?.[3] ?? 0)
  if (ip === undefined || port < 1 || port > 65_535 || (familyOf(ip) === 6) !== (match?.[1] !== undefined)) {
    throw new SallyportError('SLP0008', `"${text}" is no resolver address`, {
      fix: 'Write ADDR, ADDR:PORT or [ADDR]:PORT, such as 10.0.0.2:53.',
    })
  }
  return formatAddress({ ip, port } satisfies Address)
}

interface Resolvers {
  current(): promises.Resolver
  cancel(): void
}

/** One resolver, made anew when the system's list of servers has changed; questions under way end at the old one. */
function openResolvers(server: string | undefined, clock: Clock, limits: NameSourceLimits): Resolvers {
  const used = new Set<promises.Resolver>()
  const make = (): promises.Resolver => {
    const resolver = new promises.Resolver({ timeout: limits.tryMs, tries: limits.tries })
    if (server !== undefined) resolver.setServers([parseServer(server)])
    // Older ones have no question left by the time that the list has changed twice.
    for (const old of [...used].slice(0, -1)) used.delete(old)
    used.add(resolver)
    return resolver
  }
  const fixed = make()
  const changed = whenChanged(systemServers, clock, make)
  return {
    current: () => (server === undefined ? (changed() ?? fixed) : fixed),
    cancel: () => used.forEach((resolver) => resolver.cancel()),
  }
}

function normalize(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

/** Names under `localhost` never leave the machine (RFC 6761 §6.3); a last label of digits is an address in disguise. */
function isLookedUp(name: string): boolean {
  if (name.length > 253 || !/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(name)) return false
  return !/(^|\.)(localhost|\d+|0x[0-9a-f]*)$/.test(name)
}

function localResolution(given: readonly Ip[] | 'never', now: number): Resolution {
  return { addresses: given === 'never' ? [] : given, expires: now + longestTtlMs }
}

function combine(v4: DnsAnswer, v6: DnsAnswer): Resolution {
  const addresses = [...addressesIn(v4), ...addressesIn(v6)].slice(0, mostRecords)
  const expires = Math.min(v4.expires, v6.expires)
  if (addresses.length > 0) return { addresses, expires }
  if (v4.status === 'failed') return { failed: v4.reason, expires }
  return v6.status === 'failed' ? { failed: v6.reason, expires } : { addresses: [], expires }
}

/** While the other family is still awaited: good for this moment only. */
function withoutOther(v4: DnsAnswer, now: number): Resolution {
  return { addresses: addressesIn(v4), expires: Math.min(v4.expires, now + 1000) }
}

function later(clock: Clock, ms: number): Promise<undefined> {
  return new Promise((resolve) => clock.setTimer(ms, () => resolve(undefined)))
}
