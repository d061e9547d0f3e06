// Reads /proc/self/mountinfo: which file systems are mounted where, so that masks find every way to the same thing.
import { mountFlags } from './libc.ts'

export interface Mount {
  /** `major:minor` of the file system. */
  readonly device: string
  /** The directory of the file system that is mounted here. */
  readonly root: string
  readonly point: string
  readonly options: readonly string[]
  readonly type: string
}

/** Later entries lie over earlier ones at the same point. */
export function parseMountInfo(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ')
    const [, , device, root, point, options] = left.split(' ')
    const [type] = right.split(' ')
    if (device === undefined || root === undefined || point === undefined || options === undefined || !type) return []
    return [{ device, root: unescape(root), point: unescape(point), options: options.split(','), type }]
  })
}

/** The one that a path is on: the longest mount point above it, the latest of equals. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let best: Mount | undefined
  for (const mount of mounts) {
    if (isWithin(path, mount.point) && (best === undefined || mount.point.length >= best.point.length)) best = mount
  }
  return best
}

/** A place in a file system, whichever mounts show it. */
export interface Spot {
  readonly device: string
  /** From the root of the file system. */
  readonly inside: string
}

export function spotOf(path: string, mounts: readonly Mount[]): Spot | undefined {
  const home = mountOf(path, mounts)
  return home && { device: home.device, inside: join(home.root, path.slice(home.point === '/' ? 0 : home.point.length)) }
}

/** Every path that leads there, unless something else is mounted over it. */
export function pathsTo({ device, inside }: Spot, mounts: readonly Mount[]): readonly string[] {
  return mounts
    .filter((mount) => mount.device === device && isWithin(inside, mount.root))
    .map((mount) => join(mount.point, inside.slice(mount.root === '/' ? 0 : mount.root.length)))
}

/** Other paths of the same file: bind mounts and second mounts of one file system show it more than once. */
export function aliasesOf(path: string, mounts: readonly Mount[]): readonly string[] {
  const spot = spotOf(path, mounts)
  return spot ? pathsTo(spot, mounts).filter((alias) => alias !== path) : []
}

/** What a remount must repeat: the kernel refuses to take a flag off that an outer user namespace put on. */
export function flagsOf(mount: Mount): number {
  return mount.options.reduce((flags, option) => flags | (flagNames.get(option) ?? 0), 0)
}

export function isWithin(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`)
}

const flagNames = new Map<string, number>([
  ['ro', mountFlags.readOnly],
  ['nosuid', mountFlags.noSuid],
  ['nodev', mountFlags.noDev],
  ['noexec', mountFlags.noExec],
  ['noatime', mountFlags.noAtime],
  ['nodiratime', mountFlags.noDirAtime],
  ['relatime', mountFlags.relAtime],
])

function join(directory: string, rest: string): string {
  const path = `${directory === '/' ? '' : directory}${rest === '/' ? '' : rest}`
  return path === '' ? '/' : path
}

/** Space, tab, newline and backslash are written as octal (fs/proc_namespace.c). */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
