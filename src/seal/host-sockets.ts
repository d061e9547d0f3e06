// Finds the Unix sockets of the caller's machine that have a path: each is a door through which something outside could be asked to act.
import { lstatSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Mount, parseMountInfo, pathsTo, spotOf } from './mount-info.ts'
import { findStandpoints, linkOrNothing, ownStandpoint, readOrNothing, type Standpoint } from './standpoints.ts'

export interface UnixSocket {
  /** As it was bound: may be relative to a directory that the table does not tell. */
  readonly path: string
}

/** The rows of /proc/net/unix that can be addressed by a path: listening ones, and datagram sockets with a name. Abstract names belong to the network namespace. */
export function parseUnixSockets(text: string): readonly UnixSocket[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const match = /^\S+ \S+ \S+ (\S+) (\S+) \S+ +\S+ (.+)$/.exec(line)
      const [, flags = '', type = '', path = ''] = match ?? []
      const isListening = (Number.parseInt(flags, 16) & acceptsConnections) !== 0
      const isDatagram = Number.parseInt(type, 16) === datagram
      if (path.startsWith('@') || path === '' || !(isListening || isDatagram)) return []
      return [{ path }]
    })
}

export interface HostSockets {
  /** Absolute, and there is a socket. */
  readonly paths: readonly string[]
  /** Relative names of which no process that may be looked at knows the directory. */
  readonly unplaced: readonly string[]
}

/** Paths and what stands there now: see `identityOf`. */
export type KnownSockets = ReadonlyMap<string, string>

/** Every such socket of the caller's namespaces, and of those that the caller's other processes are in. */
export function findHostSockets(): HostSockets {
  const look = lookForSockets()
  for (;;) {
    const step = look.next()
    if (step.done) return step.value
  }
}

/** Which file a path is now: a socket that is made anew is another one. */
export function identityOf(path: string): string {
  const entry = lstatSync(path, { throwIfNoEntry: false })
  return entry ? `${entry.dev}:${entry.ino}` : ''
}

/** Those of the caller's own namespaces that are not known by path and identity: one file to read, cheap enough for twice a second. */
export function findNewHostSockets(known: KnownSockets): readonly string[] {
  const named = parseUnixSockets(readOrNothing('/proc/self/net/unix')).filter(({ path }) => path.startsWith('/'))
  return [...new Set(named.map(({ path }) => resolve(path)))].filter((path) => isSocket(path) && known.get(path) !== identityOf(path))
}

export interface WholeLook {
  readonly paths: readonly string[]
  /** Milliseconds of this thread. */
  readonly took: number
}

/** As `findHostSockets`, but what is not known, and a little at a time. `sealed`: the process of which all below it belong to the workload. */
export async function findNewSocketsEverywhere(known: KnownSockets, sealed: number | undefined): Promise<WholeLook> {
  const look = lookForSockets(sealed)
  let took = 0
  for (;;) {
    const began = performance.now()
    const step = look.next()
    took += performance.now() - began
    if (step.done) return { paths: step.value.paths.filter((path) => known.get(path) !== identityOf(path)), took }
    await new Promise(setImmediate)
  }
}

const acceptsConnections = 0x10000
const datagram = 2

function* lookForSockets(sealed?: number): Generator<undefined, HostSockets> {
  const processes = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))
  const own = ownStandpoint()
  const mounts = parseMountInfo(readOrNothing('/proc/self/mountinfo'))
  const tables = new Map<string, readonly string[]>()
  const found = new Set<string>()
  for (const one of [own, ...(yield* findStandpoints(processes, own, sealed))]) {
    const names = tables.get(one.network) ?? namesIn(one)
    tables.set(one.network, names)
    const places = one.mounts === own.mounts ? names.map((path) => resolve(path)) : translated(names, one, mounts)
    for (const path of places) if (isSocket(path)) found.add(path)
    yield
  }
  const relative = [...new Set([...tables.values()].flat().filter((path) => !path.startsWith('/')))]
  const placed = placeRelative(relative, processes)
  return {
    paths: [...new Set([...found, ...placed.flatMap(({ at }) => at)])],
    unplaced: placed.filter(({ at }) => at.length === 0).map(({ path }) => path),
  }
}

function namesIn({ pid }: Standpoint): readonly string[] {
  return [...new Set(parseUnixSockets(readOrNothing(`/proc/${pid}/net/unix`)).map(({ path }) => path))]
}

/** A container binds at paths of its own, of which some are directories of the machine: where its mounts say, and ours show it. */
function translated(names: readonly string[], { pid }: Standpoint, ours: readonly Mount[]): readonly string[] {
  const theirs = parseMountInfo(readOrNothing(`/proc/${pid}/mountinfo`))
  return names.flatMap((name) => {
    if (!name.startsWith('/')) return []
    const spot = spotOf(resolve(name), theirs)
    // Whose row it is the table does not tell: what is no socket for this process was bound by another.
    return spot === undefined || !isSocket(`/proc/${pid}/root${resolve(name)}`) ? [] : pathsTo(spot, ours)
  })
}

/** A relative name says nothing without its process: every directory that one of them stands in is tried. */
function placeRelative(
  names: readonly string[],
  processes: readonly string[],
): { readonly path: string; readonly at: readonly string[] }[] {
  const directories = names.length === 0 ? [] : [...new Set(processes.map((pid) => linkOrNothing(`/proc/${pid}/cwd`)))]
  const known = directories.filter((at) => at !== '')
  return names.map((path) => ({ path, at: known.map((directory) => resolve(directory, path)).filter(isSocket) }))
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket()
  } catch {
    return false
  }
}
