// Finds the Unix sockets of the caller's machine that have a path: each is a door through which something outside could be asked to act.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { resolve } from 'node:path'

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

/** Every such socket of the caller's network namespace, and of those that the caller's other processes are in. */
export function findHostSockets(): HostSockets {
  const processes = readProcesses()
  const tables = ['/proc/self/net/unix', ...foreignTables(processes)].map(readOrNothing)
  const named = [...new Set(tables.flatMap(parseUnixSockets).map((socket) => socket.path))]
  const relative = named.filter((path) => !path.startsWith('/'))
  // A relative name says nothing without its process: every directory that one of them stands in is tried.
  const directories =
    relative.length === 0 ? [] : [...new Set(processes.map((pid) => linkOrNothing(`/proc/${pid}/cwd`)))].filter((at) => at !== '')
  const placed = relative.map((path) => ({ path, at: directories.map((directory) => resolve(directory, path)).filter(isSocket) }))
  const absolute = named.filter((path) => path.startsWith('/')).map((path) => resolve(path))
  return {
    paths: [...new Set([...absolute.filter(isSocket), ...placed.flatMap(({ at }) => at)])],
    unplaced: placed.filter(({ at }) => at.length === 0).map(({ path }) => path),
  }
}

/** Which file a path is now: a socket that is made anew is another one. */
export function identityOf(path: string): string {
  const entry = lstatSync(path, { throwIfNoEntry: false })
  return entry ? `${entry.dev}:${entry.ino}` : ''
}

/** Those of the caller's own namespace that are not known by path and identity: one file to read, cheap enough for every few seconds. */
export function findNewHostSockets(known: ReadonlyMap<string, string>): readonly string[] {
  const named = parseUnixSockets(readOrNothing('/proc/self/net/unix')).filter(({ path }) => path.startsWith('/'))
  return [...new Set(named.map(({ path }) => resolve(path)))].filter((path) => isSocket(path) && known.get(path) !== identityOf(path))
}

const acceptsConnections = 0x10000
const datagram = 2

/** A socket file is looked up by inode, whichever network namespace it was bound in. */
function foreignTables(processes: readonly string[]): string[] {
  const own = linkOrNothing('/proc/self/ns/net')
  const seen = new Set([own, ''])
  return processes.flatMap((pid) => {
    const namespace = linkOrNothing(`/proc/${pid}/ns/net`)
    if (seen.has(namespace)) return []
    seen.add(namespace)
    return [`/proc/${pid}/net/unix`]
  })
}

function readProcesses(): string[] {
  return readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))
}

/** A process may end, or belong to somebody else, between two looks: then there is nothing to read. */
function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function linkOrNothing(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket()
  } catch {
    return false
  }
}
