// Says in Envoy's words how a request failed that was allowed: status, body, flag and details.
import type { ResponseFlag } from '../../flow/index.ts'
import type { DialFailure } from '../upstream/dial.ts'
import type { UpstreamFailure } from './upstream-connection.ts'

export interface Failure {
  readonly status: number
  readonly body: string
  readonly flag: ResponseFlag
  readonly details: string
  /** A limit of ours was reached: `x-envoy-overloaded` says so to the client. */
  readonly isOverload?: true
}

export interface Tries {
  /** How often the request was tried by the route's plan. */
  readonly count: number
  /** The plan would have had it tried again, and was used up. */
  readonly isExhausted: boolean
}

const BEFORE = 'upstream connect error or disconnect/reset before headers.'

export function describeDialFailure({ attempts, words, isTimeout, refused }: DialFailure, { count, isExhausted }: Tries): Failure {
  if (refused === 'unhealthy') return { status: 503, body: 'no healthy upstream', flag: 'UH', details: 'no_healthy_upstream' }
  if (refused === 'overflow') {
    const details = 'upstream_reset_before_response_started{overflow}'
    return { status: 503, body: `${BEFORE} reset reason: overflow`, flag: 'UO', details, isOverload: true }
  }
  const reason = isTimeout ? 'connection timeout' : 'remote connection failure'
  return {
    status: 503,
    body: `${BEFORE} ${retried(attempts > 1 || count > 1)}reset reason: ${reason}`,
    flag: attempts > 1 || isExhausted ? 'URX,UF' : 'UF',
    details: `upstream_reset_before_response_started{${isTimeout ? 'connection_timeout' : `remote_connection_failure|${words}`}}`,
  }
}

export function describeUpstreamFailure(failure: UpstreamFailure, hasStarted: boolean, { count, isExhausted }: Tries): Failure {
  const isGarbage = failure.kind === 'garbage'
  const reason = isGarbage ? 'protocol error' : 'connection termination'
  const flag = isGarbage ? 'UPE' : 'UC'
  return {
    status: isGarbage ? 502 : 503,
    body: `${BEFORE} ${retried(count > 1)}reset reason: ${reason}`,
    flag: isExhausted ? `URX,${flag}` : flag,
    details: `upstream_reset_${hasStarted ? 'after' : 'before'}_response_started{${reason.replaceAll(' ', '_')}}`,
  }
}

function retried(isRetried: boolean): string {
  return isRetried ? 'retried and the latest ' : ''
}
