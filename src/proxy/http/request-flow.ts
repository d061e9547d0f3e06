// Opens the flow of one request and says in it, and for the access log, what the request was.
import { formatAddress, splitAuthority } from '../../base/index.ts'
import type { AccessDetails, FlowSource } from '../../flow/index.ts'
import type { Answer, Deny, Forward, Passthrough } from '../../runtime/index.ts'
import { type Arrival, sourceOf } from '../arrival.ts'
import { describeRefusal } from '../connection-record.ts'
import type { Context } from '../context.ts'
import type { AccessTeller, Flow } from '../flow-recorder.ts'
import { isFlowId, isWorkload } from '../proxy-protocol.ts'
import type { RequestHead } from './request-head.ts'

/** The flow of one request, with what is learnt of it and only the access log prints. */
export class RequestFlow implements AccessTeller {
  readonly flow: Flow
  requestId = '-'
  routeName = '-'
  upstreamServiceTime = '-'
  transportFailure = '-'
  requestHeaders: ReadonlyMap<string, string> | undefined
  responseHeaders: ReadonlyMap<string, string> | undefined
  readonly #arrival: Arrival
  readonly #head: RequestHead | undefined

  constructor(flow: Flow, arrival: Arrival, head: RequestHead | undefined) {
    this.flow = flow
    this.#arrival = arrival
    this.#head = head
    flow.teller = this
  }

  accessDetails(): AccessDetails {
    const arrival = this.#arrival
    const head = this.#head
    const { requestId, routeName, upstreamServiceTime, transportFailure, requestHeaders, responseHeaders } = this
    return {
      httpVersion: this.flow.draft.protocol === 'http2' ? 'HTTP/2' : 'HTTP/1.1',
      originalPath: head?.originalPath ?? '-',
      xForwardedFor: head?.headers.forwardedFor ?? '-',
      userAgent: head?.headers.userAgent ?? '-',
      authority: head?.authority ?? '-',
      downstreamLocal: formatAddress(arrival.destination),
      downstreamRemote: arrival.source ? formatAddress(arrival.source) : '-',
      requestId,
      routeName,
      upstreamServiceTime,
      transportFailure,
      ...(requestHeaders && { requestHeaders }),
      ...(responseHeaders && { responseHeaders }),
    }
  }
}

/** What the requests of one connection have in common. */
export class RequestOrigin {
  /** The connection's id. */
  readonly id: string
  readonly arrival: Arrival
  readonly protocol: 'http' | 'http2'
  readonly destination: string
  readonly #source: FlowSource
  /** The workload that the hop before told last, and whose flows that makes them: nearly always the same one. */
  #told: string | undefined
  #toldSource: FlowSource | undefined

  constructor(flow: Flow, arrival: Arrival, protocol: 'http' | 'http2' = 'http') {
    this.protocol = protocol
    this.id = flow.id
    this.arrival = arrival
    this.destination = flow.draft.destination
    this.#source = flow.draft.source
  }

  sourceOf(context: Context, told: string | undefined): FlowSource {
    if (told === undefined || !isWorkload(told)) return this.#source
    if (this.#toldSource === undefined || told !== this.#told) {
      this.#told = told
      this.#toldSource = sourceOf(context, { ...this.arrival, workload: told })
    }
    return this.#toldSource
  }
}

/** `head` is undefined for a request that could not be read. */
export function openRequestFlow(context: Context, client: RequestOrigin, head: RequestHead | undefined): RequestFlow {
  const { arrival } = client
  const told = context.role === 'gateway' ? head?.headers : undefined
  const flow = context.recorder.open('request', client.sourceOf(context, told?.source), client.destination)
  const { draft } = flow
  draft.connection = client.id
  draft.protocol = client.protocol
  const parent = told?.flow !== undefined && isFlowId(told.flow) ? told.flow : arrival.parent
  if (parent !== undefined) draft.parent = parent
  if (head) {
    draft.method = head.method
    draft.requestPath = head.path
    draft.host = splitAuthority(head.authority)?.host ?? head.authority
  } else if (arrival.virtualName !== undefined) {
    draft.host = arrival.virtualName
  }
  flow.announce()
  return new RequestFlow(flow, arrival, head)
}

export function describeForward(request: RequestFlow, decision: Forward | Passthrough, requestId: string): void {
  const { draft } = request.flow
  draft.verdict = 'allow'
  draft.reason = decision.reason
  draft.path = decision.path
  draft.cluster = decision.cluster.name
  request.requestId = requestId
  if (decision.route !== undefined) request.routeName = decision.route
}

export function describeDeny(request: RequestFlow, deny: Deny, requestId: string): void {
  describeRefusal(request.flow.draft, deny)
  request.requestId = requestId
  if (deny.route !== undefined) request.routeName = deny.route
}

export function describeAnswer(request: RequestFlow, answer: Answer, requestId: string): void {
  const { draft } = request.flow
  draft.verdict = 'allow'
  draft.reason = answer.reason
  draft.flag = answer.flag
  draft.details = answer.details
  request.requestId = requestId
  if (answer.route !== undefined) request.routeName = answer.route
}
