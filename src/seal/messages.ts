// What sidecar and init say to each other over their channel; the init is trusted no more than its messages are well-formed.
import type { ExecRequest, Layer, Refusal, RootOptions, SelfTestReport, TerminalSize } from './contract.ts'
import type { NetworkTools } from '../intercept/index.ts'
import type { Owner } from './masks.ts'

/** Everything the init needs to know, sent at once: after the masks it could not look for itself. */
export interface Setup {
  readonly kind: 'setup'
  readonly nonce: string
  readonly probePort: number
  readonly tools: NetworkTools & { readonly setpriv: string; readonly env: string; readonly setsid: string }
  /** Identities of the sidecar's namespaces: the init's must differ. */
  readonly outside: Readonly<Record<string, string>>
  readonly hostSockets: readonly string[]
  readonly expose: readonly string[]
  readonly readOnly: readonly string[]
  readonly hidden: readonly string[]
  readonly privateTmp: boolean
  readonly root?: RootOptions
  readonly resolvConf: string
  readonly runtimeDirectory?: { readonly path: string; readonly owner: Owner }
  /** The caller's terminal, if there is one, and whether the command gets it at once. */
  readonly terminal?: { readonly path: string; readonly fd: number; readonly lent: boolean }
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly user?: { readonly name: string; readonly uid: number; readonly gid: number }
  /** Whether the init is root without a user namespace of its own: then it keeps a short list of capabilities. */
  readonly isRoot: boolean
  readonly withoutLayer?: Layer
}

export type ToInit =
  | Setup
  /** The sidecar has all sockets: the init closes its own copies. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'test'; readonly id: number }
  | { readonly kind: 'start' }
  | { readonly kind: 'signal'; readonly name: NodeJS.Signals }
  /** After a stop. With `lend` the command gets the terminal too. */
  | { readonly kind: 'continue'; readonly lend: boolean }
  | { readonly kind: 'dial'; readonly id: number; readonly host: string; readonly port: number }
  /** Listen at this port of the workload's loopback, and hand the sockets out. */
  | { readonly kind: 'door'; readonly port: number }
  | { readonly kind: 'hide'; readonly paths: readonly string[] }
  | ExecOrder

/** About processes beside the command; `id` is the sidecar's name for one. */
export type ExecOrder =
  | ({ readonly kind: 'exec'; readonly id: number } & ExecRequest)
  | { readonly kind: 'resize'; readonly id: number; readonly size: TerminalSize }
  | { readonly kind: 'kill'; readonly id: number }

export const streamNames = ['stdin', 'stdout', 'stderr'] as const
export type StreamName = (typeof streamNames)[number]

export type ExecNews =
  /** The sidecar's end of a stream comes with it. */
  | { readonly kind: 'stream'; readonly id: number; readonly name: StreamName }
  /** After all its streams. */
  | { readonly kind: 'executing'; readonly id: number }
  | { readonly kind: 'unexecuted'; readonly id: number; readonly code: number; readonly message: string }
  | { readonly kind: 'ended'; readonly id: number; readonly code: number }

export const socketNames = ['tcp4', 'tcp6', 'dnsUdp4', 'dnsUdp6', 'dnsTcp4', 'dnsTcp6'] as const
/** Sockets of a door, which is opened later. */
export const doorNames = ['door4', 'door6'] as const
export type SocketName = (typeof socketNames)[number]
export type DoorName = (typeof doorNames)[number]

export type FromInit =
  | { readonly kind: 'socket'; readonly name: SocketName | DoorName }
  | { readonly kind: 'ready' }
  /** All sockets of the door have been handed out. */
  | { readonly kind: 'opened' }
  | { readonly kind: 'unopened'; readonly message: string }
  | { readonly kind: 'failed'; readonly stage: string; readonly message: string; readonly fix?: string }
  | { readonly kind: 'report'; readonly id: number; readonly report: SelfTestReport }
  | { readonly kind: 'started' }
  | { readonly kind: 'unstartable'; readonly code: number; readonly message: string }
  /** The command is stopped, by this signal: it wants the terminal, or the user wants the shell. */
  | { readonly kind: 'stopped'; readonly signal: number }
  | { readonly kind: 'refused'; readonly refusals: readonly Refusal[] }
  | { readonly kind: 'dialed'; readonly id: number }
  | { readonly kind: 'undialed'; readonly id: number; readonly message: string }
  | ExecNews
  | { readonly kind: 'note'; readonly text: string }
  /** A later self-test got out: everything inside is over. */
  | { readonly kind: 'broken'; readonly report: SelfTestReport }
  | { readonly kind: 'exited'; readonly code: number }

const kinds: readonly string[] = [
  'socket',
  'ready',
  'opened',
  'unopened',
  'failed',
  'report',
  'started',
  'stopped',
  'unstartable',
  'refused',
  'dialed',
  'undialed',
  'stream',
  'executing',
  'unexecuted',
  'ended',
  'note',
  'broken',
  'exited',
] satisfies readonly FromInit['kind'][]

/** Both ends are one version of one program: a known kind has its fields. */
export function isFromInit(message: unknown): message is FromInit {
  return typeof message === 'object' && message !== null && 'kind' in message && kinds.includes(String(message.kind))
}

const orders: readonly string[] = [
  'setup',
  'taken',
  'test',
  'start',
  'signal',
  'continue',
  'dial',
  'door',
  'hide',
  'exec',
  'resize',
  'kill',
] satisfies readonly ToInit['kind'][]

export function isToInit(message: unknown): message is ToInit {
  return typeof message === 'object' && message !== null && 'kind' in message && orders.includes(String(message.kind))
}
