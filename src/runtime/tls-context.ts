// Compiles what both sides of TLS say in the same words: the certificate to show, whom to trust, names to accept, versions.
import type { ConfigSource } from '../xds/gen/envoy/config/core/v3/config_source_pb.js'
import type { DataSource } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import {
  type CertificateValidationContext,
  type SubjectAltNameMatcher,
  SubjectAltNameMatcher_SanType,
  type TlsParameters,
  TlsParameters_TlsProtocol,
} from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js'
import type { CommonTlsContext } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import type { SdsSecretConfig } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'
import type { StringMatcher } from '../xds/gen/envoy/type/matcher/v3/string_pb.js'
import type { CertificateSource, RootsSource, SanRule, TlsPlan } from './upstream-plan.ts'

export type TlsProblem = { readonly problem: string }

/** Names of secrets that Istio's agent beside the proxy reads from files; here the proxy reads them itself. */
const rootPrefix = 'file-root:'
const certificatePrefix = 'file-cert:'

export function problemOfCommon(common: CommonTlsContext): string | undefined {
  const { tlsParams } = common
  if (common.customHandshaker || common.customTlsCertificateSelector) return 'handshakes by an extension are not carried out'
  if (tlsParams && (tlsParams.ecdhCurves.length > 0 || tlsParams.signatureAlgorithms.length > 0)) {
    return 'choosing TLS curves or signatures is not carried out'
  }
  return undefined
}

export function compileCertificate(common: CommonTlsContext): CertificateSource | TlsProblem | undefined {
  const [secret, ...more] = common.tlsCertificateSdsSecretConfigs
  const [inline, ...others] = common.tlsCertificates
  if (more.length > 0 || others.length > 0 || (secret && inline)) return { problem: 'several certificates are not carried out' }
  if (secret) return certificateOf(secret) ?? { problem: `the certificate "${secret.name}" of a secret service is not carried out` }
  if (!inline) return undefined
  const [chain, key] = [fileOf(inline.certificateChain), fileOf(inline.privateKey)]
  return chain === undefined || key === undefined ? { problem: 'a certificate that is no file is not carried out' } : { chain, key }
}

function certificateOf(secret: SdsSecretConfig): CertificateSource | undefined {
  if (!secret.name.startsWith(certificatePrefix)) return secretOf(secret)
  const [chain, key] = secret.name.slice(certificatePrefix.length).split('~')
  return chain && key ? { chain, key } : undefined
}

/** One that comes by the same stream as everything else. */
function secretOf({ name, sdsConfig }: SdsSecretConfig): { readonly secret: string } | undefined {
  return name !== '' && isOwnStream(sdsConfig) ? { secret: name } : undefined
}

function isOwnStream(source: ConfigSource | undefined): boolean {
  return source?.configSourceSpecifier.case === 'ads'
}

export type TlsValidation = Pick<TlsPlan, 'roots' | 'crl' | 'sans'>

export function compileValidation(common: CommonTlsContext): TlsValidation | TlsProblem {
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
      const secret = type.value.validationContextSdsSecretConfig
      const roots = secret && rootsOf(secret)
      if (roots === undefined)
        return { problem: `the trusted certificates "${secret?.name ?? ''}" of a secret service are not carried out` }
      return compileContext(type.value.defaultValidationContext, roots)
    }
    case 'validationContextSdsSecretConfig': {
      const roots = rootsOf(type.value)
      return roots === undefined
        ? { problem: `the trusted certificates "${type.value.name}" of a secret service are not carried out` }
        : { roots, sans: [] }
    }
    default:
      return { problem: `checking certificates by "${type.case}" is not carried out` }
  }
}

function rootsOf(secret: SdsSecretConfig): RootsSource | undefined {
  if (!secret.name.startsWith(rootPrefix)) return secretOf(secret)
  return secret.name.length > rootPrefix.length ? secret.name.slice(rootPrefix.length) : undefined
}

function compileContext(context: CertificateValidationContext | undefined, roots: RootsSource | undefined): TlsValidation | TlsProblem {
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

/** Envoy begins at 1.2 and ends at 1.3 on both sides (Istio says so as well). */
export function versionsOf(params: TlsParameters | undefined): Pick<TlsPlan, 'minVersion' | 'maxVersion'> | undefined {
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
