// Finds from which namespaces the caller's processes see the machine: one process for each pair of network and mount namespace.
import { readFileSync, readlinkSync } from 'node:fs'

export interface Standpoint {
  /** A process that is there, or `self`. */
  readonly pid: string
  /** As the links in /proc name them. */
  readonly network: string
  readonly mounts: string
}

export function ownStandpoint(): Standpoint {
  return standpointOf('self')
}

/** Other than `own`, and other than what only processes below `sealed` are in. Yields after every few: there may be thousands of processes. */
export function* findStandpoints(
  processes: readonly string[],
  own: Standpoint,
  sealed: number | undefined,
): Generator<undefined, readonly Standpoint[]> {
  const found = new Map([[keyOf(own), own]])
  for (const [index, pid] of processes.entries()) {
    const one = standpointOf(pid)
    // Of somebody else, or ended meanwhile.
    if (one.network === '' || one.mounts === '') continue
    if (!found.has(keyOf(one)) && !isBelow(pid, sealed)) found.set(keyOf(one), one)
    if (index % atATime === atATime - 1) yield
  }
  found.delete(keyOf(own))
  return [...found.values()]
}

/** A process may end, or belong to somebody else, between two looks: then there is nothing to read. */
export function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

export function linkOrNothing(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** A fraction of a millisecond. */
const atATime = 32

function standpointOf(pid: string): Standpoint {
  return { pid, network: linkOrNothing(`/proc/${pid}/ns/net`), mounts: linkOrNothing(`/proc/${pid}/ns/mnt`) }
}

function keyOf({ network, mounts }: Standpoint): string {
  return `${network} ${mounts}`
}

function isBelow(pid: string, ancestor: number | undefined): boolean {
  if (ancestor === undefined) return false
  for (let at = Number(pid); at > 1; at = parentOf(at)) if (at === ancestor) return true
  return false
}

/** proc(5): the fourth field, after a name that may hold anything. */
function parentOf(pid: number): number {
  const stat = readOrNothing(`/proc/${pid}/stat`)
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0)
}
