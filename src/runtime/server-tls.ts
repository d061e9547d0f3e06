// Compiles the TLS that ends at a gateway: what is shown to clients, and what they have to show; a way that is not carried out is a problem.
import { getCiphers } from 'node:tls'
import {
  type DownstreamTlsContext,
  DownstreamTlsContext_OcspStaplePolicy,
} from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import { compileCertificate, compileValidation, problemOfCommon, type TlsProblem, versionsOf } from './tls-context.ts'
import type { ServerTlsPlan } from './upstream-plan.ts'

export function compileServerTls(message: DownstreamTlsContext): ServerTlsPlan | TlsProblem {
  const { commonTlsContext: common, requireClientCertificate: isNeeded = false } = message
  if (!common) return { problem: 'TLS without settings is not carried out' }
  const certificate = compileCertificate(common)
  if (certificate && 'problem' in certificate) return certificate
  if (!certificate) return { problem: 'TLS without a certificate is not carried out' }
  const validation = compileValidation(common)
  if ('problem' in validation) return validation
  const versions = versionsOf(common.tlsParams)
  const problem =
    versions === undefined ? 'TLS of these versions is not carried out' : (problemOfServer(message) ?? problemOfCommon(common))
  if (problem !== undefined || versions === undefined) return { problem: problem ?? '' }
  if (isNeeded && validation.roots === undefined) return { problem: 'client certificates that nothing verifies are not carried out' }
  const ciphers = common.tlsParams?.cipherSuites ?? []
  return {
    certificate,
    ...validation,
    ...(!isNeeded && validation.roots !== undefined && { mayLackCertificate: true }),
    alpn: common.alpnProtocols,
    ...versions,
    ...(ciphers.length > 0 && { ciphers }),
  }
}

/** As OpenSSL names them. */
const knownCiphers: ReadonlySet<string> = new Set(getCiphers())

function problemOfServer(message: DownstreamTlsContext): string | undefined {
  const unknown = message.commonTlsContext?.tlsParams?.cipherSuites.find((name) => !knownCiphers.has(name.toLowerCase()))
  if (unknown !== undefined) return `the TLS cipher ${JSON.stringify(unknown)} is not carried out`
  if (message.requireSni) return 'demanding a server name is not carried out'
  if (message.ocspStaplePolicy === DownstreamTlsContext_OcspStaplePolicy.MUST_STAPLE) return 'stapling OCSP responses is not carried out'
  if (message.sessionTicketKeysType.case !== undefined && message.sessionTicketKeysType.case !== 'disableStatelessSessionResumption') {
    return 'session ticket keys of a configuration are not carried out'
  }
  return undefined
}
