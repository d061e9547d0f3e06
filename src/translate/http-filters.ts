// Turns fault injection and CORS policies into the per-route configuration of Envoy's filters.
import type { Any } from '@bufbuild/protobuf/wkt'
import type { CorsPolicy, HttpFault, HttpRoute, Percent } from '../api/index.ts'
import { parseDuration } from '../base/index.ts'
import { create, extensionNames, packAny } from '../xds/index.ts'
import { FaultDelaySchema } from '../xds/gen/envoy/extensions/filters/common/fault/v3/fault_pb.js'
import { CorsPolicySchema } from '../xds/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js'
import { type FaultAbort, FaultAbortSchema, HTTPFaultSchema } from '../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js'
import {
  type FractionalPercent,
  FractionalPercent_DenominatorType as Denominator,
  FractionalPercentSchema,
} from '../xds/gen/envoy/type/v3/percent_pb.js'
import { stringPattern } from './http-match.ts'
import { duration } from './messages.ts'

export function filterConfigs({ fault, corsPolicy }: HttpRoute): Record<string, Any> {
  const made = fault && faultConfig(fault)
  return {
    ...(made && { [extensionNames.fault]: made }),
    ...(corsPolicy && { [extensionNames.cors]: corsConfig(corsPolicy) }),
  }
}

/** In millionths, as Istio writes a Percent. */
export function percentOf({ value = 0 }: Percent): FractionalPercent {
  return create(FractionalPercentSchema, { numerator: Math.trunc(value * 10_000), denominator: Denominator.MILLION })
}

export function hundredths(percent: number): FractionalPercent {
  return create(FractionalPercentSchema, { numerator: percent, denominator: Denominator.HUNDRED })
}

/** Without a percentage neither ever happens (observed), though Istio's reference says 100. */
function faultConfig({ delay, abort }: HttpFault): Any | undefined {
  const wait = delay?.fixedDelay === undefined ? undefined : parseDuration(delay.fixedDelay)
  const broken = abort && abortConfig(abort)
  if (wait === undefined && broken === undefined) return undefined
  const fault = create(HTTPFaultSchema, {
    ...(wait !== undefined && {
      delay: create(FaultDelaySchema, {
        faultDelaySecifier: { case: 'fixedDelay', value: duration(wait) },
        percentage: delay?.percentage === undefined ? hundredths(delay?.percent ?? 0) : percentOf(delay.percentage),
      }),
    }),
    ...(broken && { abort: broken }),
  })
  return packAny(HTTPFaultSchema, fault)
}

function abortConfig({ httpStatus, grpcStatus, percentage }: NonNullable<HttpFault['abort']>): FaultAbort | undefined {
  if (httpStatus === undefined && grpcStatus === undefined) return undefined
  const errorType =
    httpStatus === undefined
      ? ({ case: 'grpcStatus', value: grpcCodes.indexOf(grpcStatus ?? '') } as const)
      : ({ case: 'httpStatus', value: httpStatus } as const)
  return create(FaultAbortSchema, { errorType, ...(percentage && { percentage: percentOf(percentage) }) })
}

/** In the order of their numbers (grpc/doc/statuscodes.md). */
const grpcCodes: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

function corsConfig(policy: CorsPolicy): Any {
  const { allowOrigins, allowOrigin = [], maxAge, allowCredentials } = policy
  const seconds = maxAge === undefined ? undefined : Math.floor((parseDuration(maxAge) ?? 0) / 1000)
  const origins = allowOrigins ?? allowOrigin.map((exact) => ({ exact }))
  const message = create(CorsPolicySchema, {
    allowOriginStringMatch: origins.map((origin) => ({ matchPattern: stringPattern(origin) })),
    allowMethods: (policy.allowMethods ?? []).join(','),
    allowHeaders: (policy.allowHeaders ?? []).join(','),
    exposeHeaders: (policy.exposeHeaders ?? []).join(','),
    maxAge: seconds === undefined ? '' : String(seconds),
    filterEnabled: { defaultValue: hundredths(100) },
    forwardNotMatchingPreflights: policy.unmatchedPreflights !== 'IGNORE',
    ...(allowCredentials !== undefined && { allowCredentials }),
  })
  return packAny(CorsPolicySchema, message)
}
