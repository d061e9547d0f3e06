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
export class StableAddresses<C extends Claimant> {
  readonly #owners = new Map<number, C>()
  /** Slots of those that did not get their first one, by key. */
  readonly #displaced = new Map<string, number>()
  /** Slots that somebody would have had, had they been free. */
  readonly #passed = new Set<number>()
  /** Keys that several claim. */
  readonly #shared = new Set<string>()

  /** Oldest first. */
  constructor(claimants: Iterable<C>) {
    for (const claimant of claimants) if (!this.#claim(claimant)) break
  }

  of(claimant: Claimant): VirtualAddresses | undefined {
    const slot = this.#slotOf(claimant)
    return slot === undefined ? undefined : stableAddresses(slot)
  }

  /**
   * Some names have gone and others come, and nobody else's address has changed by it; false when it may have, and this is of no use any
   * more. `isOlder` compares by the order in which they would claim from the beginning.
   */
  follow(gone: readonly C[], added: readonly C[], isOlder: (a: C, b: C) => boolean): boolean {
    if (this.#owners.size + added.length > usableSlots / 2) return false
    for (const claimant of gone) {
      const slot = this.#slotOf(claimant)
      if (slot === undefined || this.#passed.has(slot) || this.#shared.has(keyOf(claimant))) return false
      this.#owners.delete(slot)
      this.#displaced.delete(keyOf(claimant))
    }
    return added.every((claimant) => {
      if (this.#slotOf(claimant) !== undefined) return false
      const slot = this.#free(claimant, (owner) => isOlder(owner, claimant))
      if (slot !== undefined) this.#give(slot, claimant)
      return slot !== undefined
    })
  }

  /** The same name, declared anew. */
  renew(claimant: C): void {
    const slot = this.#slotOf(claimant)
    if (slot !== undefined) this.#owners.set(slot, claimant)
  }

  /** False when all are given. */
  #claim(claimant: C): boolean {
    if (this.#slotOf(claimant) !== undefined) {
      this.#shared.add(keyOf(claimant))
      return true
    }
    if (this.#owners.size === usableSlots) return false
    const slot = this.#free(claimant, () => true)
    if (slot !== undefined) this.#give(slot, claimant)
    return true
  }

  /** Where Istio would have to step over a last octet of 0, nobody gets a slot. Undefined when somebody may not be stepped over. */
  #free(claimant: C, mayPass: (owner: C) => boolean): number | undefined {
    let isBarred = false
    const slot = freeSlot(claimant.slotHash, (one) => {
      const owner = this.#owners.get(one)
      if (owner === undefined) return (one + 1) % 255 !== 0
      this.#passed.add(one)
      isBarred ||= !mayPass(owner)
      return false
    })
    return isBarred ? undefined : slot
  }

  #give(slot: number, claimant: C): void {
    this.#owners.set(slot, claimant)
    if (slot !== claimant.slotHash % slots) this.#displaced.set(keyOf(claimant), slot)
  }

  #slotOf(claimant: Claimant): number | undefined {
    const first = claimant.slotHash % slots
    const owner = this.#owners.get(first)
    if (owner !== undefined && isSame(owner, claimant)) return first
    return this.#displaced.size === 0 ? undefined : this.#displaced.get(keyOf(claimant))
  }
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
