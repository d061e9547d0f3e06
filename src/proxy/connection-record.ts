// Says in a connection's record what came first and why it was refused, and what only an access log prints.
import { formatAddress } from '../base/index.ts'
import type { AccessDetails, FirstBytes, FlowProtocol } from '../flow/index.ts'
import type { Deny } from '../runtime/index.ts'
import type { Arrival } from './arrival.ts'
import type { FlowDraft } from './flow-recorder.ts'

export function describeFirst(draft: FlowDraft, first: FirstBytes | undefined): void {
  draft.protocol = protocolOf(first)
  if (first?.protocol === 'tls' && first.sni !== undefined) draft.sni = first.sni
  if (first?.protocol === 'http1' && first.host !== undefined) draft.host = first.host
}

export function describeRefusal(draft: FlowDraft, deny: Deny): void {
  draft.verdict = 'deny'
  draft.reason = deny.reason
  draft.path = 'none'
  draft.flag = deny.flag
  draft.details = deny.details
  if (deny.cluster !== undefined) draft.cluster = deny.cluster
}

export function accessDetailsOf({ source, destination }: Arrival, draft: FlowDraft): AccessDetails {
  return {
    ...emptyAccess,
    downstreamLocal: formatAddress(destination),
    downstreamRemote: source ? formatAddress(source) : '-',
    transportFailure: draft.flag === 'UF,URX' ? (draft.details ?? '-') : '-',
  }
}

/** Why a live connection ends although what it asks for is not refused. */
export const otherwise = {
  forward: 'the new configuration leads this connection elsewhere: connect again',
  passthrough: 'the new configuration leads this connection elsewhere: connect again',
  gather: 'the new configuration does not allow this connection as it is',
  // Its later requests could not be judged, and each is decided on its own.
  'end-tls': 'TLS ends here now, and did not when this connection was made: connect again',
  http: 'this port now serves HTTP, and the requests on this connection are not looked at: connect again',
} as const

/** What an access log prints for a connection that was no HTTP. */
const emptyAccess: AccessDetails = {
  httpVersion: '-',
  originalPath: '-',
  xForwardedFor: '-',
  userAgent: '-',
  requestId: '-',
  authority: '-',
  upstreamServiceTime: '-',
  downstreamLocal: '-',
  downstreamRemote: '-',
  routeName: '-',
  transportFailure: '-',
}

function protocolOf(first: FirstBytes | undefined): FlowProtocol {
  if (first?.protocol === 'tls') return 'tls'
  if (first?.protocol === 'http1') return 'http'
  if (first?.protocol === 'http2') return 'http2'
  return 'tcp'
}
