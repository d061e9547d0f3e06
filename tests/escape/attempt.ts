// Says what an attempt to get out of the seal is: plain data that an attacker carries out and a judge outside looks for traces of.
import type { Step } from './attacker/steps.ts'

export interface Attempt {
  /** Unique; what is tried, in words. */
  readonly name: string
  readonly theme: Theme
  /** Carried out in this order. Placeholders in braces are filled in for each attempt: see `Places`. */
  readonly attack: readonly Step[]
  /** Without these it cannot work even without a seal. */
  readonly needs?: readonly Need[]
  /** The sidecar must have written down that it refused: a connection that it never saw went past it. */
  readonly recorded?: boolean
  /** What to look for besides the token and the addresses of the attempt: something that the judge reports in these very words. */
  readonly shows?: string
  /** Where nothing can be seen outside: what the attacker says when it has succeeded. */
  readonly confesses?: string
  /** Not beside others: it changes what they stand on. */
  readonly serial?: boolean
  /** Something outside happens to the seal while the attacker goes on. */
  readonly disturbance?: Disturbance
  /** Has no counterpart without a seal: it attacks the seal itself. */
  readonly sealOnly?: boolean
}

export const themes = {
  network: 'Packets and connections',
  names: 'Names',
  declared: 'Past a declared host',
  kernel: 'Doors of the kernel',
  sockets: 'Sockets of the machine',
  files: 'Files and /proc',
  privileges: 'Rights and other processes',
  descriptors: 'Inherited descriptors',
  terminal: 'The terminal',
  lifecycle: 'The seal’s own life',
} as const
export type Theme = keyof typeof themes

export interface Disturbance {
  readonly signal: 'SIGKILL' | 'SIGSTOP' | 'SIGTERM'
  /** The sidecar, the program that made the namespaces, or PID 1 inside. */
  readonly whom: 'sidecar' | 'launcher' | 'init'
}

/** In words, as they are printed when they are missing. */
export const needs = {
  root: 'needs root',
  ordinary: 'root has no use for it',
  'x86-64': 'needs an x86-64 processor',
  ipv6: 'this kernel has no IPv6',
  python3: 'needs python3, readable by this user',
  vsock: 'this kernel has no AF_VSOCK',
  alg: 'this kernel has no AF_ALG',
  xdp: 'this kernel has no AF_XDP',
  smc: 'this kernel has no AF_SMC',
  sctp: 'this kernel has no SCTP',
  dccp: 'this kernel has no DCCP',
  udplite: 'this kernel has no UDP-Lite',
  mptcp: 'this kernel has no Multipath TCP',
  'rare families': 'this kernel has none of the rarer socket families',
  io_uring: 'io_uring is switched off here',
  'perf events': 'this kernel does not let this user have perf events',
  bpf: 'this kernel does not let this user load BPF programs',
  'foreign calls': 'this kernel does not run 32-bit programs',
  'second abi': 'this kernel has no x32',
  tracing: 'this kernel lets users trace no processes but their own children',
  keys: 'this kernel has no keyrings',
  'message queues': 'this kernel has no POSIX message queues',
  tiocsti: 'this kernel does not let programs type into their terminal',
  'virtual consoles': 'this machine has no virtual console',
  sysrq: 'this kernel has no /proc/sysrq-trigger',
  'uevent helper': 'this kernel has no uevent helper',
  'module loading': 'this kernel loads no modules',
  kexec: 'this kernel has no kexec',
  binfmt: 'binfmt_misc is not mounted here',
  cgroups: 'cgroup v1 with a release agent is not mounted here',
  'user namespaces': 'user namespaces are switched off here',
  'second /proc': 'a second /proc cannot be mounted here',
} as const
export type Need = keyof typeof needs

/** What placeholders stand for, all of them unlike those of every other attempt. */
export interface Places {
  readonly index: number
  /** A word that appears nowhere else, fit for a DNS label. */
  readonly token: string
  /** Addresses outside. */
  readonly v4: string
  readonly v6: string
  /** An address outside that the machine has no route to, and one that its own firewall blocks. */
  readonly unrouted: string
  readonly walled: string
  readonly port: number
  /** The same in hexadecimal, for packets made by hand. */
  readonly tokenHex: string
  readonly portHex: string
}

export function placesOf(index: number, nonce: string): Places {
  const low = `${index >> 8}.${index & 255}`
  const token = `esc${index}x${nonce}`
  const port = 20_000 + index
  return {
    index,
    token,
    v4: `198.18.${low}`,
    v6: `2001:db8:e5c::${index.toString(16)}`,
    unrouted: `198.19.${low}`,
    walled: `198.19.${128 + (index >> 8)}.${index & 255}`,
    port,
    tokenHex: Buffer.from(token).toString('hex'),
    portHex: port.toString(16).padStart(4, '0'),
  }
}

/** Fills in `places` and `more` wherever an attack says `{name}`. Throws on a name that nobody knows: the attack would hit nothing. */
export function fillIn(steps: readonly Step[], places: Places, more: Readonly<Record<string, string>>): readonly Step[] {
  const known: Readonly<Record<string, string | number | undefined>> = { ...more, ...places }
  return JSON.parse(JSON.stringify(steps), (_key, value: unknown) =>
    typeof value === 'string' ? value.replaceAll(/\{([a-zA-Z][a-zA-Z0-9]*)\}/g, (_text, name: string) => textOf(known[name], name)) : value,
  )
}

function textOf(value: string | number | undefined, name: string): string {
  if (value === undefined) throw new Error(`an attack speaks of {${name}}, which nothing stands for`)
  return String(value)
}
