// Reads what the client of a call proves itself with: a token that comes with the call, or the certificate of its connection.
import type { PeerCertificate } from 'node:tls'
import type { ServerDuplexStream, ServerUnaryCall } from '@grpc/grpc-js'

export interface CallProof {
  /** The header `authorization`. */
  readonly authorization?: string
  /** Signed by somebody whom the server trusts. */
  readonly certificate?: PeerCertificate
}

export function proofOf(
  call: Pick<ServerDuplexStream<unknown, unknown> | ServerUnaryCall<unknown, unknown>, 'metadata' | 'getAuthContext'>,
): CallProof {
  const [authorization] = call.metadata.get('authorization')
  const { sslPeerCertificate } = call.getAuthContext()
  return {
    ...(typeof authorization === 'string' ? { authorization } : {}),
    ...(sslPeerCertificate === undefined ? {} : { certificate: sslPeerCertificate }),
  }
}
