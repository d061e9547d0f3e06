// Says what the next hop is told of a flow, and whether it goes where the client dialled.
import type { Address } from '../../base/index.ts'
import type { Target } from '../../runtime/index.ts'
import { type Arrival, workloadName } from '../arrival.ts'
import type { Context } from '../context.ts'
import type { Flow } from '../flow-recorder.ts'
import type { ProxyHeader } from '../proxy-protocol.ts'

/** What the next hop is told of this flow. */
export function hopHeader(context: Pick<Context, 'role' | 'source'>, arrival: Arrival, flow: Flow): ProxyHeader {
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
