// Finds the listener that a connection belongs to, as Envoy hands connections over by their original destination.
import type { Address, Ip } from '../base/index.ts'
import type { ConnectionFacts } from '../flow/index.ts'
import type { CompiledListener } from './listener.ts'
import type { Trace } from './trace.ts'

interface PortEntry {
  readonly exact: Map<Ip, CompiledListener>
  wildcard: CompiledListener | undefined
}

/** Exact `ip:port`, then the port on any address, then the one that takes everything. */
export class ListenerTable {
  readonly #bound = new Map<string, CompiledListener>()
  readonly #ports = new Map<number, PortEntry>()
  #catchAll: CompiledListener | undefined

  get catchAll(): CompiledListener | undefined {
    return this.#catchAll
  }

  /** Returns the addresses that an earlier listener has. */
  add(listener: CompiledListener): Address[] {
    if (listener.isBound) {
      this.#bound.set(listener.name, listener)
      return []
    }
    if (listener.isCatchAll) {
      this.#catchAll ??= listener
      return []
    }
    const taken: Address[] = []
    for (const address of listener.addresses) {
      if (!('pipe' in address) && !this.#claim(address, listener)) taken.push(address)
    }
    return taken
  }

  find(facts: ConnectionFacts, trace: Trace | undefined): CompiledListener | undefined {
    if (facts.listener !== undefined) return found(this.#bound.get(facts.listener), 'bound', trace)
    const entry = this.#ports.get(facts.destination.port)
    if (entry) {
      const exact = entry.exact.get(facts.destination.ip)
      if (exact) return found(exact, 'address', trace)
      if (entry.wildcard) return found(entry.wildcard, 'port', trace)
    }
    return found(this.#catchAll, 'catch-all', trace)
  }

  #claim({ ip, port }: Address, listener: CompiledListener): boolean {
    let entry = this.#ports.get(port)
    if (!entry) this.#ports.set(port, (entry = { exact: new Map(), wildcard: undefined }))
    if (ip === '0.0.0.0' || ip === '::') {
      if (entry.wildcard && entry.wildcard !== listener) return false
      entry.wildcard = listener
      return true
    }
    if (entry.exact.has(ip)) return entry.exact.get(ip) === listener
    entry.exact.set(ip, listener)
    return true
  }
}

function found(
  listener: CompiledListener | undefined,
  how: 'bound' | 'address' | 'port' | 'catch-all',
  trace: Trace | undefined,
): CompiledListener | undefined {
  if (listener) trace?.push({ step: 'listener', name: listener.name, how, ...(listener.ref && { ref: listener.ref }) })
  return listener
}
