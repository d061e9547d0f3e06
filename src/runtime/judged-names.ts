// Judges the addresses that a name was resolved to, once for each answer of the resolver, before any of them may be dialled.
import { familyOf, type Ip } from '../base/index.ts'
import type { Resolution } from '../flow/index.ts'
import { type AddressClass, classOf, judgeAddress } from './address-class.ts'
import type { Target } from './target.ts'
import type { Trace } from './trace.ts'

/** What the addresses of a name are wanted for. */
export interface NameUse {
  readonly port: number
  /** True for an exact declared name; false for a name that only a wildcard covers. */
  readonly privateAllowed: boolean
  readonly family: 4 | 6 | undefined
  /** Of the endpoint whose name it is; absent = 1 and 0. */
  readonly share?: Pick<Target, 'weight' | 'priority'>
}

export interface JudgedName {
  readonly targets: readonly Target[]
  /** Addresses that are never reached this way, with what they are. */
  readonly dropped: readonly { readonly ip: Ip; readonly kind: AddressClass }[]
}

interface Entry extends JudgedName {
  readonly use: NameUse
}

export class JudgedNames {
  readonly #own: ReadonlySet<Ip>
  /** By the resolver's answer, which lives in its cache for as long as it is fresh and is asked about again for every request. */
  readonly #known = new WeakMap<Resolution, Entry>()

  constructor(own: ReadonlySet<Ip>) {
    this.#own = own
  }

  judge(resolution: Resolution, use: NameUse, trace: Trace | undefined): JudgedName {
    const known = this.#known.get(resolution)
    if (known && !trace && isSameUse(known.use, use)) return known
    const targets: Target[] = []
    const dropped: { ip: Ip; kind: AddressClass }[] = []
    for (const ip of 'addresses' in resolution ? resolution.addresses : []) {
      if (use.family !== undefined && familyOf(ip) !== use.family) continue
      const kind = judgeAddress(ip, { own: this.#own, privateAllowed: use.privateAllowed })
      trace?.push({ step: 'address', ip, taken: kind === undefined, class: kind ?? classOf(ip) })
      if (kind === undefined) targets.push({ ip, port: use.port, ...use.share })
      else dropped.push({ ip, kind })
    }
    const entry: Entry = { targets, dropped, use }
    this.#known.set(resolution, entry)
    return entry
  }
}

function isSameUse(a: NameUse, b: NameUse): boolean {
  return a.port === b.port && a.privateAllowed === b.privateAllowed && a.family === b.family && a.share === b.share
}
