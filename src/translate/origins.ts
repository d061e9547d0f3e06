// Says where every declaration stands; only this changes when lines move.
import type { Kind, Origin, ResourceSet } from '../api/index.ts'
import type { Model } from '../model/index.ts'
import type { OriginPlace } from '../xds/index.ts'

const kinds = [
  'ServiceEntry',
  'WorkloadEntry',
  'VirtualService',
  'DestinationRule',
  'Gateway',
  'Sidecar',
  'Telemetry',
  'Service',
  'ConfigMap',
  'Secret',
] as const

/** Looked up where they stand, because there are as many as declarations and few are ever asked for. */
export function origins(model: Model): ReadonlyMap<string, OriginPlace> {
  const others = new Map<string, Origin>()
  for (const { kind, namespace, name, origin } of model.resources.governed ?? []) others.set(`${kind}/${namespace}/${name}`, origin)
  const { policyRef, origin } = model.settings
  if (policyRef !== undefined && origin !== undefined) others.set(`${policyRef.kind}/${policyRef.namespace}/${policyRef.name}`, origin)
  return new Origins(model.resources, others)
}

class Origins implements ReadonlyMap<string, OriginPlace> {
  readonly #resources: ResourceSet
  readonly #others: ReadonlyMap<string, OriginPlace>

  constructor(resources: ResourceSet, others: ReadonlyMap<string, OriginPlace>) {
    this.#resources = resources
    this.#others = others
  }

  get size(): number {
    return [...this.keys()].length
  }

  get(key: string): OriginPlace | undefined {
    const [kind = '', namespace = '', name = ''] = key.split('/')
    return this.#others.get(key) ?? (isKnown(kind) ? this.#resources.get(kind, namespace, name)?.origin : undefined)
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  *entries(): MapIterator<[string, OriginPlace]> {
    yield* this.#others
    for (const kind of kinds) {
      for (const { meta, origin } of this.#resources.of(kind)) {
        const key = `${kind}/${meta.namespace}/${meta.name}`
        if (!this.#others.has(key)) yield [key, origin]
      }
    }
    return undefined
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key
    return undefined
  }

  *values(): MapIterator<OriginPlace> {
    for (const [, place] of this.entries()) yield place
    return undefined
  }

  [Symbol.iterator](): MapIterator<[string, OriginPlace]> {
    return this.entries()
  }

  forEach(act: (value: OriginPlace, key: string, map: ReadonlyMap<string, OriginPlace>) => void): void {
    for (const [key, place] of this.entries()) act(place, key, this)
  }
}

function isKnown(kind: string): kind is (typeof kinds)[number] & Kind {
  return kinds.some((known) => known === kind)
}
