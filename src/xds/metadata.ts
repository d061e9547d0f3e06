// Writes and reads the metadata `dev.sallyport`: the only words of ours inside Envoy's resources.
import type { JsonObject } from '@bufbuild/protobuf'
import { create } from './create.ts'
import { type Metadata, MetadataSchema } from './gen/envoy/config/core/v3/base_pb.js'

const namespace = 'dev.sallyport'

/**
 * On listeners, filter chains, virtual hosts, routes and clusters. `kind`, `namespace`, `name`, `field` are the stable reference to
 * what declared the thing; places travel apart. The others say what Envoy has no field for, and are listed as engine differences.
 */
export interface SallyportMetadata {
  readonly kind?: string
  readonly namespace?: string
  readonly name?: string
  readonly field?: string
  /** Chain, route or cluster: refuse with this reason code. */
  readonly refuse?: string
  /** Sentence for the refusal, when the code's own is not enough. */
  readonly refuseText?: string
  /** Chain: take the connection only when its destination is an address that this name resolves to. */
  readonly resolvesTo?: string
  /** Chain of a port whose protocol nobody said: TLS that carries a server name must carry this one, or one that this wildcard covers. */
  readonly serverName?: string
  /** Listener `virtualOutbound` and gateway listeners: 'strict' or 'istio'. */
  readonly strictness?: string
  /** Listener `virtualOutbound`: 'REGISTRY_ONLY' or 'ALLOW_ANY'. */
  readonly outboundPolicy?: string
  /** Listener `virtualOutbound`: `KIND/NAMESPACE/NAME` of what hides declarations from this proxy, and their hosts and addresses, with spaces between. */
  readonly hiddenBy?: string
  readonly hidden?: string
  /** Cluster: private addresses are allowed for dynamic and wildcard names too. */
  readonly privateNames?: string
  /** Cluster: the traffic goes to an egress gateway (path `gateway` in records). */
  readonly gateway?: boolean
  /** Chain or cluster: the mesh vouches for the certificates of the other side, so that the identities in them count (records). */
  readonly mesh?: boolean
}

/** `rule`: a DestinationRule that shapes a cluster, which is said as Istio says it, for Istio's tools. */
export function writeMetadata(content: SallyportMetadata, rule?: { readonly namespace: string; readonly name: string }): Metadata {
  const fields: JsonObject = {}
  for (const [key, value] of Object.entries(content)) if (value !== undefined) fields[key] = value
  const config = rule && `/apis/networking.istio.io/v1/namespaces/${rule.namespace}/destination-rule/${rule.name}`
  return create(MetadataSchema, { filterMetadata: { [namespace]: fields, ...(config !== undefined && { istio: { config } }) } })
}

/** The empty object when the resource comes from another control plane and has none. */
export function readMetadata(metadata: Metadata | undefined): SallyportMetadata {
  return metadata?.filterMetadata[namespace] ?? {}
}

/** The resource was made by a control plane that knows of us. Refusals are written here too, onto resources of any. */
export function hasOwnMetadata(metadata: Metadata | undefined): boolean {
  return Object.keys(metadata?.filterMetadata[namespace] ?? {}).some((field) => field !== 'refuse' && field !== 'refuseText')
}
