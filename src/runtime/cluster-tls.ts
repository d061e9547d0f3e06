// Compiles the TLS that a cluster begins: whom to trust, which names to ask for and to accept; a way that is not carried out is a problem.
import type { UpstreamHttpProtocolOptions } from '../xds/gen/envoy/config/core/v3/protocol_pb.js'
import type { CommonTlsContext, UpstreamTlsContext } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import { compileCertificate, compileValidation, problemOfCommon, type TlsProblem, versionsOf } from './tls-context.ts'
import type { TlsPlan } from './upstream-plan.ts'

/** `host`: that of the cluster. */
export function compileTls(
  message: UpstreamTlsContext,
  http: UpstreamHttpProtocolOptions | undefined,
  host: string | undefined,
): TlsPlan | TlsProblem {
  const { commonTlsContext: common, sni } = message
  if (!common) return { problem: 'TLS without settings is not carried out' }
  const certificate = compileCertificate(common)
  if (certificate && 'problem' in certificate) return certificate
  const validation = compileValidation(common)
  if ('problem' in validation) return validation
  const versions = versionsOf(common.tlsParams)
  const problem = versions === undefined ? 'TLS of these versions is not carried out' : problemOf(message, common, http)
  if (problem !== undefined || versions === undefined) return { problem: problem ?? '' }
  const autoSan = (http?.autoSanValidation ?? false) || (message.autoSniSanValidation && sni === '')
  return {
    ...(sni !== '' && { sni }),
    ...(host !== undefined && { host }),
    autoSni: sni === '' && (http?.autoSni ?? false),
    autoSan: autoSan && validation.roots !== undefined,
    ...validation,
    ...(certificate && { certificate }),
    alpn: common.alpnProtocols,
    ...versions,
  }
}

function problemOf(
  message: UpstreamTlsContext,
  common: CommonTlsContext,
  http: UpstreamHttpProtocolOptions | undefined,
): string | undefined {
  if (message.autoHostSni) return 'taking the server name from the endpoint is not carried out'
  if (http && http.overrideAutoSniHeader !== '') return 'taking the server name from a header is not carried out'
  if (common.tlsParams && common.tlsParams.cipherSuites.length > 0) return 'choosing TLS ciphers is not carried out'
  return problemOfCommon(common)
}
