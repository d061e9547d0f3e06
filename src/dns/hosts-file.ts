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
    if (clock.now() - checked < recheckMs) return value
    checked = clock.now()
    const fresh = markOf(path)
    if (fresh === mark) return value
    mark = fresh
    value = fresh === '' ? undefined : parse(readFileSync(path, 'utf8'))
    return value
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
