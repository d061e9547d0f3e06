// Gives each undeclared name an address that leads nowhere but to the sidecar, so that the connection comes and is refused by its name.
import { fnv1a32, ipFromBytes, parseIp } from '../base/index.ts'
import type { Ip } from '../base/index.ts'

export interface RefusalAddresses {
  /** The same name keeps its address for as long as it is among the most recently used ones. */
  addressFor(name: string, family: 4 | 6): Ip
  /** The name that was given `ip`; undefined when `ip` is no refusal address, or its name has been forgotten. */
  nameOf(ip: Ip): string | undefined
  readonly size: number
}

/**
 * Ranges: 240.241.0.0/16 and 2001:2:0:f1::/64. Both lie in space that no network routes (RFC 1112 class E, RFC 5180 benchmarking) and beside,
 * not inside, the virtual addresses of declared names (240.240.0.0/16, 2001:2::f0f0:0/112).
 */
export const refusalRanges = ['240.241.0.0/16', '2001:2:0:f1::/64'] as const

const mostNames = 4096
// Slots 1 … 65,534: neither .0.0 nor .255.255.
const slots = 65_534

export function createRefusalAddresses(options: { readonly names?: number } = {}): RefusalAddresses {
  const limit = Math.min(options.names ?? mostNames, slots)
  // Both in order of use, oldest first, as Maps iterate in order of insertion.
  const slotByName = new Map<string, number>()
  const nameBySlot = new Map<number, string>()

  function touch(name: string, slot: number): void {
    slotByName.delete(name)
    slotByName.set(name, slot)
  }

  function allot(name: string): number {
    if (slotByName.size >= limit) forgetOldest()
    // By hash, so that a name tends to have the same address on every machine and in every run.
    let slot = (fnv1a32(name) % slots) + 1
    while (nameBySlot.has(slot)) slot = (slot % slots) + 1
    nameBySlot.set(slot, name)
    return slot
  }

  function forgetOldest(): void {
    for (const [name, slot] of slotByName) {
      slotByName.delete(name)
      nameBySlot.delete(slot)
      return
    }
  }

  return {
    addressFor(name, family) {
      const slot = slotByName.get(name) ?? allot(name)
      touch(name, slot)
      return family === 4 ? v4Of(slot) : v6Of(slot)
    },
    nameOf(ip) {
      const slot = slotOf(ip)
      const name = slot === undefined ? undefined : nameBySlot.get(slot)
      if (slot !== undefined && name !== undefined) touch(name, slot)
      return name
    },
    get size() {
      return slotByName.size
    },
  }
}

function v4Of(slot: number): Ip {
  return ipFromBytes(Uint8Array.of(240, 241, slot >> 8, slot & 0xff))
}

function v6Of(slot: number): Ip {
  return ipFromBytes(Uint8Array.of(0x20, 0x01, 0, 2, 0, 0, 0, 0xf1, 0, 0, 0, 0, 0, 0, slot >> 8, slot & 0xff))
}

function slotOf(ip: Ip): number | undefined {
  if (ip.startsWith('240.241.')) {
    const [, , high = '', low = ''] = ip.split('.')
    return Number(high) * 256 + Number(low)
  }
  const suffix = /^2001:2:0:f1::([0-9a-f]{1,4})$/.exec(ip)?.[1]
  return suffix === undefined || parseIp(ip) === undefined ? undefined : Number.parseInt(suffix, 16)
}
