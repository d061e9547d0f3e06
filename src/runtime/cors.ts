// Compiles a CORS policy: which preflight requests are answered in the origin's place, and what is added to the other responses.
import { messageOf } from '../base/index.ts'
import type { Any } from '@bufbuild/protobuf/wkt'
import type { RequestFacts } from '../flow/index.ts'
import { unpackAny } from '../xds/index.ts'
import { type CorsPolicy, CorsPolicySchema } from '../xds/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js'
import type { HeaderChange } from './decision.ts'
import { shareOf } from './share.ts'
import { compileStringMatcher, type TextTest } from './string-match.ts'

export interface CorsPlan {
  readonly isAllowed: TextTest
  readonly forwardsUnmatched: boolean
  readonly methods: string
  readonly headers: string
  readonly maxAge: string
  readonly privateNetworks: boolean
  /** Added for every origin that is allowed, besides its name. */
  readonly exposed: readonly HeaderChange[]
  readonly credentials: boolean
}

/** Lines of the answer to a preflight request; undefined: the request is none, or is for the origin to answer (Envoy's CORS filter). */
export function answerPreflight(plan: CorsPlan, facts: RequestFacts): (readonly [name: string, value: string])[] | undefined {
  if (facts.method !== 'OPTIONS') return undefined
  const origin = valueOf(facts, 'origin')
  const method = valueOf(facts, 'access-control-request-method')
  if (origin === '' || method === '') return undefined
  const isAllowed = plan.isAllowed(origin)
  if (!isAllowed && plan.forwardsUnmatched) return undefined
  const lines: (readonly [string, string])[] = []
  if (isAllowed) lines.push(['access-control-allow-origin', origin])
  if (plan.credentials) lines.push(['access-control-allow-credentials', 'true'])
  const methods = plan.methods === '*' ? method : plan.methods
  if (methods !== '') lines.push(['access-control-allow-methods', methods])
  const headers = plan.headers === '*' ? valueOf(facts, 'access-control-request-headers') : plan.headers
  if (headers !== '') lines.push(['access-control-allow-headers', headers])
  if (plan.maxAge !== '') lines.push(['access-control-max-age', plan.maxAge])
  if (plan.privateNetworks && valueOf(facts, 'access-control-request-private-network') === 'true') {
    lines.push(['access-control-allow-private-network', 'true'])
  }
  return lines
}

/** What the response of the origin gets; nothing for a request that names no origin, or one that is not allowed. */
export function corsChanges(plan: CorsPlan, facts: RequestFacts): readonly HeaderChange[] | undefined {
  const origin = valueOf(facts, 'origin')
  if (origin === '' || !plan.isAllowed(origin)) return undefined
  return [{ kind: 'set', name: 'access-control-allow-origin', value: origin }, ...plan.exposed]
}

function valueOf(facts: RequestFacts, name: string): string {
  const lines = facts.headers(name)
  return lines.length === 1 ? (lines[0] ?? '') : lines.join(',')
}

/** Undefined: the policy is switched off. */
export function compileCors(config: Any): { readonly plan: CorsPlan | undefined } | { readonly problem: string } {
  let policy: CorsPolicy | undefined
  try {
    policy = unpackAny(config, CorsPolicySchema)
  } catch (error) {
    return { problem: `the CORS policy cannot be read: ${messageOf(error)}` }
  }
  if (!policy) return { problem: `CORS is not configured by ${config.typeUrl}` }
  const { filterEnabled } = policy
  const share = filterEnabled ? shareOf(filterEnabled.defaultValue) : 1
  if (share === 0) return { plan: undefined }
  if (share < 1) return { problem: 'CORS for a share of the requests is not carried out' }
  return compilePolicy(policy)
}

function compilePolicy(policy: CorsPolicy): { readonly plan: CorsPlan } | { readonly problem: string } {
  const tests: TextTest[] = []
  for (const matcher of policy.allowOriginStringMatch) {
    const compiled = compileStringMatcher(matcher)
    if ('problem' in compiled) return { problem: `allowed origin: ${compiled.problem}` }
    // A matcher that takes a star takes every origin.
    tests.push(compiled.test('*') ? () => true : compiled.test)
  }
  const credentials = policy.allowCredentials ?? false
  const exposed: HeaderChange[] = []
  if (credentials) exposed.push({ kind: 'set', name: 'access-control-allow-credentials', value: 'true' })
  if (policy.exposeHeaders !== '') exposed.push({ kind: 'set', name: 'access-control-expose-headers', value: policy.exposeHeaders })
  return {
    plan: {
      isAllowed: (origin) => tests.some((test) => test(origin)),
      forwardsUnmatched: policy.forwardNotMatchingPreflights ?? true,
      methods: policy.allowMethods,
      headers: policy.allowHeaders,
      maxAge: policy.maxAge,
      privateNetworks: policy.allowPrivateNetworkAccess ?? false,
      exposed,
      credentials,
    },
  }
}
