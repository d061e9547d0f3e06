// Defines what comes back from asking a resolver, and asks one question of node's own.
import type { promises } from 'node:dns'
import { familyOf, messageOf, parseIp } from '../base/index.ts'
import type { Ip } from '../base/index.ts'
import type { DnsRecord } from './wire.ts'

/** The types that are ever asked of a resolver. */
export const askedTypes = ['A', 'AAAA', 'CNAME', 'MX', 'TXT', 'SRV', 'NS', 'SOA', 'CAA', 'PTR'] as const
export type AskedType = (typeof askedTypes)[number]

/** `expires`: milliseconds since the epoch. */
export type DnsAnswer =
  | { readonly status: 'found'; readonly records: readonly DnsRecord[]; readonly expires: number }
  | { readonly status: 'no-data' | 'no-name'; readonly expires: number }
  | { readonly status: 'failed'; readonly reason: string; readonly expires: number }

export const longestTtlMs = 300_000
const shortestTtlMs = 1000
/** How long a no, or a failure, is believed. */
const negativeMs = 5000
// For types whose TTL node does not tell.
const untoldTtlSeconds = 60
/** A name with more addresses than this is as good as a name with this many. */
export const mostRecords = 64

export function isAskedType(type: string): type is AskedType {
  return askedTypes.some((asked) => asked === type)
}

/** Addresses of a found answer, in its order. */
export function addressesIn(answer: DnsAnswer): Ip[] {
  if (answer.status !== 'found') return []
  return answer.records.flatMap((record) => (record.type === 'A' || record.type === 'AAAA' ? (parseIp(record.data) ?? []) : []))
}

export function addressAnswer(addresses: readonly Ip[], type: AskedType, expires: number): DnsAnswer {
  const records = addresses
    .filter((ip) => (type === 'A' && familyOf(ip) === 4) || (type === 'AAAA' && familyOf(ip) === 6))
    .map((ip) => ({ type: familyOf(ip) === 4 ? ('A' as const) : ('AAAA' as const), data: ip }))
  return records.length === 0 ? { status: 'no-data', expires } : { status: 'found', records, expires }
}

/** A failure is believed as long as a no: a resolver that drops questions must not hold up every connection anew. */
export function failure(reason: string, now: number): DnsAnswer {
  return { status: 'failed', reason, expires: now + negativeMs }
}

export function noSuchName(now: number): DnsAnswer {
  return { status: 'no-name', expires: now + negativeMs }
}

/** Never rejects. */
export async function ask(resolver: promises.Resolver, name: string, type: AskedType, now: () => number): Promise<DnsAnswer> {
  try {
    const { records, ttlSeconds } = await lookup(resolver, name, type)
    const ttl = Math.min(longestTtlMs, Math.max(shortestTtlMs, ttlSeconds * 1000))
    if (records.length === 0) return { status: 'no-data', expires: now() + negativeMs }
    return { status: 'found', records: records.slice(0, mostRecords), expires: now() + ttl }
  } catch (error) {
    return answerOfError(error, now())
  }
}

interface Found {
  readonly records: readonly DnsRecord[]
  readonly ttlSeconds: number
}

async function lookup(resolver: promises.Resolver, name: string, type: AskedType): Promise<Found> {
  if (type === 'A') return withTtl(await resolver.resolve4(name, { ttl: true }), 'A')
  if (type === 'AAAA') return withTtl(await resolver.resolve6(name, { ttl: true }), 'AAAA')
  return { records: await lookupOther(resolver, name, type), ttlSeconds: untoldTtlSeconds }
}

/** The set lives as long as its shortest-lived record (RFC 2181 §5.2 wants them equal). */
function withTtl(found: readonly { readonly address: string; readonly ttl: number }[], type: 'A' | 'AAAA'): Found {
  const addresses = [...new Set(found.map((record) => record.address))]
  return { records: addresses.map((data) => ({ type, data })), ttlSeconds: Math.min(...found.map((record) => record.ttl)) }
}

async function lookupOther(resolver: promises.Resolver, name: string, type: Exclude<AskedType, 'A' | 'AAAA'>): Promise<DnsRecord[]> {
  switch (type) {
    case 'CNAME':
      return (await resolver.resolveCname(name)).map((data) => ({ type, data }))
    case 'NS':
      return (await resolver.resolveNs(name)).map((data) => ({ type, data }))
    case 'PTR':
      return (await resolver.resolvePtr(name)).map((data) => ({ type, data }))
    case 'TXT':
      return (await resolver.resolveTxt(name)).map((data) => ({ type, data }))
    case 'MX':
      return (await resolver.resolveMx(name)).map(({ priority, exchange }) => ({ type, data: { preference: priority, exchange } }))
    case 'SRV':
      return (await resolver.resolveSrv(name)).map(({ name: target, ...rest }) => ({ type, data: { ...rest, target } }))
    case 'CAA':
      return (await resolver.resolveCaa(name)).flatMap(caaRecord)
    case 'SOA':
      return [soaRecord(await resolver.resolveSoa(name))]
  }
}

function caaRecord(caa: Awaited<ReturnType<promises.Resolver['resolveCaa']>>[number]): DnsRecord[] {
  const flags = caa.critical
  return (['issue', 'issuewild', 'iodef'] as const).flatMap((tag) => {
    const value = caa[tag]
    return value === undefined ? [] : [{ type: 'CAA' as const, data: { flags, tag, value } }]
  })
}

function soaRecord(soa: Awaited<ReturnType<promises.Resolver['resolveSoa']>>): DnsRecord {
  const { nsname: mname, hostmaster: rname, serial, refresh, retry, expire, minttl: minimum } = soa
  return { type: 'SOA', data: { mname, rname, serial, refresh, retry, expire, minimum } }
}

function answerOfError(error: unknown, now: number): DnsAnswer {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ENODATA') return { status: 'no-data', expires: now + negativeMs }
  if (code === 'ENOTFOUND') return noSuchName(now)
  return failure(failureTexts[code] ?? messageOf(error), now)
}

const failureTexts: Readonly<Record<string, string>> = {
  ETIMEOUT: 'the resolver did not answer in time',
  ECONNREFUSED: 'the resolver could not be reached',
  EREFUSED: 'the resolver refused the question',
  ESERVFAIL: 'the resolver failed (SERVFAIL)',
  EBADRESP: 'the resolver answered nonsense',
  ECANCELLED: 'the look-up was given up because Sallyport is stopping',
}
