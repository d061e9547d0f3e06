// Compiles the TLS that a cluster begins: whom to trust, which names to ask for and to accept; a way that is not carried out is a problem.
import type { UpstreamHttpProtocolOptions } from '../xds/gen/envoy/config/core/v3/protocol_pb.js'
import type { DataSource } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import {
  type CertificateValidationContext,
  type SubjectAltNameMatcher,
  SubjectAltNameMatcher_SanType,
  type TlsParameters,
  TlsParameters_TlsProtocol,
} from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js'
import type { CommonTlsContext, UpstreamTlsContext } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import type { StringMatcher } from '../xds/gen/envoy/type/matcher/v3/string_pb.js'
import type { SanRule, TlsPlan } from './upstream-plan.ts'

type Problem = { readonly problem: string }

/** Names of secrets that Istio's agent beside the proxy reads from files; here the proxy reads them itself. */
const rootPrefix = 'file-root:'
const certificatePrefix = 'file-cert:'

/** `host`: that of the cluster. */
export function compileTls(
  message: UpstreamTlsContext,
  http: UpstreamHttpProtocolOptions | undefined,
  host: string | undefined,
): TlsPlan | Problem {
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
  const { tlsParams } = common
  if (message.autoHostSni) return 'taking the server name from the endpoint is not carried out'
  if (http && http.overrideAutoSniHeader !== '') return 'taking the server name from a header is not carried out'
  if (common.customHandshaker || common.customTlsCertificateSelector) return 'handshakes by an extension are not carried out'
  if (tlsParams && (tlsParams.cipherSuites.length > 0 || tlsParams.ecdhCurves.length > 0 || tlsParams.signatureAlgorithms.length > 0)) {
    return 'choosing TLS ciphers, curves or signatures is not carried out'
  }
  return undefined
}

function compileCertificate(common: CommonTlsContext): TlsPlan['certificate'] | Problem {
  const [secret, ...more] = common.tlsCertificateSdsSecretConfigs
  const [inline, ...others] = common.tlsCertificates
  if (more.length > 0 || others.length > 0 || (secret && inline)) return { problem: 'several client certificates are not carried out' }
  if (secret) {
    const files = secret.name.startsWith(certificatePrefix) ? secret.name.slice(certificatePrefix.length).split('~') : []
    const [chain, key] = files
    return chain && key ? { chain, key } : { problem: `the certificate "${secret.name}" of a secret service is not carried out` }
  }
  if (!inline) return undefined
  const [chain, key] = [fileOf(inline.certificateChain), fileOf(inline.privateKey)]
  return chain === undefined || key === undefined ? { problem: 'a client certificate that is no file is not carried out' } : { chain, key }
}

type Validation = Pick<TlsPlan, 'roots' | 'crl' | 'sans'>

function compileValidation(common: CommonTlsContext): Validation | Problem {
  const { validationContextType: type } = common
  switch (type.case) {
    case undefined:
      return { sans: [] }
    case 'validationContext': {
      const { value } = type
      // An empty context is how Istio says that nothing is checked.
      const roots = value.systemRootCerts ? 'system' : fileOf(value.trustedCa)
      if (value.trustedCa && roots === undefined) return { problem: 'trusted certificates that are no file are not carried out' }
      return compileContext(value, roots)
    }
    case 'combinedValidationContext': {
      const name = type.value.validationContextSdsSecretConfig?.name ?? ''
      const roots = rootsOf(name)
      if (roots === undefined) return { problem: `the trusted certificates "${name}" of a secret service are not carried out` }
      return compileContext(type.value.defaultValidationContext, roots)
    }
    case 'validationContextSdsSecretConfig': {
      const roots = rootsOf(type.value.name)
      return roots === undefined
        ? { problem: `the trusted certificates "${type.value.name}" of a secret service are not carried out` }
        : { roots, sans: [] }
    }
    default:
      return { problem: `checking certificates by "${type.case}" is not carried out` }
  }
}

function rootsOf(secret: string): string | undefined {
  return secret.startsWith(rootPrefix) && secret.length > rootPrefix.length ? secret.slice(rootPrefix.length) : undefined
}

function compileContext(context: CertificateValidationContext | undefined, roots: string | undefined): Validation | Problem {
  if (!context) return { ...(roots !== undefined && { roots }), sans: [] }
  const sans: SanRule[] = []
  for (const rule of [...context.matchTypedSubjectAltNames, ...context.matchSubjectAltNames.map((matcher) => ({ matcher }))]) {
    const compiled = compileSan(rule)
    if (compiled === undefined) return { problem: 'this way of matching names in certificates is not carried out' }
    sans.push(compiled)
  }
  if (sans.length > 0 && roots === undefined) return { problem: 'names of certificates that are not verified are not carried out' }
  const crl = fileOf(context.crl)
  if (context.crl && crl === undefined) return { problem: 'a list of revoked certificates that is no file is not carried out' }
  if (context.verifyCertificateSpki.length > 0 || context.verifyCertificateHash.length > 0 || context.customValidatorConfig) {
    return { problem: 'pinning certificates, and checking them by an extension, is not carried out' }
  }
  return { ...(roots !== undefined && { roots }), ...(crl !== undefined && { crl }), sans }
}

const kinds: Readonly<Record<number, SanRule['kind']>> = {
  [SubjectAltNameMatcher_SanType.DNS]: 'dns',
  [SubjectAltNameMatcher_SanType.URI]: 'uri',
  [SubjectAltNameMatcher_SanType.EMAIL]: 'email',
  [SubjectAltNameMatcher_SanType.IP_ADDRESS]: 'ip',
}

function compileSan({
  sanType,
  matcher,
}: {
  readonly sanType?: SubjectAltNameMatcher['sanType']
  readonly matcher?: StringMatcher | undefined
}) {
  const kind = sanType === undefined ? undefined : kinds[sanType]
  if (!matcher || (sanType !== undefined && kind === undefined)) return undefined
  const { matchPattern, ignoreCase } = matcher
  switch (matchPattern.case) {
    case 'exact':
    case 'prefix':
    case 'suffix':
    case 'contains':
      return { ...(kind && { kind }), match: matchPattern.case, value: matchPattern.value, ignoreCase } satisfies SanRule
    default:
      return undefined
  }
}

/** Envoy's client begins at 1.2 and ends at 1.3 (Istio says so as well). */
function versionsOf(params: TlsParameters | undefined): Pick<TlsPlan, 'minVersion' | 'maxVersion'> | undefined {
  const { TLS_AUTO: auto, TLSv1_2: second, TLSv1_3: third } = TlsParameters_TlsProtocol
  const [min, max] = [params?.tlsMinimumProtocolVersion ?? auto, params?.tlsMaximumProtocolVersion ?? auto]
  const known = new Set([auto, second, third])
  if (!known.has(max)) return undefined
  // A lower floor than ours is not gone down to.
  return { minVersion: min === third ? 'TLSv1.3' : 'TLSv1.2', maxVersion: max === second ? 'TLSv1.2' : 'TLSv1.3' }
}

function fileOf(source: DataSource | undefined): string | undefined {
  return source?.specifier.case === 'filename' && source.specifier.value !== '' ? source.specifier.value : undefined
}
