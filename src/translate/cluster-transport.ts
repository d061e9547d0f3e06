// Says in Envoy's words how bytes travel to a cluster: the TLS of a DestinationRule, and a PROXY protocol header ahead of it.
import type { ClientTls } from '../api/index.ts'
import type { EffectivePolicy } from '../model/index.ts'
import { isWildcardHost, type Service, type ServicePort } from '../registry/index.ts'
import { create, credentialNames, extensionNames, packAny, secretNames, trustDomain } from '../xds/index.ts'
import { type TransportSocket, TransportSocketSchema } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import { ProxyProtocolConfig_Version } from '../xds/gen/envoy/config/core/v3/proxy_protocol_pb.js'
import { ProxyProtocolUpstreamTransportSchema } from '../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js'
import { RawBufferSchema } from '../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js'
import { SubjectAltNameMatcher_SanType, TlsParameters_TlsProtocol } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js'
import { type UpstreamTlsContext, UpstreamTlsContextSchema } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import { adsSource } from './messages.ts'
import type { UpstreamProtocol } from './upstream-protocol.ts'

/** Which names are left to each request. */
export interface AutoNames {
  readonly autoSni: boolean
  readonly autoSanValidation: boolean
}

export interface TlsSubject {
  readonly service: Service
  readonly port: ServicePort
  readonly strict: boolean
  readonly protocol: UpstreamProtocol
  readonly subset: string
}

/** Nothing for plain bytes. */
export function transportSocket(policy: EffectivePolicy, subject: TlsSubject): TransportSocket | undefined {
  const tls = policy.tls?.value
  const socket = begins(tls) ? tlsSocket(tls, subject) : meshSocket(policy, subject)
  const version = policy.proxyProtocol && (policy.proxyProtocol.value.version ?? 'V1')
  return version === undefined ? socket : proxyProtocolSocket(ProxyProtocolConfig_Version[version], socket)
}

export function begins(tls: ClientTls | undefined): tls is ClientTls {
  return tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL'
}

/** Istio's: a request's host is asked for unless a name is said, and checked unless names or no check at all are said. */
export function autoNames(tls: ClientTls, subject: TlsSubject): AutoNames {
  const isNamed = nameOf(tls, subject) !== undefined
  const hasNames = (tls.subjectAltNames ?? []).length > 0
  return { autoSni: !isNamed, autoSanValidation: !isNamed && !hasNames && tls.insecureSkipVerify !== true }
}

/**
 * Differs from Istio, which asks for no name where bytes are no requests, and checks none: there the name of the service is asked for.
 * `undefined` leaves it to each request.
 */
function nameOf({ sni }: ClientTls, { service, port, strict }: TlsSubject): string | undefined {
  if (sni !== undefined && sni !== '') return sni
  return strict && port.family === 'tcp' && !isWildcardHost(service.host) ? service.host : undefined
}

/** Why TLS cannot be begun; differs from Istio, which would ask for no name and check none. */
export function namelessTls(tls: ClientTls | undefined, { service, port, strict }: Omit<TlsSubject, 'protocol'>): string | undefined {
  if (!strict || !begins(tls) || tls.insecureSkipVerify === true || port.family === 'http') return undefined
  if (!isWildcardHost(service.host) || (tls.sni ?? '') !== '' || (tls.subjectAltNames ?? []).length > 0) return undefined
  return `nothing says which name the certificate behind ${service.host} has to have: set tls.sni or tls.subjectAltNames`
}

function tlsSocket(tls: ClientTls, subject: TlsSubject): TransportSocket {
  const sni = nameOf(tls, subject)
  const certificate = certificateOf(tls)
  const message = create(UpstreamTlsContextSchema, {
    ...(sni !== undefined && { sni }),
    commonTlsContext: {
      // Else the version of HTTP that is spoken is what is offered.
      alpnProtocols: subject.protocol === 'http2' ? ['h2'] : [],
      tlsParams: versions,
      tlsCertificateSdsSecretConfigs: certificate === undefined ? [] : [{ name: certificate, sdsConfig: adsSource() }],
      validationContextType: validation(tls, subject, sni),
    },
  })
  return create(TransportSocketSchema, {
    name: extensionNames.tls,
    configType: { case: 'typedConfig', value: packAny(UpstreamTlsContextSchema, message) },
  })
}

/** Istio's names of secrets, some of which are files. */
function certificateOf({ mode, credentialName = '', clientCertificate: chain, privateKey: key }: ClientTls): string | undefined {
  if (mode !== 'MUTUAL') return undefined
  if (credentialName !== '') return credentialNames.certificate(credentialName)
  return chain !== undefined && key !== undefined ? `file-cert:${chain}~${key}` : undefined
}

function rootsOf({ credentialName = '', caCertificates }: ClientTls): string {
  return credentialName === '' ? `file-root:${caCertificates || 'system'}` : credentialNames.roots(credentialName)
}

/** The mesh's own mutual TLS, as Istio writes it; nothing where it is not asked for. */
export function meshSocket(policy: EffectivePolicy, { service, port, strict, subset }: TlsSubject): TransportSocket | undefined {
  const tls = policy.tls?.value
  if (tls?.mode !== 'ISTIO_MUTUAL') return undefined
  const said = tls.subjectAltNames ?? []
  const names = said.length > 0 ? said : (service.subjectAltNames ?? [])
  const message = create(UpstreamTlsContextSchema, {
    sni: tls.sni || `outbound_.${port.number}_.${subset}_.${service.host}`,
    commonTlsContext: {
      tlsParams: versions,
      alpnProtocols: ['istio'],
      tlsCertificateSdsSecretConfigs: [{ name: secretNames.certificate, sdsConfig: adsSource() }],
      validationContextType: {
        case: 'combinedValidationContext',
        value: {
          defaultValidationContext: {
            matchSubjectAltNames: names.map(exactly),
            matchTypedSubjectAltNames: strict && names.length === 0 ? [ofNamespace(service)] : [],
          },
          validationContextSdsSecretConfig: { name: secretNames.roots, sdsConfig: adsSource() },
        },
      },
    },
  })
  return create(TransportSocketSchema, {
    name: extensionNames.tls,
    configType: { case: 'typedConfig', value: packAny(UpstreamTlsContextSchema, message) },
  })
}

const versions = {
  tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
  tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
}

function exactly(value: string) {
  return { matchPattern: { case: 'exact', value } } as const
}

/** Differs from Istio, which looks at the chain alone where nothing says who answers: any workload of the mesh could. */
function ofNamespace({ host, namespace }: Service) {
  const [, inName] = /^[^.]+\.([^.]+)\.svc\.cluster\.local$/.exec(host) ?? []
  const value = `spiffe://${trustDomain}/ns/${inName ?? namespace}/sa/`
  return {
    sanType: SubjectAltNameMatcher_SanType.URI,
    matcher: { matchPattern: { case: 'prefix', value } },
  } as const
}

type Validation = NonNullable<UpstreamTlsContext['commonTlsContext']>['validationContextType']
type ValidationInit = NonNullable<
  NonNullable<Parameters<typeof create<typeof UpstreamTlsContextSchema>>[1]>['commonTlsContext']
>['validationContextType']

function validation(
  tls: ClientTls,
  { service, strict }: TlsSubject,
  sni: string | undefined,
): ValidationInit & { readonly case?: Validation['case'] } {
  if (tls.insecureSkipVerify === true) return { case: 'validationContext', value: {} }
  const said = tls.subjectAltNames ?? []
  const names = said.length > 0 ? said : (service.subjectAltNames ?? [])
  // Differs from Istio, which looks at the chain alone once a name is set: the name that is asked for is the one to be proven.
  const isNameChecked = strict && names.length === 0 && sni !== undefined
  return {
    case: 'combinedValidationContext',
    value: {
      defaultValidationContext: {
        matchSubjectAltNames: names.map(exactly),
        matchTypedSubjectAltNames: isNameChecked
          ? [{ sanType: SubjectAltNameMatcher_SanType.DNS, matcher: { matchPattern: { case: 'exact', value: sni }, ignoreCase: true } }]
          : [],
        ...((tls.caCrl ?? '') !== '' && { crl: { specifier: { case: 'filename', value: tls.caCrl ?? '' } } }),
      },
      validationContextSdsSecretConfig: { name: rootsOf(tls), sdsConfig: adsSource() },
    },
  }
}

/** Without `inner`, plain bytes follow the header. */
export function proxyProtocolSocket(version: ProxyProtocolConfig_Version, inner = plainSocket()): TransportSocket {
  const outer = create(ProxyProtocolUpstreamTransportSchema, { config: { version }, transportSocket: inner })
  return create(TransportSocketSchema, {
    name: extensionNames.proxyProtocolUpstream,
    configType: { case: 'typedConfig', value: packAny(ProxyProtocolUpstreamTransportSchema, outer) },
  })
}

function plainSocket(): TransportSocket {
  return create(TransportSocketSchema, {
    name: extensionNames.rawBuffer,
    configType: { case: 'typedConfig', value: packAny(RawBufferSchema, create(RawBufferSchema)) },
  })
}
