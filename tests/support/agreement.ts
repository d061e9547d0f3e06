// Says where what a live engine did with a call differs from what was decided for it: verdict, cluster, path, declaration, and where it arrived.
import { formatAddress } from '../../src/base/index.ts'
import type { FlowRecord, OriginRef, ReasonCode } from '../../src/flow/index.ts'
import type { ConnectionDecision, RequestDecision } from '../../src/runtime/index.ts'
import type { Engine } from './disagreements.ts'
import type { StandOutcome } from './stand.ts'

export type Decision = ConnectionDecision | RequestDecision

/** Undefined where there is none. */
export async function differenceOf(engine: Engine, decision: Decision, { record, reached }: StandOutcome): Promise<string | undefined> {
  const here = decided(decision, engine)
  const there = record === undefined ? 'no record' : recorded(record, engine)
  if (here !== there && !isGuess(decision, record)) return `${here} here, ${there} under ${engine} (${whyOf(record)})`
  const targets = targetsOf(decision)
  const isElsewhere = (): boolean => targets.length > 0 && reached().length > 0 && !reached().some((address) => targets.includes(address))
  for (let patience = 100; patience > 0 && isElsewhere(); patience--) await new Promise((resolve) => setTimeout(resolve, 20))
  return isElsewhere() ? `${targets.join(' or ')} here, ${reached().join(' and ')} was reached under ${engine}` : undefined
}

/** Where nothing takes a flow, our data plane looks for whom it was meant; Envoy names the outbound policy. */
const guesses: ReadonlySet<ReasonCode> = new Set(['not-declared', 'not-visible', 'name-mismatch', 'destination-mismatch'])

function isGuess(decision: Decision, record: FlowRecord | undefined): boolean {
  return decision.verdict === 'deny' && record?.verdict === 'deny' && guesses.has(decision.reason.code) && guesses.has(record.reason.code)
}

function decided(decision: Decision, engine: Engine): string {
  switch (decision.verdict) {
    case 'forward':
    case 'passthrough':
      return `allow ${decision.cluster.name} ${decision.path}${by(decision.reason.by)}`
    case 'answer':
      return `allow - none${by(decision.reason.by)}`
    case 'deny':
      return `deny${engine === 'sallyport' ? ` ${decision.reason.code}` : ''}${by(decision.reason.by)}`
    default:
      return decision.verdict
  }
}

function recorded({ verdict, reason, cluster, path, by: ref }: FlowRecord, engine: Engine): string {
  if (verdict === 'deny') return `deny${engine === 'sallyport' ? ` ${reason.code}` : ''}${by(ref)}`
  return `allow ${cluster ?? '-'} ${path}${by(ref)}`
}

function by(ref: OriginRef | undefined): string {
  return ref === undefined ? '' : ` by ${ref.kind} ${ref.namespace}/${ref.name} ${ref.field ?? ''}`
}

function whyOf(record: FlowRecord | undefined): string {
  return record === undefined ? '-' : `${record.reason.code} ${record.details ?? ''} ${record.upstream ?? ''}`
}

function targetsOf(decision: Decision): readonly string[] {
  if (decision.verdict !== 'forward' && decision.verdict !== 'passthrough') return []
  return decision.targets.flatMap((target) => ('pipe' in target ? [] : [formatAddress(target)]))
}
