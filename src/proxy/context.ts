// Lists what every connection of one data plane shares.
import type { Clock, Deadlines } from '../base/index.ts'
import type { ConnectionFacts, FlowSource, NameFacts, RequestFacts } from '../flow/index.ts'
import type { CompiledHttpManager, ConnectionDecision, Deny, NameSource, RequestDecision, Runtime } from '../runtime/index.ts'
import type { FlowRecorder } from './flow-recorder.ts'
import type { UpstreamConnection } from './http/upstream-connection.ts'
import type { UpstreamPool } from './http/upstream-pool.ts'
import type { SessionPool } from './http2/session-pool.ts'
import type { Limits } from './limits.ts'
import type { LiveConnections } from './live-connections.ts'
import type { Overload } from './overload.ts'
import type { SecureContexts } from './secure-contexts.ts'
import type { Transport } from './transport.ts'
import type { ClusterStates } from './upstream/cluster-state.ts'
import type { TlsSettings } from './upstream/tls-settings.ts'

/** The two pure functions that this room carries out. */
export interface Judge {
  decide(runtime: Runtime, facts: ConnectionFacts): ConnectionDecision
  decideRequest(runtime: Runtime, manager: CompiledHttpManager, facts: RequestFacts): RequestDecision
}

export interface Context {
  readonly role: 'sidecar' | 'gateway'
  readonly transport: Transport
  readonly recorder: FlowRecorder
  readonly deadlines: Deadlines
  readonly clock: Clock
  readonly limits: Limits
  readonly names: NameSource
  /** What `names` knows already. */
  readonly knownNames: NameFacts
  readonly judge: Judge
  readonly clusters: ClusterStates
  readonly contexts: SecureContexts
  readonly tls: TlsSettings
  readonly pool: UpstreamPool<UpstreamConnection>
  /** Connections of HTTP/2. */
  readonly sessions: SessionPool
  readonly live: LiveConnections
  readonly overload: Overload
  /** Whose workload this is (sidecar). */
  readonly source: Pick<FlowSource, 'namespace' | 'workload' | 'labels'>
  /** The configuration that counts now. */
  runtime(): Runtime | undefined
  /** True once no new work is taken. */
  isDraining(): boolean
}

/** A refusal that no configuration has pronounced. */
export function ownDeny(code: Deny['reason']['code'], text: string, changes: Partial<Deny> = {}): Deny {
  return { verdict: 'deny', reason: { code, text }, flag: '-', status: 0, explain: false, details: code.replaceAll('-', '_'), ...changes }
}
