// Chooses which of a cluster's targets is dialled first, and in which order the others follow.
import { familyOf, fnv1a32 } from '../../base/index.ts'
import type { Balancing, Target } from '../../runtime/index.ts'
import { targetKey } from './target-key.ts'

export interface HostLoad {
  /** What connections to it are pooled under. */
  readonly poolKey: string
  /** Requests, or connections that carry bytes, under way. */
  active: number
  connections: number
  /** What it is owed of the turns, where weights differ. */
  credit: number
}

export interface Host {
  readonly target: Target
  readonly load: HostLoad
}

export interface Draw {
  /** What leads to the same target each time. */
  readonly key?: string | undefined
  readonly turn: number
  readonly random: () => number
}

/** `hosts` is not empty. */
export function pickHost(balancing: Balancing, hosts: readonly Host[], draw: Draw): number {
  const isWeighted = hosts.some(({ target }) => weightOf(target) !== weightOf(hosts[0]?.target))
  switch (balancing) {
    case 'hash':
      return draw.key === undefined ? Math.floor(draw.random() * hosts.length) : ranked(hosts, draw.key)
    case 'random':
      // As Envoy's, which does not look at weights here.
      return Math.floor(draw.random() * hosts.length)
    case 'round-robin':
      return isWeighted ? byCredit(hosts, weightOf) : draw.turn % hosts.length
    case 'least-request':
      return isWeighted ? byCredit(hosts, (target, { active }) => weightOf(target) / (active + 1)) : lessLoaded(hosts, draw)
  }
}

/**
 * The target that ranks highest for the key (rendezvous hashing): when one comes or goes, only its own keys move, as on Envoy's ring and in its
 * Maglev table, and there is no table to build.
 */
function ranked(hosts: readonly Host[], key: string): number {
  let best = 0
  let highest = Number.NEGATIVE_INFINITY
  for (const [index, { target }] of hosts.entries()) {
    const share = (mixed(fnv1a32(`${key}\n${targetKey(target)}`)) + 0.5) / 2 ** 32
    const rank = weightOf(target) / -Math.log(share)
    if (rank <= highest) continue
    highest = rank
    best = index
  }
  return best
}

/** FNV leaves neighbours alike in their high bits; this spreads them (MurmurHash3's finish). */
function mixed(hash: number): number {
  let mixing = hash
  mixing = Math.imul(mixing ^ (mixing >>> 16), 0x85ebca6b)
  mixing = Math.imul(mixing ^ (mixing >>> 13), 0xc2b2ae35)
  return (mixing ^ (mixing >>> 16)) >>> 0
}

/** Of two drawn at random the one with less to do (Envoy's choice_count of 2). */
function lessLoaded(hosts: readonly Host[], { random }: Draw): number {
  const one = Math.floor(random() * hosts.length)
  const two = Math.floor(random() * hosts.length)
  return (hosts[two]?.load.active ?? 0) < (hosts[one]?.load.active ?? 0) ? two : one
}

/** Whoever is owed most has the turn; all together then have as many turns as their weights say, and never many in a row. */
function byCredit(hosts: readonly Host[], weigh: (target: Target, load: HostLoad) => number): number {
  let total = 0
  let best = 0
  for (const [index, { target, load }] of hosts.entries()) {
    const weight = weigh(target, load)
    total += weight
    load.credit += weight
    if (load.credit > (hosts[best]?.load.credit ?? 0)) best = index
  }
  const chosen = hosts[best]
  if (chosen) chosen.load.credit -= total
  return best
}

function weightOf(target: Target | undefined): number {
  return target?.weight ?? 1
}

/** The chosen one, then its successors, the families taking turns (RFC 8305 section 4), so that one that leads nowhere costs one attempt. */
export function arrange(targets: readonly Target[], first: number): readonly Target[] {
  const chosen = targets[first]
  if (!chosen) return targets
  const rest = [...targets.slice(first + 1), ...targets.slice(0, first)]
  if (rest.some(({ priority }) => priority !== undefined)) rest.sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0))
  const family = kindOf(chosen)
  const other = rest.filter((target) => kindOf(target) !== family)
  if (other.length === 0) return [chosen, ...rest]
  const same = [chosen, ...rest.filter((target) => kindOf(target) === family)]
  const ordered: Target[] = []
  for (let index = 0; index < Math.max(same.length, other.length); index++) {
    ordered.push(...same.slice(index, index + 1), ...other.slice(index, index + 1))
  }
  return ordered
}

function kindOf(target: Target): 4 | 6 | 'pipe' {
  return 'pipe' in target ? 'pipe' : familyOf(target.ip)
}
