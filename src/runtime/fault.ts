// Compiles fault injection: the share of requests that wait first, and the share that is answered with an error instead of being forwarded.
import { messageOf } from '../base/index.ts'
import type { Any } from '@bufbuild/protobuf/wkt'
import type { Chance } from '../flow/index.ts'
import { unpackAny } from '../xds/index.ts'
import { type FaultAbort, type HTTPFault, HTTPFaultSchema } from '../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js'
import type { FaultDelay } from '../xds/gen/envoy/extensions/filters/common/fault/v3/fault_pb.js'
import { milliseconds } from './milliseconds.ts'
import { shareOf } from './share.ts'

/** What a request is aborted with; `grpc` is for clients that speak it. */
export interface FaultError {
  readonly status: number
  readonly grpc?: number
}

export interface FaultPlan {
  readonly delay?: { readonly share: number; readonly wait: number }
  readonly abort?: { readonly share: number } & FaultError
}

/** What chance has in store for one request. */
export interface FaultDraw {
  /** Milliseconds; 0 = at once. */
  readonly delay: number
  /** Absent: the request goes its way. */
  readonly error?: FaultError
}

const noFault: FaultDraw = { delay: 0 }

export function drawFault({ delay, abort }: FaultPlan, chance: Chance): FaultDraw {
  const wait = delay !== undefined && chance('delay') < delay.share ? delay.wait : 0
  if (abort !== undefined && chance('abort') < abort.share) return { delay: wait, error: abort }
  return wait === 0 ? noFault : { delay: wait }
}

/** Undefined: nothing ever happens. */
export function compileFault(config: Any): { readonly plan: FaultPlan | undefined } | { readonly problem: string } {
  let fault: HTTPFault | undefined
  try {
    fault = unpackAny(config, HTTPFaultSchema)
  } catch (error) {
    return { problem: `the configuration of the fault filter cannot be read: ${messageOf(error)}` }
  }
  if (!fault) return { problem: `the fault filter is not configured by ${config.typeUrl}` }
  const problem = problemOf(fault)
  if (problem !== undefined) return { problem }
  const delay = fault.delay && compileDelay(fault.delay)
  const abort = fault.abort && compileAbort(fault.abort)
  if (delay && 'problem' in delay) return delay
  if (abort && 'problem' in abort) return abort
  if (!delay?.share && !abort?.share) return { plan: undefined }
  return { plan: { ...(delay?.share && { delay }), ...(abort?.share && { abort }) } }
}

function problemOf(fault: HTTPFault): string | undefined {
  if (fault.upstreamCluster !== '' || fault.headers.length > 0 || fault.downstreamNodes.length > 0) {
    return 'injecting faults for some destinations, headers or nodes only is not carried out'
  }
  if (fault.responseRateLimit) return 'slowing responses down is not carried out'
  return undefined
}

function compileDelay({
  faultDelaySecifier: kind,
  percentage,
}: FaultDelay): NonNullable<FaultPlan['delay']> | { readonly problem: string } {
  if (kind.case === 'headerDelay') return { problem: 'delays that the request asks for are not carried out' }
  return { share: kind.case === 'fixedDelay' ? shareOf(percentage) : 0, wait: kind.case === 'fixedDelay' ? milliseconds(kind.value) : 0 }
}

function compileAbort({ errorType: kind, percentage }: FaultAbort): NonNullable<FaultPlan['abort']> | { readonly problem: string } {
  switch (kind.case) {
    case 'httpStatus':
      if (kind.value < 200 || kind.value > 599) return { problem: `a fault with the status ${kind.value} is no answer` }
      return { share: shareOf(percentage), status: kind.value }
    case 'grpcStatus':
      return { share: shareOf(percentage), status: 200, grpc: kind.value }
    default:
      return { problem: 'aborting as the request asks for is not carried out' }
  }
}
