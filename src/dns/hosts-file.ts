// Reads /etc/hosts, again whenever it has changed, so that names given by hand are honoured as every other program honours them.
import { readFileSync, statSync } from 'node:fs'
import { parseIp } from '../base/index.ts'
import type { Clock, Ip } from '../base/index.ts'

export interface HostsFile {
  /** Addresses of `name` (lower case), in the file's order; undefined when the file does not name it. */
  addressesOf(name: string): readonly Ip[] | undefined
}

// Looking at the file more often than this is of no use to people, and costs a system call per question.
const recheckMs = 1000
const mostBytes = 4 * 1024 * 1024

export function openHostsFile(path: string, clock: Clock): HostsFile {
  const read = whenChanged(path, clock, parseHosts)
  return { addressesOf: (name) => read()?.get(name) }
}

/** `parse` of the file's text, computed again when the file has changed; undefined while there is no such file. */
export function whenChanged<T>(path: string, clock: Clock, parse: (text: string) => T): () => T | undefined {
  let checked = Number.NEGATIVE_INFINITY
  let mark = ''
  let value: T | undefined
  return () => {
    // Not the time of day, which may be set back by hours.
    const now = clock.monotonic()
    if (now - checked < recheckMs) return value
    checked = now
    const found = readChanged(path, mark)
    if (found === undefined) return value
    mark = found.mark
    value = found.text === undefined ? undefined : parse(found.text)
    return value
  }
}

/** Undefined when it is as it was, or cannot be read for now: who asks for a name must not fail by it, and goes on with what was read last. */
function readChanged(path: string, before: string): { readonly mark: string; readonly text: string | undefined } | undefined {
  try {
    const mark = markOf(path)
    return mark === before ? undefined : { mark, text: mark === '' ? undefined : readFileSync(path, 'utf8') }
  } catch {
    // Tried again at the next look.
    return undefined
  }
}

export function parseHosts(text: string): ReadonlyMap<string, readonly Ip[]> {
  const addresses = new Map<string, Ip[]>()
  for (const line of text.split('\n')) {
    const [first = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    const ip = parseIp(first)
    if (ip === undefined) continue
    for (const name of names) addTo(addresses, name.toLowerCase().replace(/\.$/, ''), ip)
  }
  return addresses
}

function addTo(addresses: Map<string, Ip[]>, name: string, ip: Ip): void {
  const known = addresses.get(name)
  if (known === undefined) addresses.set(name, [ip])
  else if (!known.includes(ip)) known.push(ip)
}

function markOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat?.isFile() && stat.size <= mostBytes ? `${stat.ino}:${stat.mtimeMs}:${stat.size}` : ''
}
