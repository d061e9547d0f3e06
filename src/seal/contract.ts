// The seal as the rest of the program sees it: what goes in, what comes out, and what it reports.
import type dgram from 'node:dgram'
import type net from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { Result } from '../base/index.ts'
import type { Publish } from './publish.ts'

export interface SealOptions {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** As whom the workload runs; only root can choose. Absent under sudo: who called sudo. */
  readonly user?: string
  /** Paths that stay visible although the seal hides their like. */
  readonly expose: readonly string[]
  readonly publish: readonly Publish[]
  readonly readOnly?: readonly string[]
  /** Folders of which nothing is seen inside, and which cannot be replaced there. */
  readonly hidden?: readonly string[]
  readonly privateTmp?: boolean
  readonly root?: RootOptions
  /** The search list of resolv.conf, kept for the workload. */
  readonly search: readonly string[]
  /** What the sidecar answers on `probeAddresses`. */
  readonly probe: { readonly nonce: string }
  /** The file `dist/seal-entry.js`. */
  readonly entry: string
  readonly onRefused: (refusals: readonly Refusal[]) => void
  readonly onNote: (text: string) => void
  /** Told what the command writes, on its way to the caller's own streams; a stream that is a terminal stays the command's, and is not told of. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', chunk: Buffer) => void
  /** For the escape suite, with an entry of its own: shows that its attacks succeed where a layer is missing. The shipped entry refuses it. */
  readonly withoutLayer?: Layer
}

/** Another root directory for the workload than the machine's. */
export interface RootOptions {
  /** As `checkRootDirectory` has it. */
  readonly path: string
  /** Whether the workload may change what is in it; else only its own /tmp, /run and /dev/shm. */
  readonly isWritable: boolean
  /** File of trusted certificates, for a root that has none. */
  readonly authorities?: string
}

export const layers = ['seccomp', 'masks', 'nft', 'namespaces'] as const
export type Layer = (typeof layers)[number]

export interface Seal {
  /** Listen inside; every captured connection arrives here, paused and half-open; the data plane reads SO_ORIGINAL_DST itself. */
  readonly tcp4: net.Server
  /** Does not listen where the kernel has no IPv6. */
  readonly tcp6: net.Server
  /** File that names the workload's network namespace, for whoever may enter it. */
  readonly networkNamespace: string
  /** Where port 53 leads, whatever address was asked. */
  readonly dns: { readonly udp: readonly dgram.Socket[]; readonly tcp: readonly net.Server[] }
  /** `ip:port` destinations of the self-test: whoever serves `tcp4` and `tcp6` answers these with the nonce and closes. */
  readonly probeAddresses: readonly string[]
  /** Listens at a port of the workload's loopback, for clients that speak to a proxy. One at a time. */
  openDoor(port: number): Promise<readonly net.Server[]>
  /** Runs the probes once, from inside. They need the servers above to be served. */
  selfTest(): Promise<SelfTestReport>
  /** Tests, then lets the command go. Rejects, and the command never starts, when a probe gets out or is not answered. */
  start(): Promise<void>
  /** Never rejects. 125 when the seal ended the command, or could not start it; 126 and 127 as shells have it. */
  readonly exited: Promise<{ readonly code: number }>
  /** Passes a signal of the sidecar's own on to the command: SIGINT and SIGQUIT to its whole process group, as a terminal does. */
  signal(name: NodeJS.Signals): void
  /** A connection to something that listens inside, paused and half-open. */
  dialInside(port: number, host?: string): Promise<net.Socket>
  /** Starts another process beside the command, as the command is: same namespaces, masks, filter, user, environment. Never rejects. */
  exec(request: ExecRequest): Promise<Result<ExecProcess, ExecFailure>>
  /** Ends the command, if it still runs, and everything else inside. */
  close(): Promise<void>
}

export interface ExecRequest {
  readonly argv: readonly string[]
  /** A terminal of its own, inside; else pipes. */
  readonly tty: TerminalSize | null
  /** Whether it gets an input; else it reads an end at once. */
  readonly stdin: boolean
  /** Beside the command's own variables, and before them. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

export interface ExecProcess {
  /** Absent where none was asked for. Waits when the process does not read. */
  readonly stdin: Writable | null
  /** Both have to be read: the process waits for its reader. */
  readonly stdout: Readable
  /** Absent at a terminal, where both come by `stdout`. */
  readonly stderr: Readable | null
  resize(size: TerminalSize): void
  /** After the end of what it wrote. 128 and the number of the signal that ended it; 137 too when the workload has ended. Never rejects. */
  readonly ended: Promise<{ readonly exitCode: number }>
  /** SIGKILL to it and to what it has started, unless that has made a session of its own. */
  kill(): void
}

/** It has not run. */
export interface ExecFailure {
  /** 126 and 127 as shells have it. */
  readonly exitCode: number
  /** In the words of container runtimes, which clients show as they are. */
  readonly message: string
}

/** Packets towards one destination that were refused since the last report. */
export interface Refusal {
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'other'
  readonly destination: string
  /** Zero for protocols without ports. */
  readonly port: number
  readonly packets: number
}

export interface SelfTestReport {
  /** Every probe held. */
  readonly ok: boolean
  /** Some probe got out: the command is stopped. */
  readonly escaped: boolean
  readonly probes: readonly Probe[]
  readonly milliseconds: number
}

export interface Probe {
  readonly name: string
  /** `unanswered`: it did not get out, but the sidecar did not say so in time either. */
  readonly outcome: 'held' | 'escaped' | 'unanswered'
  readonly detail: string
}
