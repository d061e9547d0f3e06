// The seal's steps in their order, by name, with what each protects and what to do when it fails; and the command line of the first.

export interface Stage {
  readonly name: string
  /** What it is for, as `doctor` and errors say it. */
  readonly purpose: string
  readonly fix: string
}

const doctor = 'run `sallyport doctor`, which names what this machine lacks'

/** In this order; the command starts after the last one, or never. */
export const stages = [
  { name: 'namespaces', purpose: 'own network, mount, pid and ipc namespaces', fix: doctor },
  { name: 'links', purpose: 'loopback, and every address local to it', fix: `install iproute2; ${doctor}` },
  { name: 'sockets', purpose: 'the sidecar’s sockets, opened inside', fix: doctor },
  {
    name: 'capture',
    purpose: 'rules that redirect TCP and DNS and refuse all else',
    fix: `install nftables and load nf_tables; ${doctor}`,
  },
  { name: 'masks', purpose: 'sockets, devices and kernel settings out of reach', fix: doctor },
  { name: 'descriptors', purpose: 'nothing inherited but standard input, output and error', fix: doctor },
  {
    name: 'seccomp',
    purpose: 'no other socket family, no io_uring, no typing into the terminal',
    fix: `needs a kernel with CONFIG_SECCOMP_FILTER; ${doctor}`,
  },
  { name: 'hand over', purpose: 'the sockets, passed to the sidecar outside', fix: doctor },
  {
    name: 'privileges',
    purpose: 'the workload without capabilities, or as root with few',
    fix: `needs setpriv of util-linux 2.33 or newer; ${doctor}`,
  },
  {
    name: 'self-test',
    purpose: 'attacks from inside, all of which must fail',
    fix: 'please report it: the seal does not hold on this machine',
  },
  { name: 'start', purpose: 'the command itself', fix: 'check the command' },
] as const satisfies readonly Stage[]

export type StageName = (typeof stages)[number]['name']

export function stageOf(name: string): Stage | undefined {
  return stages.find((stage) => stage.name === name)
}

export interface LaunchPlan {
  readonly tools: { readonly sh: string; readonly setpriv: string; readonly unshare: string }
  readonly node: string
  readonly entry: string
  /** Capabilities in new namespaces only, for those who have none outside. */
  readonly withUserNamespace: boolean
  readonly withoutNamespaces?: boolean
}

/** The terminal's signals go to the whole process group: `unshare`, whose end would end the command, must outlive them. The init and CMD reset this. */
const ignoredSignals = 'HUP INT QUIT TERM USR1 USR2 ALRM VTALRM PROF IO PWR'

export function launchCommand(plan: LaunchPlan): readonly [string, ...string[]] {
  const { sh, setpriv, unshare } = plan.tools
  const user = plan.withUserNamespace ? ['--user', '--map-current-user', '--keep-caps'] : []
  const namespaces = plan.withoutNamespaces
    ? ['--fork', '--kill-child']
    : ['--net', '--mount', '--pid', '--ipc', '--fork', '--kill-child', '--mount-proc']
  return [
    sh,
    '-c',
    `trap '' ${ignoredSignals}; exec "$@"`,
    'sallyport-seal',
    // Before unshare: a killed sidecar would otherwise leave it and the command behind.
    setpriv,
    '--pdeathsig',
    'KILL',
    '--',
    unshare,
    ...user,
    ...namespaces,
    '--',
    plan.node,
    '--no-warnings',
    // No helper threads for the compiler and the collector: the init is small, and starts sooner.
    '--v8-pool-size=0',
    plan.entry,
  ]
}

export interface Privileges {
  readonly setpriv: string
  /** Root without a user namespace keeps what ordinary programs of root need: chown, su, kill. */
  readonly isRoot: boolean
  readonly user?: { readonly uid: number; readonly gid: number }
}

/** Kept by a workload that runs as root: no SYS_ADMIN, so no mount and no setns; no NET_ADMIN, no SYS_PTRACE, no SETPCAP. */
export const rootCapabilities = { chown: 0, dac_override: 1, fowner: 3, fsetid: 4, kill: 5, setgid: 6, setuid: 7 } as const

/** In a user namespace the init has taken everything off before; as root it needs its own rights until the end, so this takes them off. */
export function privilegeCommand({ setpriv, isRoot, user }: Privileges): readonly [string, ...string[]] {
  const kept = user ? [] : Object.keys(rootCapabilities).map((name) => `,+${name}`)
  const bounding = isRoot ? [`--bounding-set=-all${kept.join('')}`] : []
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--init-groups'] : []
  return [setpriv, ...identity, '--no-new-privs', ...bounding, '--inh-caps=-all', '--ambient-caps=-all', '--']
}
