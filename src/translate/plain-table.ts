// Follows the route table of a port in which no host says more than its own name, so that one of ten thousand changes without the others being placed again.
import { equals } from '@bufbuild/protobuf'
import { spliced } from '../base/index.ts'
import { compareText, type Service } from '../registry/index.ts'
import { type VirtualHost, VirtualHostSchema } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'

/** The tables that one service asks for. */
export interface Want {
  readonly service: Service
  /** Ports of shared tables that there have to be, */
  readonly shared: readonly number[]
  /** and those in which the service may be asked for. */
  readonly joined: readonly number[]
  /** Ports for which it has a table of its own, behind an address of its own. */
  readonly own: readonly number[]
}

/** A virtual host with all the domains that it may have. */
export interface PlacedHost {
  readonly host: VirtualHost
  readonly domains: readonly string[]
}

export interface WantChange {
  readonly gone: readonly Want[]
  readonly added: readonly Want[]
}

export class PlainTable {
  readonly #port: number
  /** By name, and behind them what answers for all others. */
  #hosts: readonly VirtualHost[]
  /** So many services want the table to be there. */
  #wanted: number

  constructor(port: number, hosts: readonly VirtualHost[], wanted: number) {
    this.#port = port
    this.#hosts = hosts
    this.#wanted = wanted
  }

  get hosts(): readonly VirtualHost[] {
    return this.#hosts
  }

  /** False when more depends on the change than the hosts that it names. `place` says how a service stands in the table. */
  follow({ gone, added }: WantChange, place: (service: Service) => PlacedHost): boolean {
    const isWanted = ({ shared }: Want): boolean => shared.includes(this.#port)
    const isIn = ({ joined }: Want): boolean => joined.includes(this.#port)
    const wanted = this.#wanted + added.filter(isWanted).length - gone.filter(isWanted).length
    if (wanted === 0) return false
    const left = new Set(gone.filter(isIn).map(({ service }) => `${service.host.toLowerCase()}:${this.#port}`))
    let hosts = this.#hosts
    for (const { service } of added.filter(isIn)) {
      const { host, domains } = place(service)
      const at = placeOf(hosts, host.name)
      const before = hosts[at]
      const isThere = before?.name === host.name
      // Whatever stands for an address, or for a name that another has, is for whoever sees all.
      if (domains.length !== 2 || (isThere && !left.delete(host.name))) return false
      const isSame = isThere && equals(VirtualHostSchema, before, host)
      if (!isSame) hosts = spliced(hosts, at, isThere ? at + 1 : at, [host])
    }
    for (const name of left) {
      const at = placeOf(hosts, name)
      if (hosts[at]?.name !== name) return false
      hosts = spliced(hosts, at, at + 1, [])
    }
    this.#hosts = hosts
    this.#wanted = wanted
    return true
  }
}

/** Where the name stands, or would. */
function placeOf(hosts: readonly VirtualHost[], name: string): number {
  let low = 0
  let high = hosts.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareText(hosts[middle]?.name ?? '', name) < 0) low = middle + 1
    else high = middle
  }
  return low
}
