// Turns each packet into the packet that answers it: reads, decides, asks a resolver where needed, counts, and never throws.
import { systemClock } from '../base/index.ts'
import type { Clock, Ip, Watchable } from '../base/index.ts'
import { classOf } from '../runtime/index.ts'
import type { AddressClass, Runtime } from '../runtime/index.ts'
import { answerQuery, finishAnswer } from './answer.ts'
import type { AnswerContext, RefusedAs } from './answer.ts'
import type { RefusalAddresses } from './refusal-addresses.ts'
import type { AskedType } from './upstream-answer.ts'
import type { DnsClient } from './upstream.ts'
import { readQuery, writeReply } from './wire.ts'
import type { Query, Reply } from './wire.ts'

export interface ResponderOptions {
  readonly runtime: Watchable<Runtime | undefined>
  readonly names: Pick<DnsClient, 'query'>
  readonly refusals: RefusalAddresses
  readonly onRefused: (refused: RefusedQuery) => void
  /** Of the workload's resolv.conf. */
  readonly searchDomains?: readonly string[]
  readonly clusterDomain?: string
  readonly undeclared?: AnswerContext['undeclared']
  /** Whether an address that a resolver gave may be told; by its class alone unless said otherwise. */
  readonly mayTell?: AnswerContext['mayTell']
  readonly clock?: Clock
}

export interface RefusedQuery {
  /** Lower case; odd bytes as `\DDD`. */
  readonly name: string
  readonly type: string
  readonly as: RefusedAs
}

export interface DnsCounters {
  queries: number
  /** Looked up at a resolver. */
  asked: number
  refused: number
  /** Addresses left out of answers because they may not be told. */
  stripped: number
  malformed: number
  /** Turned away by a limit. */
  limited: number
  /** Replies that could not be sent. */
  unsent: number
}

export interface Responder {
  /** What a packet is answered with: at once, later, or not at all. */
  respond(packet: Buffer, transport: 'udp' | 'tcp'): Buffer | Promise<Buffer> | undefined
  /** The answer to a packet that a limit turned away. */
  turnAway(packet: Buffer): Buffer | undefined
}

const longestQuery = 4096
// Whether a private one may be dialled depends on the declaration, and is judged then.
const toldClasses: ReadonlySet<AddressClass> = new Set(['public', 'private'])
const servfail: Reply = { rcode: 'SERVFAIL', records: [], ttl: 0, authoritative: false }

export function createResponder(options: ResponderOptions, counters: DnsCounters): Responder {
  const clock = options.clock ?? systemClock
  const context = {
    refusals: options.refusals,
    searchDomains: (options.searchDomains ?? []).map((domain) => domain.toLowerCase().replace(/\.$/, '')),
    clusterDomain: options.clusterDomain ?? 'cluster.local',
    undeclared: options.undeclared ?? 'refusal-address',
    mayTell: options.mayTell ?? mayTellByClass,
  } as const

  function answer(query: Query): Reply | Promise<Reply> {
    if (query.edns !== undefined && query.edns.version > 0) return { ...servfail, rcode: 'BADVERS' }
    const now: AnswerContext = { ...context, runtime: options.runtime.value }
    const decision = answerQuery(query.question, now)
    if (decision.action === 'ask') return lookUp(decision.name, decision.type, now)
    if (decision.refused !== undefined) {
      counters.refused += 1
      options.onRefused({ name: query.question.name, type: query.question.type, as: decision.refused })
    }
    return decision.reply
  }

  async function lookUp(name: string, type: AskedType, now: AnswerContext): Promise<Reply> {
    counters.asked += 1
    const found = await options.names.query(name, type)
    const reply = finishAnswer(found, now, clock.now())
    if (found.status === 'found') counters.stripped += found.records.length - reply.records.length
    return reply
  }

  function respond(packet: Buffer, transport: 'udp' | 'tcp'): Buffer | Promise<Buffer> | undefined {
    counters.queries += 1
    const read = packet.length > longestQuery ? ({ kind: 'drop' } as const) : readQuery(packet)
    if (read.kind !== 'query') counters.malformed += 1
    if (read.kind === 'drop') return undefined
    if (read.kind === 'error') return read.reply
    const reply = answer(read.query)
    if (!(reply instanceof Promise)) return writeReply(read.query, reply, transport)
    return reply.then((late) => writeReply(read.query, late, transport)).catch((error) => afterBug(error, read.query))
  }

  function turnAway(packet: Buffer): Buffer | undefined {
    counters.limited += 1
    const read = readQuery(packet)
    return read.kind === 'query' ? writeReply(read.query, servfail, 'udp') : undefined
  }

  return {
    turnAway,
    respond(packet, transport) {
      try {
        return respond(packet, transport)
      } catch (error) {
        const read = readQuery(packet)
        return read.kind === 'query' ? afterBug(error, read.query) : undefined
      }
    },
  }
}

function mayTellByClass(ip: Ip, runtime: Runtime): boolean {
  return !runtime.strict || toldClasses.has(classOf(ip))
}

/** The last line: a bug in an answer costs that answer, never the workload's DNS. */
function afterBug(error: unknown, query: Query): Buffer {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)))
  return writeReply(query, servfail, 'udp')
}
