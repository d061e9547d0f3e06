// Starts the mirrors of one request and hands each what it is to send: the request's head with the lines that a copy has.
import { type Ip, splitAuthority } from '../../base/index.ts'
import type { Forward, MirrorPlan, Passthrough, Runtime } from '../../runtime/index.ts'
import { workloadName } from '../arrival.ts'
import type { Context } from '../context.ts'
import type { Flow } from '../flow-recorder.ts'
import type { ClientSide } from './client-side.ts'
import { attemptPlace } from './head-writer.ts'
import { mirrorMessage } from './header-changes.ts'
import { Mirror } from './mirror.ts'
import type { RequestHead } from './request-head.ts'

export interface MirrorsOptions {
  readonly context: Context
  readonly client: ClientSide
  readonly decision: Forward | Passthrough
  readonly plans: readonly MirrorPlan[]
  readonly head: RequestHead
  readonly staged: Buffer
  readonly isWhole: boolean
  /** The flow of the request that is mirrored. */
  readonly flow: Flow
  /** Whether a new configuration still mirrors this request there. */
  readonly isWanted: (runtime: Runtime, cluster: string) => boolean
}

export function startMirrors(options: MirrorsOptions): readonly Mirror[] {
  const { context, client, decision, plans, head, isWhole } = options
  // Two programs cannot both speak on one WebSocket.
  if (head.upgrade !== undefined) return []
  const authority = decision.http?.authority ?? head.authority
  const mirrors = plans.map((plan) => {
    const flow = openMirrorFlow(options, plan)
    const staged = messageFor(options, plan, flow)
    const isWanted = (runtime: Runtime): boolean => options.isWanted(runtime, plan.cluster.name)
    const attemptAt = attemptPlace({ bytes: staged, length: staged.length })
    const { method } = head
    return new Mirror({ context, client, decision, plan, method, authority, staged, attemptAt, isWhole, flow, isWanted })
  })
  for (const mirror of mirrors) mirror.start()
  return mirrors
}

function messageFor({ context, client, staged }: MirrorsOptions, plan: MirrorPlan, flow: Flow): Buffer {
  const workload = workloadName(context)
  return mirrorMessage(staged, {
    address: ownAddress(context, client),
    ...(plan.cluster.gateway && { flow: flow.id }),
    ...(plan.cluster.gateway && workload !== undefined && { workload }),
  })
}

/** Envoy appends its own address, which is the workload's at a sidecar. */
function ownAddress(context: Context, { arrival, wire }: ClientSide): Ip | undefined {
  return context.role === 'sidecar' ? arrival.source?.ip : wire.local?.ip
}

/** A copy is a flow of its own, whose parent is the request. */
function openMirrorFlow({ context, decision, head, flow: parent }: MirrorsOptions, plan: MirrorPlan): Flow {
  const flow = context.recorder.open('request', parent.draft.source, parent.draft.destination)
  const { draft } = flow
  draft.parent = parent.id
  draft.protocol = 'http'
  draft.method = head.method
  draft.requestPath = head.path
  draft.host = splitAuthority(head.authority)?.host ?? head.authority
  draft.verdict = 'allow'
  draft.reason = decision.reason
  draft.path = plan.cluster.gateway ? 'gateway' : 'direct'
  draft.cluster = plan.cluster.name
  flow.announce()
  return flow
}
