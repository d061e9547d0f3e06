// Decides what a workload's DNS question is answered with: declared names truly, everything else in a way that leads to a refusal with its name.
import { familyOf, ipFromBytes, parseIp } from '../base/index.ts'
import type { Ip } from '../base/index.ts'
import type { Runtime } from '../runtime/index.ts'
import type { RefusalAddresses } from './refusal-addresses.ts'
import { addressAnswer, isAskedType, longestTtlMs } from './upstream-answer.ts'
import type { AskedType, DnsAnswer } from './upstream-answer.ts'
import type { DnsRecord, Question, Rcode, Reply } from './wire.ts'

export interface AnswerContext {
  /** Undefined until the first configuration has come. */
  readonly runtime: Runtime | undefined
  readonly refusals: RefusalAddresses
  /** Of the workload's resolv.conf, lower case. */
  readonly searchDomains: readonly string[]
  readonly clusterDomain: string
  /** What a question for an undeclared name gets under REGISTRY_ONLY. */
  readonly undeclared: 'refusal-address' | 'nxdomain'
  /** Whether an address that a resolver gave may be told (design: never-reached classes may not). */
  mayTell(ip: Ip, runtime: Runtime): boolean
}

/** How an undeclared name was turned away; records of kind `query` are made of it. */
export type RefusedAs = 'refusal-address' | 'nxdomain' | 'nodata'

export type DnsDecision =
  | { readonly action: 'reply'; readonly reply: Reply; readonly refused?: RefusedAs }
  /** The resolver's answer is needed; `finishAnswer` makes the reply of it. */
  | { readonly action: 'ask'; readonly name: string; readonly type: AskedType }

const classIn = 1
/** Istio's TTL for names of its registry; a refusal must be forgotten as soon as the name is declared. */
const declaredTtl = 30
const refusalTtl = 1

export function answerQuery(question: Question, context: AnswerContext): DnsDecision {
  const { runtime } = context
  if (question.class !== classIn || question.type === 'AXFR' || question.type === 'IXFR') return local('REFUSED')
  // RFC 8482 §4.2.
  if (question.type === 'ANY') return local('NOERROR', [{ type: 'HINFO', data: { cpu: 'RFC8482', os: '' } }])
  if (isUnder(question.name, 'localhost')) return local('NOERROR', loopbackRecords(question.type))
  if (runtime === undefined) return local('SERVFAIL')
  if (question.type === 'PTR' && isReverse(question.name)) return answerReverse(question.name, runtime, context)
  // Addresses in HTTPS and SVCB records would go round the declared ones, and their absence is always legal (RFC 9460 §3).
  if (question.type === 'HTTPS' || question.type === 'SVCB' || question.name === '') return local('NOERROR')
  const declared = question.plain ? runtime.declaredName(question.name) : undefined
  if (declared === undefined) return answerUndeclared(question, runtime, context)
  const isAddress = question.type === 'A' || question.type === 'AAAA'
  if (isAddress && declared.addresses.length > 0) return local('NOERROR', addressRecords(declared.addresses, question.type), declaredTtl)
  return isAskedType(question.type) ? { action: 'ask', name: question.name, type: question.type } : local('NOERROR')
}

/** `now`: milliseconds since the epoch, to turn the answer's expiry into a TTL. */
export function finishAnswer(answer: DnsAnswer, context: AnswerContext, now: number): Reply {
  if (answer.status === 'failed') return reply('SERVFAIL')
  if (answer.status !== 'found') return { ...reply(answer.status === 'no-name' ? 'NXDOMAIN' : 'NOERROR'), authoritative: false }
  const ttl = Math.max(1, Math.min(longestTtlMs / 1000, Math.ceil((answer.expires - now) / 1000)))
  return { rcode: 'NOERROR', records: answer.records.filter((record) => mayTellRecord(record, context)), ttl, authoritative: false }
}

/** Whether under this policy names that nothing declares are looked up: `istio` forwards them even under REGISTRY_ONLY. */
function isOpen(runtime: Runtime): boolean {
  return !runtime.strict || !runtime.knowsNames || runtime.outboundPolicy === 'ALLOW_ANY'
}

function answerUndeclared(question: Question, runtime: Runtime, context: AnswerContext): DnsDecision {
  const { name, type } = question
  const isClusterName = isUnder(name, context.clusterDomain)
  if (isOpen(runtime) && question.plain && !(runtime.strict && isClusterName)) {
    return isAskedType(type) ? { action: 'ask', name, type } : local('NOERROR')
  }
  // What a client's search list makes of another name is no question of its own: NXDOMAIN sends it on to the name that was meant.
  if (context.searchDomains.some((domain) => domain !== '' && name.endsWith(`.${domain}`))) return local('NXDOMAIN')
  // The last: an address in disguise.
  const isHopeless = isClusterName || !name.includes('.') || !question.plain || /\.\d+$/.test(name)
  if (isHopeless || context.undeclared === 'nxdomain') return { ...local('NXDOMAIN'), refused: 'nxdomain' }
  if (type !== 'A' && type !== 'AAAA') return { ...local('NOERROR'), refused: 'nodata' }
  const address = context.refusals.addressFor(name, type === 'A' ? 4 : 6)
  return { ...local('NOERROR', [{ type, data: address }], refusalTtl), refused: 'refusal-address' }
}

function answerReverse(name: string, runtime: Runtime, context: AnswerContext): DnsDecision {
  const ip = addressOfReverse(name)
  const found = ip && (runtime.nameOfAddress(ip) ?? context.refusals.nameOf(ip) ?? loopbackName(ip))
  if (found !== undefined) return local('NOERROR', [{ type: 'PTR', data: found }], refusalTtl)
  return isOpen(runtime) ? { action: 'ask', name, type: 'PTR' } : local('NXDOMAIN')
}

function local(rcode: Rcode, records: readonly DnsRecord[] = [], ttl = declaredTtl): { readonly action: 'reply'; readonly reply: Reply } {
  return { action: 'reply', reply: reply(rcode, records, ttl) }
}

function reply(rcode: Rcode, records: readonly DnsRecord[] = [], ttl = declaredTtl): Reply {
  return { rcode, records, ttl, authoritative: rcode === 'NOERROR' || rcode === 'NXDOMAIN' }
}

function loopbackRecords(type: string): readonly DnsRecord[] {
  return addressRecords(
    ['127.0.0.1', '::1'].flatMap((text) => parseIp(text) ?? []),
    type,
  )
}

function addressRecords(addresses: readonly Ip[], type: string): readonly DnsRecord[] {
  if (type !== 'A' && type !== 'AAAA') return []
  const answer = addressAnswer(addresses, type, 0)
  return answer.status === 'found' ? answer.records : []
}

function mayTellRecord(record: DnsRecord, context: AnswerContext): boolean {
  if (record.type !== 'A' && record.type !== 'AAAA') return true
  const ip = parseIp(record.data)
  if (ip === undefined || (record.type === 'A') !== (familyOf(ip) === 4)) return false
  return context.runtime === undefined || context.mayTell(ip, context.runtime)
}

function isUnder(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`)
}

function isReverse(name: string): boolean {
  return isUnder(name, 'in-addr.arpa') || isUnder(name, 'ip6.arpa')
}

function loopbackName(ip: Ip): string | undefined {
  return ip === '::1' || ip.startsWith('127.') ? 'localhost' : undefined
}

/** RFC 1035 §3.5, RFC 3596 §2.5; undefined for a part of an address. */
function addressOfReverse(name: string): Ip | undefined {
  if (name.endsWith('.in-addr.arpa')) return parseIp(name.slice(0, -'.in-addr.arpa'.length).split('.').reverse().join('.'))
  const digits = name.slice(0, -'.ip6.arpa'.length).split('.').reverse().join('')
  if (!/^[0-9a-f]{32}$/.test(digits) || name.length !== 63 + '.ip6.arpa'.length) return undefined
  return ipFromBytes(Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)))
}
