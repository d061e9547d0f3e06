// Tells whether a declaration names an address itself, and not only everything around it.
import { type Ip, parseCidr } from '../base/index.ts'
import { rangeNames } from './address-class.ts'
import type { CompiledChain } from './filter-chain.ts'
import type { CompiledListener } from './listener.ts'

/** The listener and chain that took a connection. */
export interface Taken {
  readonly listener: CompiledListener
  readonly chain: CompiledChain
}

/** Whether the listener stands on this very address, or the chain has a range that is meant for it. */
export function declaresAddress({ listener, chain }: Taken, ip: Ip): boolean {
  if (standsOn(listener, ip)) return true
  return (chain.match?.prefixRanges ?? []).some(({ addressPrefix, prefixLen }) => {
    const cidr = parseCidr(`${addressPrefix}/${prefixLen ?? 0}`)
    return cidr !== undefined && (cidr.ip === ip || rangeNames(cidr, ip))
  })
}

/** A listener on the wildcard address stands on no address in particular: nobody has declared 0.0.0.0, where this machine itself answers. */
export function standsOn(listener: CompiledListener, ip: Ip): boolean {
  return ip !== '0.0.0.0' && ip !== '::' && listener.addresses.some((address) => 'ip' in address && address.ip === ip)
}
