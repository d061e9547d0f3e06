// Registers a role as a Pod of an API server, and tells that server what is refused to it.
import { hostname } from 'node:os'
import type { JoinOptions, ProxyOptions } from '../cli/index.ts'
import { ApiClient } from '../client/index.ts'
import type { FlowRecord } from '../flow/index.ts'
import { LogRing, PodAgent, type PodDescription, type PodHost } from '../node/index.ts'
import { flowClosed } from '../telemetry/index.ts'
import { accessOf } from './workload-access.ts'

export interface JoinedRole {
  readonly container: PodDescription['container']
  readonly hostNetwork: boolean
  readonly graceSeconds: number
  readonly host: Omit<PodHost, 'log'>
  readonly log?: LogRing
  /** A server that refuses it keeps it from starting. */
  readonly isNeeded: boolean
}

export interface Joined {
  /** It runs, or serves. */
  runs(isReady: boolean): void
  close(): Promise<void>
}

/** Rejects when the server refuses it. */
export async function registerAs(options: ProxyOptions, join: JoinOptions, role: JoinedRole): Promise<Joined> {
  const { namespace, name, labels, serviceAccount } = options
  const agent = new PodAgent({
    client: new ApiClient(await accessOf(options, join)),
    pod: {
      namespace,
      name,
      labels,
      serviceAccount,
      mayRename: join.mayRename,
      nodeName: join.nodeName ?? hostname().toLowerCase(),
      container: role.container,
      hostNetwork: role.hostNetwork,
      graceSeconds: role.graceSeconds,
      ...(join.podUid === undefined ? {} : { uid: join.podUid }),
    },
    host: { ...role.host, log: role.log ?? new LogRing() },
    onNote: (text) => process.stderr.write(`sallyport: ${text}\n`),
  })
  const stop = flowClosed.subscribe(({ record }) => tellRefusal(agent, record))
  const close = (): Promise<void> => {
    stop()
    return agent.close()
  }
  try {
    await agent.start(role.isNeeded)
  } catch (error) {
    await close()
    throw error
  }
  return { runs: (isReady) => agent.runs(isReady), close }
}

/** The same declaration, or the same reason where none decided, is one Event. */
function tellRefusal(agent: PodAgent, { verdict, protocol, host, destination, reason, by }: FlowRecord): void {
  if (verdict !== 'deny') return
  const key = by === undefined ? reason.code : `${by.kind} ${by.namespace}/${by.name} ${reason.code}`
  agent.tell({
    type: 'Warning',
    reason: 'EgressRefused',
    message: `${protocol} to ${host ?? destination}: ${reason.text} [${reason.code}]`,
    key,
  })
}
