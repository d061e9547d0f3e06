// Says TLS as stock Envoy takes it: every certificate by its secret service, which is ours, and no deprecated field.
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import { create, packAny } from '../../xds/index.ts'
import { type TransportSocket, TransportSocketSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.js'
import { type ConfigSource, ConfigSourceSchema } from '../../xds/gen/envoy/config/core/v3/config_source_pb.js'
import {
  SubjectAltNameMatcher_SanType,
  SubjectAltNameMatcherSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js'
import { type SdsSecretConfig, SdsSecretConfigSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'
import { type CommonTlsContext, DownstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js'
import type { StringMatcher } from '../../xds/gen/envoy/type/matcher/v3/string_pb.js'
import { withCrl } from '../file-secrets.ts'

/** The socket of a chain where TLS ends. */
export function stockServerSocket(socket: TransportSocket): TransportSocket {
  const config = socket.configType.case === 'typedConfig' ? socket.configType.value : undefined
  const tls = config && anyUnpack(config, DownstreamTlsContextSchema)
  if (tls?.commonTlsContext === undefined) return socket
  stockTls(tls.commonTlsContext)
  return create(TransportSocketSchema, {
    name: socket.name,
    configType: { case: 'typedConfig', value: packAny(DownstreamTlsContextSchema, tls) },
  })
}

/** Changes the message in place. */
export function stockTls(context: CommonTlsContext): void {
  context.tlsCertificateSdsSecretConfigs = context.tlsCertificateSdsSecretConfigs.map(({ name }) => secretConfig(name))
  const validation = context.validationContextType
  if (validation.case !== 'combinedValidationContext') return
  const checks = validation.value.defaultValidationContext
  const name = validation.value.validationContextSdsSecretConfig?.name ?? ''
  if (checks === undefined) return
  checks.matchTypedSubjectAltNames = [...checks.matchTypedSubjectAltNames, ...checks.matchSubjectAltNames.flatMap(ofEveryType)]
  checks.matchSubjectAltNames = []
  const crl = checks.crl?.specifier.case === 'filename' ? checks.crl.specifier.value : undefined
  // It comes with those whose certificates it revokes, so that it is read again when it changes.
  delete checks.crl
  validation.value.validationContextSdsSecretConfig = secretConfig(crl === undefined ? name : withCrl(name, crl))
}

/** A file that cannot be read keeps nobody else waiting; who needs it is refused. */
const soon: ConfigSource = create(ConfigSourceSchema, {
  configSourceSpecifier: { case: 'ads', value: {} },
  resourceApiVersion: 2,
  initialFetchTimeout: { seconds: 1n },
})

function secretConfig(name: string): SdsSecretConfig {
  return create(SdsSecretConfigSchema, { name, sdsConfig: soon })
}

/** Names of any type are asked for; Envoy has deprecated not to say of which. */
function ofEveryType(matcher: StringMatcher) {
  const { DNS, URI, IP_ADDRESS, EMAIL } = SubjectAltNameMatcher_SanType
  return [DNS, URI, IP_ADDRESS, EMAIL].map((sanType) => create(SubjectAltNameMatcherSchema, { sanType, matcher }))
}
