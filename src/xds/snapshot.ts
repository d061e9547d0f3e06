// Defines what one proxy should have: typed Envoy resources by name, and the two resources that Envoy has no field for.
import type { Cluster } from './gen/envoy/config/cluster/v3/cluster_pb.js'
import type { ClusterLoadAssignment } from './gen/envoy/config/endpoint/v3/endpoint_pb.js'
import type { Listener } from './gen/envoy/config/listener/v3/listener_pb.js'
import type { RouteConfiguration } from './gen/envoy/config/route/v3/route_pb.js'
import type { Secret } from './gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'
import type { DnsTable_DnsVirtualDomain } from './gen/envoy/data/dns/v3/dns_table_pb.js'

/** Content of the `origin/KIND/NS/NAME` resource: where a declaration stands. Subscribed to by proxies for their records only. */
export interface OriginPlace {
  readonly source: string
  /** First line of the document. */
  readonly line: number
  readonly placeOf: (field: string) => FieldPlace
  /** The fields that have places of their own, outer ones first. Absent: only the first line is told to others. */
  readonly fields?: () => Iterable<readonly [field: string, place: FieldPlace]>
  /** The same object as long as the fields stand in the same places of their document, wherever that has moved. */
  readonly layout?: object
}

export interface FieldPlace {
  readonly line: number
  readonly column: number
}

/** Unchanged resources keep their identity from one snapshot to the next, so that a consumer can compare by `===`. */
export interface Snapshot {
  readonly version: number
  readonly listeners: ReadonlyMap<string, Listener>
  readonly routes: ReadonlyMap<string, RouteConfiguration>
  readonly clusters: ReadonlyMap<string, Cluster>
  readonly endpoints: ReadonlyMap<string, ClusterLoadAssignment>
  /** Certificates and keys by the name that SDS configurations give. */
  readonly secrets: ReadonlyMap<string, Secret>
  /** `dns/HOST` by declared host (wildcards included): addresses that the workload's DNS answers; none = resolve the name. */
  readonly names: ReadonlyMap<string, DnsTable_DnsVirtualDomain>
  /** `origin/KIND/NS/NAME` by that name without the prefix. */
  readonly origins: ReadonlyMap<string, OriginPlace>
}
