// Explains a decision by making it: the very same functions, with every step they take written down.
import type { ConnectionFacts, RequestFacts } from '../flow/index.ts'
import type { Runtime } from './compiled.ts'
import { decide } from './decide.ts'
import { decideRequest } from './decide-request.ts'
import type { ConnectionDecision, RequestDecision } from './decision.ts'
import type { Trace, TraceStep } from './trace.ts'

export interface Explanation {
  readonly steps: readonly TraceStep[]
  readonly connection: ConnectionDecision
  /** The request's own decision, when the connection carries HTTP and a request was asked about. */
  readonly request?: RequestDecision
}

/** A *gather* is given back as it is: whoever asks learns the fact, as the executor would, and asks again. */
export function traceDecision(
  runtime: Runtime,
  facts: ConnectionFacts,
  request?: Pick<RequestFacts, 'method' | 'authority' | 'path'> & Partial<Pick<RequestFacts, 'scheme' | 'headers' | 'chance'>>,
): Explanation {
  const steps: Trace = []
  const connection = decide(runtime, facts, steps)
  if (connection.verdict !== 'http' || !request) return { steps, connection }
  const { names, random } = facts
  const whole: RequestFacts = {
    kind: 'request',
    connection: facts,
    names,
    random,
    scheme: 'http',
    headers: () => [],
    chance: () => 0,
    ...request,
  }
  return { steps, connection, request: decideRequest(runtime, connection.manager, whole, steps) }
}
