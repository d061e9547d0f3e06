// Opens the flow of one request and says in it, and for the access log, what the request was.
import { formatAddress, splitAuthority } from '../../base/index.ts'
import type { AccessDetails, FlowSource } from '../../flow/index.ts'
import type { Answer, Deny, Forward, Passthrough } from '../../runtime/index.ts'
import { type Arrival, sourceOf } from '../arrival.ts'
import type { Context } from '../context.ts'
import type { Flow } from '../flow-recorder.ts'
import { isFlowId, isWorkload } from '../proxy-protocol.ts'
import type { RequestHead } from './request-head.ts'

export interface AccessNotes {
  requestId: string
  routeName: string
  upstreamServiceTime: string
  transportFailure: string
  requestHeaders?: ReadonlyMap<string, string>
  responseHeaders?: ReadonlyMap<string, string>
}

export interface RequestFlow {
  readonly flow: Flow
  /** What is learnt later and only the access log prints. */
  readonly notes: AccessNotes
}

/** What the requests of one connection have in common. */
export interface RequestOrigin {
  /** The connection's id. */
  readonly id: string
  readonly arrival: Arrival
  readonly source: FlowSource
  readonly destination: string
}

/** `head` is undefined for a request that could not be read. */
export function openRequestFlow(context: Context, client: RequestOrigin, head: RequestHead | undefined): RequestFlow {
  const { arrival } = client
  const told = context.role === 'gateway' ? head?.headers : undefined
  const hasTold = told?.source !== undefined && isWorkload(told.source)
  const source = hasTold ? sourceOf(context, { source: arrival.source, workload: told.source }) : client.source
  const flow = context.recorder.open('request', source, client.destination)
  const { draft } = flow
  draft.connection = client.id
  draft.protocol = 'http'
  const parent = told?.flow !== undefined && isFlowId(told.flow) ? told.flow : arrival.parent
  if (parent !== undefined) draft.parent = parent
  if (head) {
    draft.method = head.method
    draft.requestPath = head.path
    draft.host = splitAuthority(head.authority)?.host ?? head.authority
  } else if (arrival.virtualName !== undefined) {
    draft.host = arrival.virtualName
  }
  const notes: AccessNotes = { requestId: '-', routeName: '-', upstreamServiceTime: '-', transportFailure: '-' }
  flow.access = () => accessDetails(arrival, head, notes)
  flow.announce()
  return { flow, notes }
}

export function describeForward({ flow, notes }: RequestFlow, decision: Forward | Passthrough, requestId: string): void {
  const { draft } = flow
  draft.verdict = 'allow'
  draft.reason = decision.reason
  draft.path = decision.path
  draft.cluster = decision.cluster.name
  notes.requestId = requestId
  if (decision.route !== undefined) notes.routeName = decision.route
}

export function describeDeny({ flow, notes }: RequestFlow, deny: Deny, requestId: string): void {
  const { draft } = flow
  draft.verdict = 'deny'
  draft.reason = deny.reason
  draft.path = 'none'
  draft.flag = deny.flag
  draft.details = deny.details
  if (deny.cluster !== undefined) draft.cluster = deny.cluster
  notes.requestId = requestId
  if (deny.route !== undefined) notes.routeName = deny.route
}

export function describeAnswer({ flow, notes }: RequestFlow, answer: Answer, requestId: string): void {
  const { draft } = flow
  draft.verdict = 'allow'
  draft.reason = answer.reason
  draft.flag = answer.flag
  draft.details = answer.details
  notes.requestId = requestId
  if (answer.route !== undefined) notes.routeName = answer.route
}

function accessDetails(arrival: Arrival, head: RequestHead | undefined, notes: AccessNotes): AccessDetails {
  return {
    httpVersion: 'HTTP/1.1',
    originalPath: head?.originalPath ?? '-',
    xForwardedFor: head?.headers.forwardedFor ?? '-',
    userAgent: head?.headers.userAgent ?? '-',
    authority: head?.authority ?? '-',
    downstreamLocal: formatAddress(arrival.destination),
    downstreamRemote: arrival.source ? formatAddress(arrival.source) : '-',
    ...notes,
  }
}
