// Gives a configuration a version that is the same whenever the same was read: kept up with what comes and goes, not made anew.
import { type Kind, kindNames, type Resource, type ResourceSet } from '../api/index.ts'
import { changedStretch } from '../base/index.ts'

export class ConfigVersion {
  readonly #lists = new Map<Kind, readonly Resource[]>()
  /** Of the hashes of all resources, as numbers: it does not depend on their order, which follows from what they say. */
  #sum = 0n

  of(resources: ResourceSet): string {
    for (const kind of kindNames) {
      const [before, now]: readonly (readonly Resource[])[] = [this.#lists.get(kind) ?? [], resources.of(kind)]
      if (before === undefined || now === undefined || before === now) continue
      const { start, beforeEnd, nowEnd } = changedStretch(before, now)
      for (let i = start; i < beforeEnd; i++) this.#sum -= numberOf(before[i])
      for (let i = start; i < nowEnd; i++) this.#sum += numberOf(now[i])
      this.#lists.set(kind, now)
    }
    const bytes = Buffer.from(
      BigInt.asUintN(bits, this.#sum)
        .toString(16)
        .padStart(bits / 4, '0'),
      'hex',
    )
    return bytes.toString('base64url')
  }
}

/** As many as a content hash has. */
const bits = 96

function numberOf(resource: Resource | undefined): bigint {
  return BigInt(`0x0${Buffer.from(resource?.hash ?? '', 'base64url').toString('hex')}`)
}

export function countResources(resources: ResourceSet): number {
  return kindNames.reduce((sum, kind) => sum + resources.of(kind).length, 0)
}
