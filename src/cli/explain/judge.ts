// Asks the same `decide` as the proxy, supplying by itself what a proxy would gather from sockets and DNS.
import type { Ip } from '../../base/index.ts'
import type { ConnectionFacts, FirstBytes, NameFacts } from '../../flow/index.ts'
import { type ConnectionDecision, decide, decideRequest, type RequestDecision, type Runtime } from '../../runtime/index.ts'
import { destinationOf, type Question } from './question.ts'

/** Stands for "an ordinary public address" where the question names none. */
export const assumedAddress = '192.0.2.1' as Ip

/** What the executor would finally do: never `gather`, `http` or `end-tls`. */
export type Outcome = Exclude<ConnectionDecision | RequestDecision, { verdict: 'gather' | 'http' | 'end-tls' }>

/** What happens to a share of the requests only is left out: most of them go the other way. */
const nearlyOne = 1 - Number.EPSILON

// A decision asks for first bytes once and for each name once; more rounds would be a fault of `decide`.
const mostRounds = 16

export interface Seat {
  readonly runtime: Runtime
  /** Bound listener at a gateway; absent at a sidecar. */
  readonly listener?: string
  /** The hop before begins TLS of its own, and asks for this name. */
  readonly hello?: string
}

export function judge(seat: Seat, question: Question): Outcome {
  const names = namesOf(question)
  let facts = firstFacts(seat, question, names)
  for (let round = 0; round < mostRounds; round++) {
    const decision = decide(seat.runtime, facts)
    if (decision.verdict === 'gather') {
      if (decision.need === 'first-bytes') facts = { ...facts, first: firstBytesOf(seat, question) }
      continue
    }
    if (decision.verdict === 'end-tls') {
      facts = { ...facts, secured: { by: decision.tls } }
      continue
    }
    return decision.verdict === 'http' ? judgeRequest(seat.runtime, decision, facts, question) : decision
  }
  throw new Error('the decision did not come to an end')
}

function judgeRequest(
  runtime: Runtime,
  served: Extract<ConnectionDecision, { verdict: 'http' }>,
  connection: ConnectionFacts,
  question: Question,
): Outcome {
  for (let round = 0; round < mostRounds; round++) {
    const decision: RequestDecision = decideRequest(runtime, served.manager, {
      kind: 'request',
      connection,
      method: question.method,
      authority: question.authority,
      path: question.path,
      scheme: connection.secured ? 'https' : 'http',
      headers: (name) => question.headers[name] ?? [],
      chance: () => nearlyOne,
      names: connection.names,
      random: connection.random,
    })
    if (decision.verdict !== 'gather') return decision
  }
  throw new Error('the decision did not come to an end')
}

function firstFacts(seat: Seat, question: Question, names: NameFacts): ConnectionFacts {
  const declared = seat.runtime.declaredName(question.host)
  const answered = declared?.addresses[0]
  const literal = question.host.includes(':') || /^[\d.]+$/.test(question.host) ? (question.host as Ip) : undefined
  const ip = question.dialled ?? literal ?? answered ?? question.resolved[0] ?? assumedAddress
  const isVirtual = seat.listener === undefined && question.dialled === undefined && answered !== undefined && isVirtualAddress(answered)
  return {
    kind: 'connection',
    source: { ip: '198.51.100.1' as Ip, port: 40_000 },
    destination: destinationOf(question, ip),
    names,
    random: 0,
    ...(seat.listener === undefined ? {} : { listener: seat.listener }),
    ...(isVirtual ? { virtualName: question.host } : {}),
  }
}

/** The ranges that addresses are allocated from for declared names without their own. */
function isVirtualAddress(ip: Ip): boolean {
  return ip.startsWith('240.240.') || ip.startsWith('2001:2:')
}

function firstBytesOf({ hello }: Seat, question: Question): FirstBytes {
  if (hello !== undefined) return { protocol: 'tls', ...(hello !== '' && { sni: hello }), alpn: ['istio'] }
  switch (question.protocol) {
    case 'http':
      return { protocol: 'http1', method: question.method, target: question.path, host: question.authority }
    case 'tls':
      return { protocol: 'tls', sni: question.host, alpn: ['h2', 'http/1.1'] }
    case 'tcp':
      return { protocol: 'other' }
  }
}

function namesOf(question: Question): NameFacts {
  const addresses = question.resolved.length > 0 ? question.resolved : [assumedAddress]
  const resolution = { addresses, expires: Number.POSITIVE_INFINITY }
  return () => resolution
}
