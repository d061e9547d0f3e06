// Says which version of HTTP a cluster is spoken to in: as the port is declared, as a DestinationRule says, or as the client speaks.
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { HttpPool, MeshConfig } from '../api/index.ts'
import { parseDuration } from '../base/index.ts'
import { isHttp2Only, type ServicePort } from '../registry/index.ts'
import type { Http2ProtocolOptionsSchema } from '../xds/gen/envoy/config/core/v3/protocol_pb.js'
import type { HttpProtocolOptionsSchema } from '../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js'
import { duration } from './messages.ts'

/** `downstream`: what the client speaks. */
export type UpstreamProtocol = 'http1' | 'http2' | 'downstream'

export interface UpstreamProtocolInit {
  readonly port: ServicePort
  readonly pool: HttpPool | undefined
  readonly mesh: Pick<MeshConfig, 'h2UpgradePolicy'>
  readonly role: 'sidecar' | 'gateway'
  /** The cluster leads to an egress gateway of ours. */
  readonly isGateway: boolean
}

/** Istio's order: an upgrade, then the client's own, then what the port says. */
export function upstreamProtocol({ port, pool, mesh, role, isGateway }: UpstreamProtocolInit): UpstreamProtocol {
  if (port.family !== 'http' && port.family !== 'unset') return 'http1'
  const upgrade = pool?.h2UpgradePolicy ?? 'DEFAULT'
  if (upgrade === 'UPGRADE' || (upgrade === 'DEFAULT' && mesh.h2UpgradePolicy === 'UPGRADE' && port.protocol === 'http')) return 'http2'
  if (pool?.useClientProtocol === true) return 'downstream'
  // Differs from Istio, which speaks HTTP/2 to such a port of a gateway whatever the client spoke: ours take both, and HTTP/1.1 costs less.
  if (isHttp2Only(port.protocol)) return isGateway ? 'downstream' : 'http2'
  return port.family === 'unset' && role === 'sidecar' ? 'downstream' : 'http1'
}

type Specifier = NonNullable<MessageInitShape<typeof HttpProtocolOptionsSchema>['upstreamProtocolOptions']>

/** The same in Envoy's words. */
export function protocolOptions(protocol: UpstreamProtocol, pool: HttpPool | undefined): Specifier {
  switch (protocol) {
    case 'http1':
      return { case: 'explicitHttpConfig', value: { protocolConfig: { case: 'httpProtocolOptions', value: {} } } }
    case 'http2':
      return { case: 'explicitHttpConfig', value: { protocolConfig: { case: 'http2ProtocolOptions', value: http2Options(pool) } } }
    case 'downstream':
      return { case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: http2Options(pool) } }
  }
}

function http2Options(pool: HttpPool | undefined): MessageInitShape<typeof Http2ProtocolOptionsSchema> {
  const { maxConcurrentStreams, http2KeepAlive } = pool ?? {}
  const [interval, timeout] = [timeOf(http2KeepAlive?.interval), timeOf(http2KeepAlive?.timeout)]
  return {
    ...((maxConcurrentStreams ?? 0) > 0 && { maxConcurrentStreams }),
    ...(interval && timeout && { connectionKeepalive: { interval, timeout } }),
  }
}

function timeOf(text: string | undefined) {
  const ms = text === undefined ? undefined : parseDuration(text)
  return ms ? duration(ms) : undefined
}
