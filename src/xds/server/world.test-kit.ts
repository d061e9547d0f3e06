// Makes snapshots for tests from names and numbers, each number standing for a content.
import { create } from '../create.ts'
import { type Cluster, ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js'
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.js'
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js'
import { DnsTable_DnsVirtualDomainSchema } from '../gen/envoy/data/dns/v3/dns_table_pb.js'
import type { OriginPlace, Snapshot } from '../snapshot.ts'

/** Names of resources, each with a number that stands for its content. */
export interface Plan {
  readonly listeners?: Readonly<Record<string, number>>
  readonly routes?: Readonly<Record<string, number>>
  readonly clusters?: Readonly<Record<string, number>>
  readonly endpoints?: Readonly<Record<string, number>>
  readonly names?: Readonly<Record<string, readonly string[]>>
  readonly origins?: Readonly<Record<string, OriginPlace>>
}

/** As the control side does: what is planned again in the same way is the same object. */
export class World {
  readonly #made = new Map<string, object>()
  #version = 0

  snapshot(plan: Plan): Snapshot {
    const each = <V extends object>(part: Readonly<Record<string, unknown>> | undefined, make: (name: string, content: number) => V) =>
      new Map(
        Object.entries(part ?? {}).map(([name, content]) => [
          name,
          this.#once(`${make.name} ${name} ${JSON.stringify(content)}`, () => make(name, Number(content))),
        ]),
      )
    return {
      version: ++this.#version,
      listeners: each(plan.listeners, function listener(name, content) {
        return create(ListenerSchema, { name, perConnectionBufferLimitBytes: content })
      }),
      routes: each(plan.routes, function route(name, content) {
        return create(RouteConfigurationSchema, { name, maxDirectResponseBodySizeBytes: content })
      }),
      clusters: each(plan.clusters, function cluster(name, content): Cluster {
        return create(ClusterSchema, { name, perConnectionBufferLimitBytes: content })
      }),
      endpoints: each(plan.endpoints, function assignment(clusterName, content) {
        return create(ClusterLoadAssignmentSchema, { clusterName, policy: { overprovisioningFactor: content } })
      }),
      secrets: new Map(),
      names: new Map(
        Object.entries(plan.names ?? {}).map(([name, address]) => [
          name,
          this.#once(`name ${name} ${address.join()}`, () =>
            create(DnsTable_DnsVirtualDomainSchema, {
              name,
              endpoint: { endpointConfig: { case: 'addressList', value: { address: [...address] } } },
            }),
          ),
        ]),
      ),
      origins: new Map(Object.entries(plan.origins ?? {})),
    }
  }

  #once<V extends object>(key: string, make: () => V): V {
    const known = this.#made.get(key)
    const value = known ?? make()
    this.#made.set(key, value)
    // Kept under a key that names its kind.
    return value as V
  }
}
