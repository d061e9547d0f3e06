// Reads from a cluster what the listeners and routes that lead to it have to know.
import { extensionNames, readMetadata, type SallyportMetadata } from '../../xds/index.ts'
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.js'

export interface ClusterTraits {
  /** Leads to an egress gateway. */
  readonly isGateway: boolean
  /** Dials whatever name the traffic carries. */
  readonly isDynamic: boolean
  /** Refuses all traffic, in these words. */
  readonly refusal: SallyportMetadata | undefined
}

const known = new WeakMap<Cluster, ClusterTraits>()

export function traitsOf(cluster: Cluster): ClusterTraits {
  const found = known.get(cluster)
  if (found !== undefined) return found
  const said = readMetadata(cluster.metadata)
  const { clusterDiscoveryType: type } = cluster
  const traits = {
    isGateway: said.gateway === true,
    isDynamic: type.case === 'clusterType' && type.value.name === extensionNames.dynamicForwardProxy,
    refusal: said.refuse === undefined ? undefined : said,
  }
  known.set(cluster, traits)
  return traits
}

/** By the name of a cluster; undefined for one that does not exist. */
export type TraitsByName = (name: string) => ClusterTraits | undefined
