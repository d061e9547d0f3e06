// Names the types of resources that travel, as Envoy and Istio name them on the wire and as people abbreviate them.

const prefix = 'type.googleapis.com'

export const typeUrls = {
  listener: `${prefix}/envoy.config.listener.v3.Listener`,
  route: `${prefix}/envoy.config.route.v3.RouteConfiguration`,
  cluster: `${prefix}/envoy.config.cluster.v3.Cluster`,
  endpoint: `${prefix}/envoy.config.endpoint.v3.ClusterLoadAssignment`,
  secret: `${prefix}/envoy.extensions.transport_sockets.tls.v3.Secret`,
  extension: `${prefix}/envoy.config.core.v3.TypedExtensionConfig`,
  /** Istio's, for agents that answer DNS themselves. */
  nameTable: `${prefix}/istio.networking.nds.v1.NameTable`,
} as const

export type TypeUrl = (typeof typeUrls)[keyof typeof typeUrls]

/** As istioctl heads its columns. */
export const typeShortNames = {
  [typeUrls.cluster]: 'CDS',
  [typeUrls.listener]: 'LDS',
  [typeUrls.endpoint]: 'EDS',
  [typeUrls.route]: 'RDS',
  [typeUrls.secret]: 'SDS',
  [typeUrls.extension]: 'ECDS',
  [typeUrls.nameTable]: 'NDS',
} as const satisfies Record<TypeUrl, string>

/** In this order what is added is sent, so that nothing names what is not there yet; what is removed goes the other way. */
export const warmingOrder: readonly TypeUrl[] = [
  typeUrls.secret,
  typeUrls.cluster,
  typeUrls.endpoint,
  typeUrls.listener,
  typeUrls.route,
  typeUrls.extension,
  typeUrls.nameTable,
]

export function isTypeUrl(text: string): text is TypeUrl {
  return text in typeShortNames
}
