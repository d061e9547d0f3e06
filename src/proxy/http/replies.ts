// Says in HTTP why the proxy itself answers: a refusal with its explanation, or a failure in Envoy's words.
import { formatAddress } from '../../base/index.ts'
import type { Deny } from '../../runtime/index.ts'
import type { Arrival } from '../arrival.ts'
import type { Context } from '../context.ts'
import type { Flow } from '../flow-recorder.ts'
import type { Wire } from '../transport.ts'
import { explain } from './explanation.ts'
import { buildReply } from './local-reply.ts'
import type { RequestHead } from './request-head.ts'

export interface ReplyContent {
  readonly status: number
  readonly body: string | Uint8Array
  readonly contentType?: string
  /** Further headers; one that says the content type counts. */
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly decision?: string
  /** The reason alone, where the body says more. */
  readonly words?: string
  readonly isOverload?: true
  /** For a client that speaks gRPC; absent: what the status means to it. */
  readonly grpcStatus?: number
}

export interface DenyParts {
  readonly deny: Deny
  readonly arrival: Arrival
  readonly flow: Flow
  /** Undefined: the request could not be read. */
  readonly head: RequestHead | undefined
}

/** Bodies that Envoy gives; a refusal by a route has none. */
const envoyBodies: Readonly<Record<string, string>> = {
  no_healthy_upstream: 'no healthy upstream',
  'http1.codec_error': 'Bad Request',
  'http.invalid_authority': 'Bad Request',
}

export function denyReply(context: Context, parts: DenyParts): ReplyContent {
  const { deny, arrival, flow, head } = parts
  if (!deny.explain) return { status: deny.status, body: envoyBodies[deny.details] ?? '' }
  const { namespace, workload, address } = flow.draft.source
  const explanation = explain(
    {
      reason: deny.reason,
      by: deny.reason.by && context.recorder.placed(deny.reason.by),
      decision: flow.id,
      ...(head && { request: head }),
      destination: formatAddress(arrival.destination),
      port: arrival.destination.port,
      source: workload === '' ? address : `${namespace}/${workload} (${address})`,
      status: deny.status,
    },
    head?.headers.accept,
  )
  return { status: deny.status, ...explanation, decision: flow.id, words: deny.reason.text }
}

export interface ReplyFrame {
  readonly serverName: string
  readonly date: string
  readonly closes: boolean
  readonly isHead: boolean
}

/** Returns the bytes of the body. */
export function sendReply(wire: Wire, reply: ReplyContent & ReplyFrame): number {
  const bytes = buildReply({ contentType: 'text/plain', ...reply })
  wire.lend(bytes, 0, bytes.length)
  return bytes.length - (bytes.indexOf(HEAD_END) + HEAD_END.length)
}

const HEAD_END = '\r\n\r\n'
