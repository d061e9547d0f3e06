// Reads from a verified certificate the workload identity that it proves.
import type { PeerCertificate, TLSSocket } from 'node:tls'
import type { FlowSource } from '../flow/index.ts'
import { parseSpiffeId } from '../identity/index.ts'
import type { Wire } from './transport.ts'
import { sansOf } from './upstream/certificate-names.ts'

/** One with two identities is nobody's (X509-SVID section 2). */
export function principalOf({ subjectaltname = '' }: Pick<PeerCertificate, 'subjectaltname'>): string | undefined {
  const uris = sansOf(subjectaltname).filter(({ kind }) => kind === 'uri')
  const [only, ...others] = uris
  return only !== undefined && others.length === 0 && parseSpiffeId(only.value) ? only.value : undefined
}

/** Of the certificate that was shown. */
export function ownPrincipalOf(socket: TLSSocket): string | undefined {
  const shown = socket.getCertificate()
  return shown !== null && 'subjectaltname' in shown ? principalOf(shown) : undefined
}

/** Writes down who has proven to be whom over a connection that was dialled. */
export function tellPrincipals(draft: { source: FlowSource; upstreamPrincipal: string | undefined }, wire: Wire): void {
  const { principal, ownPrincipal } = wire
  if (principal === undefined) return
  draft.upstreamPrincipal = principal
  if (ownPrincipal !== undefined && draft.source.principal === undefined) draft.source = { ...draft.source, principal: ownPrincipal }
}
