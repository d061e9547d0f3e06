// Judges what a client of the door asks for before it has said anything else, by the same decision as every other connection.
import { messageOf } from '../../base/index.ts'
import type { ConnectionFacts, FirstBytes } from '../../flow/index.ts'
import type { ConnectionDecision, Deny, Runtime } from '../../runtime/index.ts'
import { type Judge, ownDeny } from '../context.ts'

/**
 * The refusal, if whatever the client could say next would be refused: now it can be told, later only a connection that ends. What is
 * let through is judged again by what the client does say.
 */
export function foresee(judge: Judge, runtime: Runtime, facts: ConnectionFacts): Deny | undefined {
  const decision = decide(judge, runtime, facts)
  if (decision.verdict === 'deny') return decision
  if (decision.verdict !== 'gather' || decision.need !== 'first-bytes') return undefined
  // Of an address without a name nothing is known of the names that may come.
  if (facts.virtualName === undefined) return undefined
  const refusals: Deny[] = []
  for (const first of openings(facts.virtualName)) {
    const next = decide(judge, runtime, { ...facts, first })
    if (next.verdict !== 'deny') return undefined
    refusals.push(next)
  }
  return refusals[0]
}

function openings(name: string): readonly FirstBytes[] {
  return [
    { protocol: 'tls', sni: name, alpn: [] },
    { protocol: 'http1', method: 'GET', target: '/', host: name },
    { protocol: 'other' },
    { protocol: 'silent' },
  ]
}

function decide(judge: Judge, runtime: Runtime, facts: ConnectionFacts): ConnectionDecision {
  try {
    return judge.decide(runtime, facts)
  } catch (error) {
    return ownDeny('internal-error', `the decision failed: ${messageOf(error)}`)
  }
}
