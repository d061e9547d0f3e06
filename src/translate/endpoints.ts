// Lists what a cluster dials: declared addresses, names to be resolved, or Unix sockets of a gateway in the same process.
import { type Destination, type DestinationPolicy, type Target, targetsOf } from '../model/index.ts'
import { hasLabels, pipePath, type ServicePort } from '../registry/index.ts'
import { parseIp } from '../base/index.ts'
import { create } from '../xds/index.ts'
import { type LbEndpoint, LbEndpointSchema } from '../xds/gen/envoy/config/endpoint/v3/endpoint_components_pb.js'
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '../xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import type { ClusterKind } from './cluster-kind.ts'
import { pipeAddress, socketAddress } from './messages.ts'

export interface AssignmentInit {
  readonly destination: Destination
  readonly port: ServicePort
  readonly subset: string
  readonly policy: DestinationPolicy | undefined
}

export function loadAssignment(name: string, init: AssignmentInit, kind: ClusterKind): ClusterLoadAssignment {
  const endpoints = targetsFor(init, kind).flatMap((target) => lbEndpoint(target, kind))
  return create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: endpoints.length === 0 ? [] : [{ lbEndpoints: endpoints }],
  })
}

function targetsFor({ destination, port, subset, policy }: AssignmentInit, kind: ClusterKind): readonly Target[] {
  const { service } = destination
  const number = port.targetPort ?? port.number
  const wanted = policy?.subsets.find((one) => one.value.name === subset)?.value.labels ?? {}
  switch (kind) {
    case 'static':
    case 'logical-dns':
      return targetsOf(destination, port.number).filter((target) => hasLabels(target.labels, wanted))
    case 'dns': {
      // Under resolution NONE nothing stands for the service but its own name.
      if (service.resolution === 'none') return [{ address: service.host, port: number, weight: 1, labels: {} }]
      return targetsOf(destination, port.number).filter((target) => hasLabels(target.labels, wanted))
    }
    case 'only-address':
      return [{ address: service.addresses[0] ?? '', port: number, weight: 1, labels: {} }]
    case 'ambiguous':
    case 'original-dst':
    case 'dynamic':
      return []
  }
}

/** A name among the endpoints of a service by address cannot be dialled and is left out, as in Istio. */
function lbEndpoint(target: Target, kind: ClusterKind): LbEndpoint[] {
  const path = pipePath(target.address)
  const isDns = kind === 'dns' || kind === 'logical-dns'
  if (path === undefined && !isDns && parseIp(target.address) === undefined) return []
  const address = path === undefined ? socketAddress(target.address, target.port) : pipeAddress(path)
  return [create(LbEndpointSchema, { hostIdentifier: { case: 'endpoint', value: { address } }, loadBalancingWeight: target.weight })]
}
