// Gives every declared name that has no address one of its own, always the same one, without any state but the set of names.
import { fnv1a32, type Ip, parseIp } from '../base/index.ts'

export interface VirtualAddresses {
  readonly v4: Ip
  readonly v6: Ip
}

/** Who wants an address. Those of one namespace and host share it. */
export interface Claimant {
  readonly namespace: string
  readonly host: string
  /** FNV-1a of `namespace/host`. */
  readonly slotHash: number
}

/** 240.240.0.0/16 without the last octets 0 and 255. */
const slots = 256 * 254
const prime = 65011

/**
 * Istio's own allocator (the one that needs no Kubernetes), address for address. `keys` are `namespace/host`, oldest first; a key may
 * stand there more than once. One more name can move the addresses of others: see `allocateStable`.
 */
export function allocateLikeIstio(keys: readonly string[]): Map<string, VirtualAddresses> {
  const taken: (string | undefined)[] = Array.from({ length: slots })
  for (const key of keys.slice(0, slots - 1)) {
    taken[freeSlot(fnv1a32(key), (slot) => taken[slot] === undefined)] = key
  }
  const found = new Map<string, VirtualAddresses>()
  let x = 0
  for (const key of taken) {
    x++
    if (key === undefined) continue
    if (x % 255 === 0) x++
    if (!found.has(key)) found.set(key, addressesAt(x, looseHex))
  }
  return found
}

/**
 * Differs from Istio: a name's address depends only on its own hash and on older names that hash alike, so that declaring one more
 * name never hands a known address to another. Where neither rule comes into play the addresses are Istio's.
 */
export function allocateStable(claimants: readonly Claimant[]): (claimant: Claimant) => VirtualAddresses | undefined {
  const owners = new Owners(claimants)
  const displaced = new Map<string, number>()
  let free = usableSlots
  for (const [i, claimant] of claimants.entries()) {
    const slot = slotFor(owners, claimant)
    if (owners.at(slot) !== undefined) continue
    if (free-- === 0) break
    owners.give(slot, i)
    if (slot !== claimant.slotHash % slots) displaced.set(keyOf(claimant), slot)
  }
  return (claimant) => {
    const first = claimant.slotHash % slots
    const owner = owners.at(first)
    const slot = owner !== undefined && isSame(owner, claimant) ? first : displaced.get(keyOf(claimant))
    return slot === undefined ? undefined : stableAddresses(slot)
  }
}

/** Who has which slot. */
class Owners {
  readonly #claimants: readonly Claimant[]
  /** By slot, counted from 1; 0 = nobody. */
  readonly #numbers = new Int32Array(slots)

  constructor(claimants: readonly Claimant[]) {
    this.#claimants = claimants
  }

  at(slot: number): Claimant | undefined {
    const number = this.#numbers[slot] ?? 0
    return number === 0 ? undefined : this.#claimants[number - 1]
  }

  give(slot: number, index: number): void {
    this.#numbers[slot] = index + 1
  }
}

/** The slot that is the claimant's already, or may become it. Where Istio would have to step over a last octet of 0, nobody gets one. */
function slotFor(owners: Owners, claimant: Claimant): number {
  const first = claimant.slotHash % slots
  if (owners.at(first) === undefined && (first + 1) % 255 !== 0) return first
  return freeSlot(claimant.slotHash, (slot) => {
    const owner = owners.at(slot)
    return owner === undefined ? (slot + 1) % 255 !== 0 : isSame(owner, claimant)
  })
}

function isSame(a: Claimant, b: Claimant): boolean {
  return a === b || (a.host === b.host && a.namespace === b.namespace)
}

function keyOf({ namespace, host }: Claimant): string {
  return `${namespace}/${host}`
}

const usableSlots = slots - 1 - Math.ceil(slots / 255)

/** By slot; a slot's addresses never change. */
const addresses: (VirtualAddresses | undefined)[] = []

function stableAddresses(slot: number): VirtualAddresses {
  return (addresses[slot] ??= addressesAt(slot + 1, paddedHex))
}

/** Double hashing, with the 32-bit wrap-around of the original. */
function freeSlot(hash: number, isFree: (slot: number) => boolean): number {
  const first = hash % slots
  if (isFree(first)) return first
  const step = prime - (hash % prime)
  for (let i = 1; i <= 4 * slots; i++) {
    const next = ((hash + Math.imul(i, step)) >>> 0) % (slots - 1)
    if (isFree(next)) return next
  }
  return firstFree(isFree)
}

function firstFree(isFree: (slot: number) => boolean): number {
  for (let slot = 0; slot < slots; slot++) if (isFree(slot)) return slot
  return 0
}

function addressesAt(x: number, hex: (high: number, low: number) => string): VirtualAddresses {
  const high = Math.floor(x / 255)
  const low = x % 255
  const v4 = parseIp(`240.240.${high}.${low}`)
  const v6 = parseIp(`2001:2::f0f0:${hex(high, low)}`)
  if (v4 === undefined || v6 === undefined) throw new RangeError(`no virtual address at ${x}`)
  return { v4, v6 }
}

/** As Istio: parts joined without padding, a leading zero left out; two names can so get one IPv6 address. */
function looseHex(high: number, low: number): string {
  return high === 0 ? low.toString(16) : high.toString(16) + low.toString(16)
}

/** Differs from Istio: padded, so that no two names share an address. */
function paddedHex(high: number, low: number): string {
  return ((high << 8) | low).toString(16)
}
