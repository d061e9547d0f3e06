// Defines what the outside notes of whoever comes, and reads its notes: nginx's access log, Redis' log, and those of the name server.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One thing that came to the outside. `peer` is the address it came from. */
export interface Sighting {
  readonly kind: 'http' | 'https' | 'redis' | 'dns' | 'udp'
  readonly peer: string
  /** `d2iq.com at 203.0.113.10`, a DNS question, or what the datagram was sent to. */
  readonly what: string
}

/** Every log of the outside is in one folder; a fence is a request of its own by which the outside tells how far a log has come. */
export const logs = { web: 'access.jsonl', redis: 'redis.log', names: 'names.jsonl' } as const
export const fencePath = '/fence-'

/** Everything noted so far, one log after the other, fences included. */
export interface Notes {
  readonly web: readonly Sighting[]
  readonly redis: readonly Sighting[]
  readonly names: readonly Sighting[]
}

export function readNotes(folder: string): Notes {
  return {
    web: linesOf(join(folder, logs.web)).map(parseSighting),
    redis: linesOf(join(folder, logs.redis)).flatMap(parseRedisLine),
    names: linesOf(join(folder, logs.names)).map(parseSighting),
  }
}

/** A line that is being written has no end yet. */
function linesOf(path: string): readonly string[] {
  if (!existsSync(path)) return []
  const text = readFileSync(path, 'utf8')
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
}

function parseSighting(line: string): Sighting {
  return JSON.parse(line) as Sighting
}

/** `17:M 22 Nov 2026 03:00:00.000 - Accepted 198.18.1.10:33924` */
function parseRedisLine(line: string): Sighting[] {
  const peer = / - Accepted ([0-9.]+):\d+$/.exec(line)?.[1]
  return peer === undefined ? [] : [{ kind: 'redis', peer, what: 'a connection' }]
}
