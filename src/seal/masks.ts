// Plans, as plain data, which parts of the file system the workload sees otherwise: what leads outside is covered, what changes the machine is read-only.
import { aliasesOf, isWithin, type Mount } from './mount-info.ts'

export type MaskStep =
  /** A fresh, empty file system over a directory. */
  | { readonly do: 'tmpfs'; readonly at: string; readonly mode: number; readonly devices?: boolean }
  | { readonly do: 'directory'; readonly at: string; readonly mode: number; readonly owner?: Owner }
  | { readonly do: 'file'; readonly at: string; readonly text: string }
  | { readonly do: 'symlink'; readonly at: string; readonly to: string }
  /** Shows `from`, as it was before the first step, at `at`. `optional`: unless it does not exist. */
  | { readonly do: 'bind'; readonly from: string; readonly at: string; readonly optional?: boolean }
  /** Terminals of its own, so that nobody else's can be opened. */
  | { readonly do: 'terminals'; readonly at: string; readonly ttyGroup: boolean }
  /** Nothing below can be written, whoever tries. */
  | { readonly do: 'read-only'; readonly at: string; readonly optional?: boolean }
  /** Cannot be renamed or removed, as no mount point can: else what is below it could be replaced as a whole. */
  | { readonly do: 'pin'; readonly at: string }
  /** The whole file system at this place, wherever parts of it are shown. */
  | { readonly do: 'freeze'; readonly at: string }
  /** Nothing is left to see: an empty file or directory lies over it. Absent already: nothing to do. */
  | { readonly do: 'cover'; readonly at: string }
  /** Shows `from` with everything mounted in it, without devices, and unless it is writable so that nothing in it can be written. */
  | { readonly do: 'tree'; readonly from: string; readonly at: string; readonly isWritable: boolean }
  /** Shows each entry of `from` but these in the directory `at`; links as links, whatever they lead to. */
  | { readonly do: 'entries'; readonly from: string; readonly at: string; readonly except: readonly string[] }

export interface Owner {
  readonly uid: number
  readonly gid: number
}

export interface MaskFacts {
  readonly mounts: readonly Mount[]
  /** Paths of Unix sockets that something outside listens on. */
  readonly hostSockets: readonly string[]
  /** What the user wants kept, as real paths. */
  readonly expose: readonly string[]
  readonly readOnly: readonly string[]
  /** Of which nothing is seen. */
  readonly hidden: readonly string[]
  /** Directories above those that the workload could rename. */
  readonly pins: readonly string[]
  readonly privateTmp: boolean
  readonly resolvConf: string
  /** A copy of /etc/hosts: the sidecar reads the real one, so the workload gets one of its own. */
  readonly hosts?: string
  /** Where /etc/resolv.conf really is; absent when there is none. */
  readonly resolvConfPath?: string
  /** /var/run is a directory of its own on old systems. */
  readonly hasOwnVarRun: boolean
  /** Empty replacement of what XDG_RUNTIME_DIR names. */
  readonly runtimeDirectory?: { readonly path: string; readonly owner: Owner }
  /** The caller's terminal, if it has one. */
  readonly terminal?: string
  readonly hasTtyGroup: boolean
  /** Where the workload stands and lives: an automounter there is left alone. */
  readonly inUse: readonly string[]
}

/** Our own files inside: never writable, gone with the namespace. */
export const ownDirectory = '/run/.sallyport'
export const emptyFile = `${ownDirectory}/empty`
export const emptyDirectory = `${ownDirectory}/none`
export const hostsPath = '/etc/hosts'
/** Root may write to it, as to the real one. */
const hostsCopy = '/run/.sallyport-hosts'
/** Where the root of a workload stands that has one of its own, and before that the directory that it is made of. */
export const workloadRoot = '/run/.sallyport-root'
const rootTree = '/run/.sallyport-tree'
/** Sources of binds that a step of the plan makes first. */
export const ownFiles = [ownDirectory, hostsCopy] as const

/** Every seal replaces these with trees of its own from the start: what is made there outside, now or later, is not seen inside unless it is exposed. */
export const unseenTrees: readonly string[] = ['/dev/shm', '/run']

export function planMasks(facts: MaskFacts): readonly MaskStep[] {
  return [
    ...runSteps(facts),
    ...deviceSteps(facts),
    ...procSteps,
    ...foreignMountSteps(facts),
    ...tmpSteps(facts),
    ...socketSteps(facts),
    ...readOnlySteps(facts),
    ...hiddenSteps(facts),
  ]
}

/** The steps that a change outside can undo: the kernel takes a mount away when its mount point is removed or replaced from another namespace. */
export function planKept(facts: MaskFacts): readonly MaskStep[] {
  return [...nameSteps(facts).filter((step) => !isWithin(step.at, '/run')), ...readOnlySteps(facts), ...hiddenSteps(facts)]
}

export interface ShownRoot {
  readonly path: string
  readonly isWritable: boolean
  /** A file outside of it, and whether it has such files itself. */
  readonly authorities?: string
  readonly hasAuthorities: boolean
}

/**
 * The root of a workload that has one of its own: a directory of ours that shows what is in the other, and in the places of what the seal makes, that. So
 * nothing is ever mounted on, or made in, a directory that somebody else could change meanwhile. Carried out after all other masks: it shows them too.
 */
export function planRoot(root: ShownRoot, facts: Pick<MaskFacts, 'expose' | 'hosts' | 'runtimeDirectory'>): readonly MaskStep[] {
  const at = (path: string): string => `${workloadRoot}${path}`
  const exposed = (['/run', '/tmp'] as const).flatMap((directory) => keptBelow(directory, facts.expose))
  return [
    { do: 'directory', at: rootTree, mode: 0o700 },
    { do: 'tree', from: root.path, at: rootTree, isWritable: root.isWritable },
    { do: 'directory', at: workloadRoot, mode: 0o755 },
    { do: 'tmpfs', at: workloadRoot, mode: 0o755 },
    { do: 'entries', from: rootTree, at: workloadRoot, except: ['dev', 'etc', 'proc', 'run', 'sys', 'tmp'] },
    { do: 'directory', at: at('/etc'), mode: 0o755 },
    { do: 'entries', from: `${rootTree}/etc`, at: at('/etc'), except: ['resolv.conf', ...(facts.hosts === undefined ? [] : ['hosts'])] },
    { do: 'bind', from: `${ownDirectory}/resolv.conf`, at: at('/etc/resolv.conf') },
    ...(facts.hosts === undefined ? [] : [{ do: 'bind', from: hostsCopy, at: at(hostsPath) } satisfies MaskStep]),
    ...(root.authorities === undefined || root.hasAuthorities ? [] : authoritySteps(root.authorities, at)),
    ...['/dev', '/proc', '/sys'].map((tree): MaskStep => ({ do: 'bind', from: tree, at: at(tree) })),
    { do: 'tmpfs', at: at('/run'), mode: 0o755 },
    { do: 'directory', at: at('/run/lock'), mode: 0o1777 },
    { do: 'tmpfs', at: at('/tmp'), mode: 0o1777 },
    ...(facts.runtimeDirectory
      ? [{ do: 'directory', at: at(facts.runtimeDirectory.path), mode: 0o700, owner: facts.runtimeDirectory.owner } satisfies MaskStep]
      : []),
    ...exposed.map((step) => ({ ...step, at: at(step.at) })),
    { do: 'freeze', at: workloadRoot },
  ]
}

/** Where most programs look for them; some ask for the second. */
function authoritySteps(from: string, at: (path: string) => string): readonly MaskStep[] {
  return [
    { do: 'bind', from, at: at('/etc/ssl/certs/ca-certificates.crt') },
    { do: 'symlink', at: at('/etc/ssl/cert.pem'), to: 'certs/ca-certificates.crt' },
  ]
}

/** Further sockets to cover later, when something outside has opened them. */
export function planSocketMasks(
  sockets: readonly string[],
  facts: Pick<MaskFacts, 'mounts' | 'expose' | 'privateTmp' | 'hasOwnVarRun'>,
): readonly MaskStep[] {
  const covered = coveredDirectories(facts)
  const paths = new Set(sockets.flatMap((path) => [path, ...aliasesOf(path, facts.mounts)]))
  return [...paths]
    .filter((path) => isWithin(path, workloadRoot) || !covered.some((directory) => isWithin(path, directory)))
    .filter((path) => !facts.expose.some((exposed) => isWithin(path, exposed)))
    .map((at) => ({ do: 'cover', at }))
}

/** NixOS keeps the programs of the system there, and graphics drivers: links into its read-only store. */
const alwaysKept = ['/run/current-system', '/run/booted-system', '/run/opengl-driver', '/run/opengl-driver-32']

function runSteps(facts: MaskFacts): MaskStep[] {
  const { runtimeDirectory } = facts
  return [
    { do: 'tmpfs', at: '/run', mode: 0o755 },
    { do: 'tmpfs', at: ownDirectory, mode: 0o755 },
    { do: 'file', at: emptyFile, text: '' },
    { do: 'directory', at: emptyDirectory, mode: 0o555 },
    { do: 'file', at: `${ownDirectory}/resolv.conf`, text: facts.resolvConf },
    { do: 'freeze', at: ownDirectory },
    ...(facts.hosts === undefined ? [] : [{ do: 'file', at: hostsCopy, text: facts.hosts } satisfies MaskStep]),
    { do: 'directory', at: '/run/lock', mode: 0o1777 },
    ...(runtimeDirectory && isWithin(runtimeDirectory.path, '/run')
      ? [{ do: 'directory', at: runtimeDirectory.path, mode: 0o700, owner: runtimeDirectory.owner } satisfies MaskStep]
      : []),
    ...(facts.hasOwnVarRun ? [{ do: 'tmpfs', at: '/var/run', mode: 0o755 } satisfies MaskStep] : []),
    ...keptBelow('/run', [...alwaysKept, ...facts.expose]),
    ...(facts.hasOwnVarRun ? keptBelow('/var/run', facts.expose) : []),
    ...nameSteps(facts),
  ]
}

/** What the sidecar reads too, and what the workload must not change for it. */
function nameSteps({ hosts, resolvConfPath }: MaskFacts): MaskStep[] {
  return [
    ...(resolvConfPath === undefined ? [] : [{ do: 'bind', from: `${ownDirectory}/resolv.conf`, at: resolvConfPath } satisfies MaskStep]),
    ...(hosts === undefined ? [] : [{ do: 'bind', from: hostsCopy, at: hostsPath } satisfies MaskStep]),
  ]
}

/** What programs expect; whatever else is in /dev reaches hardware, other users' terminals or virtual machines outside. */
const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty']
/** Computing hardware, where it exists: none of it is a way to a network. */
const computing = ['dri', 'kfd', 'kvm', 'fuse', 'nvidia0', 'nvidia1', 'nvidia2', 'nvidia3', 'nvidia4', 'nvidia5', 'nvidia6', 'nvidia7']
const computingShared = ['nvidiactl', 'nvidia-uvm', 'nvidia-uvm-tools', 'nvidia-modeset', 'nvidia-caps', 'dxg', 'accel']
const links = { ptmx: 'pts/ptmx', fd: '/proc/self/fd', stdin: '/proc/self/fd/0', stdout: '/proc/self/fd/1', stderr: '/proc/self/fd/2' }

function deviceSteps(facts: MaskFacts): MaskStep[] {
  return [
    { do: 'tmpfs', at: '/dev', mode: 0o755, devices: true },
    ...devices.map((name): MaskStep => ({ do: 'bind', from: `/dev/${name}`, at: `/dev/${name}` })),
    ...[...computing, ...computingShared].map(
      (name): MaskStep => ({ do: 'bind', from: `/dev/${name}`, at: `/dev/${name}`, optional: true }),
    ),
    ...Object.entries(links).map(([name, to]): MaskStep => ({ do: 'symlink', at: `/dev/${name}`, to })),
    { do: 'tmpfs', at: '/dev/shm', mode: 0o1777 },
    { do: 'terminals', at: '/dev/pts', ttyGroup: facts.hasTtyGroup },
    ...(facts.terminal === undefined ? [] : [{ do: 'bind', from: facts.terminal, at: '/dev/console' } satisfies MaskStep]),
    ...keptBelow('/dev', facts.expose),
  ]
}

/** As container runtimes have it (runtime-spec's maskedPaths and readonlyPaths), and all of /sys. */
const procSteps: readonly MaskStep[] = [
  ...['kcore', 'keys', 'latency_stats', 'timer_list', 'timer_stats', 'sched_debug', 'scsi', 'acpi'].map(
    (name): MaskStep => ({ do: 'cover', at: `/proc/${name}` }),
  ),
  // Root outside stays root of the kernel inside: core_pattern alone would start a program outside.
  ...['sys', 'irq', 'bus', 'fs', 'sysrq-trigger'].map((name): MaskStep => ({ do: 'read-only', at: `/proc/${name}`, optional: true })),
  { do: 'cover', at: '/sys/firmware' },
  { do: 'cover', at: '/sys/devices/virtual/powercap' },
  { do: 'read-only', at: '/sys', optional: true },
]

/** These show processes, devices or remote machines of the outside, wherever somebody mounted them. */
const coveredTypes = new Set(['proc', 'devtmpfs', 'devpts', 'autofs', 'nsfs'])
const readOnlyTypes = new Set(
  'sysfs cgroup cgroup2 debugfs tracefs securityfs configfs bpf efivarfs pstore binfmt_misc fusectl resctrl selinuxfs'.split(' '),
)
const handledTrees = ['/proc', '/sys', '/dev', '/run']

function foreignMountSteps(facts: MaskFacts): MaskStep[] {
  const foreign = facts.mounts.filter(
    (mount) =>
      mount.point !== '/' &&
      !handledTrees.some((tree) => isWithin(mount.point, tree)) &&
      !facts.expose.some((path) => isWithin(mount.point, path)),
  )
  return foreign.flatMap((mount): MaskStep[] => {
    if (mount.type === 'autofs' && facts.inUse.some((path) => isWithin(path, mount.point))) return []
    if (coveredTypes.has(mount.type)) return [{ do: 'cover', at: mount.point }]
    if (readOnlyTypes.has(mount.type)) return [{ do: 'read-only', at: mount.point, optional: true }]
    return []
  })
}

function tmpSteps(facts: MaskFacts): MaskStep[] {
  if (!facts.privateTmp) return []
  return temporaryDirectories.flatMap((at): MaskStep[] => [{ do: 'tmpfs', at, mode: 0o1777 }, ...keptBelow(at, facts.expose)])
}

function socketSteps(facts: MaskFacts): readonly MaskStep[] {
  return planSocketMasks(facts.hostSockets, facts)
}

function readOnlySteps(facts: MaskFacts): MaskStep[] {
  const mounted = new Set(facts.mounts.map((mount) => mount.point))
  const pins = facts.pins.filter((path) => !mounted.has(path)).sort((a, b) => a.length - b.length)
  return [...pins.map((at): MaskStep => ({ do: 'pin', at })), ...facts.readOnly.map((at): MaskStep => ({ do: 'read-only', at }))]
}

/** Last, so that no later step shows them again; wherever a mount shows them. */
function hiddenSteps({ hidden, mounts }: MaskFacts): MaskStep[] {
  const paths = new Set(hidden.flatMap((path) => [path, ...aliasesOf(path, mounts)]))
  return [...paths].map((at) => ({ do: 'cover', at }))
}

const temporaryDirectories = ['/tmp', '/var/tmp']

function coveredDirectories(facts: Pick<MaskFacts, 'privateTmp' | 'hasOwnVarRun'>): readonly string[] {
  return ['/run', '/dev', ...(facts.hasOwnVarRun ? ['/var/run'] : []), ...(facts.privateTmp ? temporaryDirectories : [])]
}

/** A kept directory comes before what is kept inside it, which needs no step of its own. */
function keptBelow(directory: string, paths: readonly string[]): Extract<MaskStep, { do: 'bind' }>[] {
  const inside = paths.filter((path) => path !== directory && isWithin(path, directory))
  const outermost = inside.filter((path) => !inside.some((other) => other !== path && isWithin(path, other)))
  return [...new Set(outermost)].map((path) => ({ do: 'bind', from: path, at: path, optional: true }))
}
