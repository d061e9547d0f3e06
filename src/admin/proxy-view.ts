// Says what the pages show of a running proxy; whoever starts the admin server hands it in.
import type { Rejection } from '../runtime/index.ts'
import type { HostCount } from '../telemetry/index.ts'
import type { AdsState, Failure, ResourceKey, ResourceState, Snapshot, UpdateCounts } from '../xds/index.ts'

/** The configuration in force. */
export interface ConfigView {
  readonly snapshot: Snapshot
  /** Content hash of what was declared. */
  readonly version: string
  /** When it was put in force, milliseconds since the epoch. */
  readonly updated: number
  /** What of it cannot be carried out, and is refused. */
  readonly rejected: readonly Rejection[]
}

/** What passes between this proxy and the xDS server that its configuration comes from. */
export interface DiscoveryView {
  readonly state: AdsState
  /** Version and time of a resource that came from the server; undefined for what is made here. */
  stateOf(resource: object): ResourceState | undefined
  /** Resources whose newest version is refused. */
  readonly failures: Iterable<Failure>
  /** What is good and not in force yet, because it names what is not there. */
  readonly warming: readonly Warming[]
  /** By type URL. */
  readonly counts: ReadonlyMap<string, UpdateCounts>
}

export interface Warming {
  readonly key: ResourceKey
  readonly name: string
}

export interface NodeView {
  readonly role: 'sidecar' | 'gateway'
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** What is under way to one host of a cluster at this moment. */
export interface HostLoad {
  readonly cluster: string
  readonly host: string
  readonly connections: number
  readonly active: number
  readonly isEjected: boolean
}

export interface ProxyView {
  readonly node: NodeView
  readonly version: string
  /** Undefined while none has been loaded. */
  config(): ConfigView | undefined
  /** Undefined when the configuration comes from files. */
  discovery(): DiscoveryView | undefined
  hosts(): Iterable<HostCount>
  loads(): Iterable<HostLoad>
  /** Certificates in PEM by the name of a secret: one that is shown, or those to trust. */
  certificates(secret: string): string | undefined
}
