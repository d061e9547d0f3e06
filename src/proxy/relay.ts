// Leads every connection to another proxy on this machine, which decides: behind a PROXY protocol header it learns who asks, and for what.
import type { CompiledCluster, Forward, RequestDecision } from '../runtime/index.ts'
import { type Judge, ownDeny } from './context.ts'

/** Stands for the other proxy in what the relay records of its own. */
export const relayCluster = 'relay'

const connectMs = 5000

/** `path`: the Unix socket at which the other proxy listens. */
export function relayJudge(path: string): Judge {
  const cluster: CompiledCluster = { name: relayCluster, gateway: false, proxyProtocol: 'v2' }
  const forward: Forward = {
    verdict: 'forward',
    reason: { code: 'declared', text: 'handed on to the engine that decides' },
    cluster,
    targets: [{ pipe: path }],
    path: 'direct',
    timeouts: { connect: connectMs, request: 0, idle: 0 },
  }
  return { decide: () => forward, decideRequest: (): RequestDecision => ownDeny('internal-error', 'a relay reads no requests') }
}
