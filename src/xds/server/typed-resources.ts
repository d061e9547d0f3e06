// Looks at a snapshot by type URL: which resources there are under their names on the wire, and which differ from those of another snapshot.
import { changesBetween } from '../../base/index.ts'
import { create } from '../create.ts'
import { encode } from '../encode.ts'
import { encodeOnce, type EncodedResource, encodeResource } from './encoded-resource.ts'
import { type NameTable, NameTableSchema } from '../gen/istio/networking/nds/v1/nds_pb.js'
import { encodingPieces } from '../piecewise.ts'
import { partsOf, type ResourceKey, type SnapshotPart } from '../resource-type.ts'
import type { Snapshot } from '../snapshot.ts'
import { type TypeUrl, typeUrls } from '../type-urls.ts'

export interface TypedResources {
  names(): Iterable<string>
  has(name: string): boolean
  /** Encodes it when nobody has before. */
  get(name: string): EncodedResource | undefined
  /** Encodes it in so many steps beforehand. */
  preparing(name: string): Iterable<void>
}

export function typedResources(typeUrl: TypeUrl, snapshot: Snapshot): TypedResources {
  return typeUrl === typeUrls.nameTable ? new OneNameTable(snapshot) : new Parts(partsOf(typeUrl), snapshot)
}

/** Names of resources that came, went, or became another object. */
export function changedNames(typeUrl: TypeUrl, before: Snapshot, now: Snapshot): readonly string[] {
  if (typeUrl === typeUrls.nameTable) return before.names === now.names ? [] : [theTable]
  return partsOf(typeUrl).flatMap(({ key, prefix }) =>
    changesBetween(mapOf(before, key), mapOf(now, key)).map((change) => prefix + change.key),
  )
}

class Parts implements TypedResources {
  readonly #parts: readonly SnapshotPart[]
  readonly #snapshot: Snapshot

  constructor(parts: readonly SnapshotPart[], snapshot: Snapshot) {
    this.#parts = parts
    this.#snapshot = snapshot
  }

  *names(): Iterable<string> {
    for (const { key, prefix } of this.#parts)
      for (const name of this.#snapshot[key].keys()) yield prefix === '' ? name : `${prefix}${name}`
  }

  has(name: string): boolean {
    return this.#parts.some(({ key, prefix }) => name.startsWith(prefix) && this.#snapshot[key].has(name.slice(prefix.length)))
  }

  get(name: string): EncodedResource | undefined {
    const found = this.#find(name)
    return found && encodeResource(found.part, found.key, found.resource)
  }

  preparing(name: string): Iterable<void> {
    const found = this.#find(name)
    return found === undefined ? [] : encodingPieces(found.resource)
  }

  #find(name: string): { readonly part: SnapshotPart; readonly key: string; readonly resource: never } | undefined {
    for (const part of this.#parts) {
      if (!name.startsWith(part.prefix)) continue
      const key = name.slice(part.prefix.length)
      const resource = mapOf(this.#snapshot, part.key).get(key)
      if (resource !== undefined) return { part, key, resource }
    }
    return undefined
  }
}

function mapOf(snapshot: Snapshot, key: ResourceKey): ReadonlyMap<string, never> {
  // A part is only ever handed resources of its own map.
  return snapshot[key] as ReadonlyMap<string, never>
}

/** Istio's agents know one table without a name. */
const theTable = ''

class OneNameTable implements TypedResources {
  readonly #snapshot: Snapshot

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot
  }

  names(): Iterable<string> {
    return [theTable]
  }

  has(name: string): boolean {
    return name === theTable
  }

  preparing(): Iterable<void> {
    return []
  }

  get(name: string): EncodedResource | undefined {
    if (name !== theTable) return undefined
    const { names } = this.#snapshot
    return encodeOnce(names, () => ({
      name: theTable,
      typeUrl: typeUrls.nameTable,
      pieces: [encode(NameTableSchema, nameTableOf(names))],
    }))
  }
}

/** Of names that have addresses: others are asked of whoever knows them. */
function nameTableOf(names: Snapshot['names']): NameTable {
  const table: Record<string, { ips: readonly string[]; registry: string }> = {}
  for (const [host, { endpoint }] of names) {
    const ips = endpoint?.endpointConfig.case === 'addressList' ? endpoint.endpointConfig.value.address : []
    if (ips.length > 0) table[host] = { ips, registry: 'External' }
  }
  return create(NameTableSchema, { table: table as NameTable['table'] })
}
