// Says what the pages show of a running proxy; whoever starts the admin server hands it in.
import type { Rejection } from '../runtime/index.ts'
import type { HostCount } from '../telemetry/index.ts'
import type { Snapshot } from '../xds/index.ts'

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
  hosts(): Iterable<HostCount>
  loads(): Iterable<HostLoad>
}
