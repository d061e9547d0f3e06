// Says in Envoy's words how a gateway's server ends TLS: what it shows, whom it asks for a certificate, and what it trusts.
import { isServedCipher, type ServerTls, type TlsVersion } from '../api/index.ts'
import { create, credentialNames, extensionNames, packAny, secretNames, trustDomain } from '../xds/index.ts'
import { type TransportSocket, TransportSocketSchema } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import { SubjectAltNameMatcher_SanType, TlsParameters_TlsProtocol } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js'
import { DownstreamTlsContextSchema } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import { adsSource } from './messages.ts'

export type EndingTls = ServerTls & { readonly mode: 'SIMPLE' | 'MUTUAL' | 'OPTIONAL_MUTUAL' | 'ISTIO_MUTUAL' }

/** Whether TLS ends at the server; otherwise it is passed on as it comes. */
export function endsTls(tls: ServerTls | undefined): tls is EndingTls {
  return tls?.mode !== undefined && endingModes.has(tls.mode)
}

const endingModes: ReadonlySet<ServerTls['mode']> = new Set(['SIMPLE', 'MUTUAL', 'OPTIONAL_MUTUAL', 'ISTIO_MUTUAL'])

export interface ServerTlsInit {
  readonly strict: boolean
  /** What is inside. */
  readonly carries: 'http' | 'tcp'
}

export function serverSocket(tls: EndingTls, { strict, carries }: ServerTlsInit): TransportSocket {
  const isMesh = tls.mode === 'ISTIO_MUTUAL'
  const message = create(DownstreamTlsContextSchema, {
    requireClientCertificate: tls.mode === 'MUTUAL' || isMesh,
    commonTlsContext: {
      tlsParams: {
        tlsMinimumProtocolVersion:
          tls.minProtocolVersion === 'TLSV1_3' ? TlsParameters_TlsProtocol.TLSv1_3 : TlsParameters_TlsProtocol.TLSv1_2,
        tlsMaximumProtocolVersion: newest[tls.maxProtocolVersion ?? 'TLS_AUTO'],
        cipherSuites: servedCiphers(tls),
      },
      alpnProtocols: carries === 'tcp' && isMesh ? ['istio-peer-exchange', 'h2', 'http/1.1'] : ['h2', 'http/1.1'],
      tlsCertificateSdsSecretConfigs: [{ name: certificateOf(tls), sdsConfig: adsSource() }],
      ...(tls.mode !== 'SIMPLE' && { validationContextType: validation(tls, strict) }),
    },
  })
  return create(TransportSocketSchema, {
    name: extensionNames.tls,
    configType: { case: 'typedConfig', value: packAny(DownstreamTlsContextSchema, message) },
  })
}

/** Each once, as in Istio; none: Envoy's and OpenSSL's own. */
function servedCiphers({ cipherSuites = [] }: ServerTls): string[] {
  return [...new Set(cipherSuites)].filter(isServedCipher)
}

/** Differs from Istio, which passes over it, and over all of them if none is left: those that are used then are more than were asked for. */
export function hasUnknownCipher(tls: ServerTls | undefined, strict: boolean): boolean {
  return strict && endsTls(tls) && (tls.cipherSuites ?? []).some((name) => !isServedCipher(name))
}

/** What is older is refused by the schema, and never gone down to. */
const newest: Readonly<Record<TlsVersion, TlsParameters_TlsProtocol>> = {
  TLS_AUTO: TlsParameters_TlsProtocol.TLSv1_3,
  TLSV1_0: TlsParameters_TlsProtocol.TLSv1_2,
  TLSV1_1: TlsParameters_TlsProtocol.TLSv1_2,
  TLSV1_2: TlsParameters_TlsProtocol.TLSv1_2,
  TLSV1_3: TlsParameters_TlsProtocol.TLSv1_3,
}

/** Istio's names of secrets, some of which are files. */
function certificateOf({ mode, credentialName = '', serverCertificate = '', privateKey = '' }: EndingTls): string {
  if (mode === 'ISTIO_MUTUAL') return secretNames.certificate
  return credentialName === '' ? `file-cert:${serverCertificate}~${privateKey}` : credentialNames.certificate(credentialName)
}

function rootsOf({ mode, credentialName = '', caCertificates = '' }: EndingTls): string {
  if (mode === 'ISTIO_MUTUAL') return secretNames.roots
  return credentialName === '' ? `file-root:${caCertificates}` : credentialNames.roots(credentialName)
}

function validation(tls: EndingTls, strict: boolean) {
  const isMesh = tls.mode === 'ISTIO_MUTUAL'
  const names = tls.subjectAltNames ?? []
  return {
    case: 'combinedValidationContext',
    value: {
      defaultValidationContext: {
        matchSubjectAltNames: names.map((name) => ({ matchPattern: { case: 'exact', value: name } }) as const),
        // Differs from Istio, which takes every certificate of the chain: what has no identity of the mesh is no peer of it.
        matchTypedSubjectAltNames: isMesh && strict && names.length === 0 ? [ofMesh] : [],
        ...((tls.caCrl ?? '') !== '' && { crl: { specifier: { case: 'filename', value: tls.caCrl ?? '' } } as const }),
      },
      validationContextSdsSecretConfig: {
        name: rootsOf(tls),
        sdsConfig: adsSource(),
      },
    },
  } as const
}

const ofMesh = {
  sanType: SubjectAltNameMatcher_SanType.URI,
  matcher: { matchPattern: { case: 'prefix', value: `spiffe://${trustDomain}/ns/` } },
} as const
