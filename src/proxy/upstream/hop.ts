// Says what the next hop or origin is told of a flow, and whether it goes where the client dialled.
import type { Address } from '../../base/index.ts'
import type { ProxyHeaderKind, Target } from '../../runtime/index.ts'
import { type Arrival, workloadName } from '../arrival.ts'
import type { Context } from '../context.ts'
import type { Flow } from '../flow-recorder.ts'
import { type ProxyHeader, writeProxyHeader, writeProxyHeaderV1 } from '../proxy-protocol.ts'

/** The header that goes ahead of the bytes. Only a gateway of our own is told of flow and workload: nobody outside needs to know. */
export function proxyHeader(kind: ProxyHeaderKind, context: Pick<Context, 'role' | 'source'>, arrival: Arrival, flow: Flow): Buffer {
  if (kind === 'hop') return writeProxyHeader(hopHeader(context, arrival, flow))
  const addresses = { ...(arrival.source && { source: arrival.source }), destination: arrival.destination }
  return kind === 'v1' ? writeProxyHeaderV1(addresses) : writeProxyHeader(addresses)
}

function hopHeader(context: Pick<Context, 'role' | 'source'>, arrival: Arrival, flow: Flow): ProxyHeader {
  const workload = workloadName(context)
  return {
    ...(arrival.source && { source: arrival.source }),
    destination: arrival.destination,
    flow: flow.id,
    ...(workload !== undefined && { workload }),
  }
}

export function isRedialled(target: Target, destination: Address): boolean {
  return 'pipe' in target || target.ip !== destination.ip || target.port !== destination.port
}
