// Says what is registered as a Pod, and what the program behind it can be asked for.
import type { Readable, Writable } from 'node:stream'
import type { Result } from '../base/index.ts'
import type { LogRing } from './log-ring.ts'

export interface PodDescription {
  readonly namespace: string
  readonly name: string
  /** Another name is taken when this one is in use: nobody has chosen it. */
  readonly mayRename: boolean
  /** Of a Pod that is there already and waits for this process. */
  readonly uid?: string
  readonly labels: Readonly<Record<string, string>>
  readonly serviceAccount: string
  readonly nodeName: string
  readonly container: {
    readonly image: string
    readonly command: readonly string[]
    readonly ports: readonly PodPort[]
  }
  /** Its ports are the node's. */
  readonly hostNetwork: boolean
  /** Seconds that it is given to end unless somebody says otherwise. */
  readonly graceSeconds: number
}

export interface PodPort {
  readonly containerPort: number
  readonly hostPort: number
}

export interface PodHost {
  readonly log: LogRing
  /** Absent where there is nothing inside which something could be executed. */
  readonly exec?: (order: ExecOrder) => Promise<Result<ExecRunning, { readonly exitCode: number; readonly message: string }>>
  /** Asks it to end, and ends it when it has not after so many seconds; again with fewer of them when somebody is in a hurry. */
  terminate(graceSeconds: number): void
}

export interface ExecOrder {
  readonly argv: readonly string[]
  readonly tty: { readonly columns: number; readonly rows: number } | null
  readonly stdin: boolean
}

export interface ExecRunning {
  readonly stdin: Writable | null
  readonly stdout: Readable
  readonly stderr: Readable | null
  resize(size: { readonly columns: number; readonly rows: number }): void
  readonly ended: Promise<{ readonly exitCode: number }>
  kill(): void
}
