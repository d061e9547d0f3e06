// Reads a cluster's endpoints in the order in which they are to be tried: addresses and sockets as they are, names to be resolved.
import { parseHostname, parseIp } from '../base/index.ts'
import type { Address, SocketAddress } from '../xds/gen/envoy/config/core/v3/address_pb.js'
import { SocketAddress_Protocol } from '../xds/gen/envoy/config/core/v3/address_pb.js'
import { HealthStatus } from '../xds/gen/envoy/config/core/v3/health_check_pb.js'
import type { ClusterLoadAssignment } from '../xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import type { LbEndpoint } from '../xds/gen/envoy/config/endpoint/v3/endpoint_components_pb.js'
import type { Gather } from './decision.ts'
import type { NameUse } from './judged-names.ts'
import type { Problem } from './rejection.ts'
import type { Target } from './target.ts'

export type EndpointKind = 'static' | 'dns'

/** An endpoint of a DNS cluster: a name, or an address that was declared as such. */
export type DnsEndpoint = { readonly target: Target } | NamedEndpoint

/** A name to be resolved, as a question that is put for every flow. */
export interface NamedEndpoint {
  readonly name: string
  readonly use: NameUse
  readonly gather: Gather
}

export interface CompiledEndpoints {
  readonly targets: readonly Target[]
  readonly endpoints: readonly DnsEndpoint[]
  readonly problems: readonly Problem[]
}

export function compileEndpoints(assignment: ClusterLoadAssignment, kind: EndpointKind, family: 4 | 6 | undefined): CompiledEndpoints {
  const endpoints: DnsEndpoint[] = []
  const problems: Problem[] = []
  for (const { entry, path, priority } of inPriority(assignment)) {
    const share = shareOf(entry, priority)
    for (const address of addressesOf(entry)) {
      const endpoint = readEndpoint(address, { family, share })
      const problem = 'problem' in endpoint ? endpoint.problem : refuseName(endpoint, kind)
      if (problem !== undefined) problems.push({ path, message: problem })
      else if (!('problem' in endpoint)) endpoints.push(endpoint)
    }
  }
  return { endpoints, targets: endpoints.flatMap((endpoint) => ('target' in endpoint ? [endpoint.target] : [])), problems }
}

export function gatherAddresses(name: string): Gather {
  return { verdict: 'gather', need: 'addresses', name, until: 0 }
}

interface Entry {
  readonly entry: LbEndpoint
  readonly path: string
  readonly priority: number
}

type Share = Pick<Target, 'weight' | 'priority'>

/** Absent when there is nothing to say, as nearly always. */
function shareOf({ loadBalancingWeight: weight = 1 }: LbEndpoint, priority: number): Share | undefined {
  if (weight === 1 && priority === 0) return undefined
  return { ...(weight !== 1 && { weight }), ...(priority !== 0 && { priority }) }
}

interface Reading {
  readonly family: 4 | 6 | undefined
  readonly share: Share | undefined
}

/** Lower priorities are for when the higher ones fail, so they come later; otherwise as declared. */
function inPriority({ endpoints }: ClusterLoadAssignment): Entry[] {
  const localities = endpoints.map((locality, index) => ({ locality, index }))
  localities.sort((a, b) => a.locality.priority - b.locality.priority || a.index - b.index)
  return localities.flatMap(({ locality, index }) =>
    locality.lbEndpoints.map((entry, at) => ({
      entry,
      path: `endpoints[${index}].lb_endpoints[${at}]`,
      priority: locality.priority,
    })),
  )
}

/** What a health checker has marked takes no traffic. */
const outOfService: ReadonlySet<HealthStatus> = new Set([HealthStatus.UNHEALTHY, HealthStatus.DRAINING, HealthStatus.TIMEOUT])

function addressesOf({ hostIdentifier, healthStatus }: LbEndpoint): (Address | undefined)[] {
  if (outOfService.has(healthStatus)) return []
  if (hostIdentifier.case !== 'endpoint') return [undefined]
  const { address, additionalAddresses } = hostIdentifier.value
  return [address, ...additionalAddresses.map((additional) => additional.address)]
}

function readEndpoint(message: Address | undefined, reading: Reading): DnsEndpoint | { readonly problem: string } {
  const address = message?.address
  switch (address?.case) {
    case 'pipe':
      return address.value.path === '' ? { problem: 'the socket has no path' } : { target: { pipe: address.value.path, ...reading.share } }
    case 'socketAddress':
      return readSocketAddress(address.value, reading)
    default:
      return { problem: `an endpoint of the kind "${address?.case ?? 'none'}" is not carried out` }
  }
}

function readSocketAddress(socket: SocketAddress, { family, share }: Reading): DnsEndpoint | { readonly problem: string } {
  if (socket.protocol !== SocketAddress_Protocol.TCP) return { problem: `the endpoint ${socket.address} is not a TCP endpoint` }
  const port = socket.portSpecifier.case === 'portValue' ? socket.portSpecifier.value : 0
  if (!(port > 0 && port < 65536)) return { problem: `the endpoint ${socket.address} has no port` }
  const ip = parseIp(socket.address)
  if (ip !== undefined) return { target: { ip, port, ...share } }
  const name = parseHostname(socket.address)
  if (name === undefined) return { problem: `"${socket.address}" is neither an address nor a host name` }
  return { name, use: { port, privateAllowed: true, family, ...(share && { share }) }, gather: gatherAddresses(name) }
}

function refuseName(endpoint: DnsEndpoint, kind: EndpointKind): string | undefined {
  return kind === 'static' && 'name' in endpoint ? `the name "${endpoint.name}" needs a DNS cluster` : undefined
}
