// Encodes a resource once, for all streams that it is sent to, and gives it the version that its content has.
import { createHash } from 'node:crypto'
import { delimited, delimitedHead, delimitedText, joined } from '../delimited.ts'
import type { ResourceKey, ResourceOf, SnapshotPart } from '../resource-type.ts'

export interface EncodedResource {
  /** On the wire. */
  readonly name: string
  /** Of the content: equal content has an equal version, also from another server. */
  readonly version: string
  /** Adds up, over a set of resources in any order, to what tells the set from others. */
  readonly mark: number
  /** Field 2 of a DiscoveryResponse, and of a delta Resource too: an `Any` with its tag and length. */
  readonly element: Uint8Array
  /** What comes before and after it in a DeltaDiscoveryResponse. */
  readonly head: Uint8Array
  readonly tail: Uint8Array
}

/** Resources are messages that never change; what is sent of one lives as long as it does. */
const encoded = new WeakMap<object, EncodedResource>()

export function encodeResource<K extends ResourceKey>(
  part: SnapshotPart<K>,
  key: string,
  resource: ResourceOf<K> & object,
): EncodedResource {
  return encodeOnce(resource, () => ({ name: `${part.prefix}${key}`, typeUrl: part.typeUrl, bytes: part.encode(key, resource) }))
}

export function encodeOnce(
  resource: object,
  encode: () => { readonly name: string; readonly typeUrl: string; readonly bytes: Uint8Array },
): EncodedResource {
  const known = encoded.get(resource)
  if (known !== undefined) return known
  const { name, typeUrl, bytes } = encode()
  const element = elementOf(typeUrl, bytes)
  const digest = createHash('sha256').update(name).update('\0').update(element).digest()
  const version = digest.toString('base64url', 0, 12)
  const tail = delimitedText(3, name)
  const now = { name, version, mark: digest.readUIntBE(12, 6), element, tail, head: headOf(version, element.length + tail.length) }
  encoded.set(resource, now)
  return now
}

/** As much as a double holds exactly, and a chance of one in 10^14 that two sets are taken for one. */
const marks = 2 ** 48

/** The version of a set: of how many resources it is, and of which. */
export class SetVersion {
  #sum = 0
  #count = 0

  add({ mark }: EncodedResource): void {
    this.#sum = (this.#sum + mark) % marks
    this.#count++
  }

  remove({ mark }: EncodedResource): void {
    this.#sum = (this.#sum - mark + marks) % marks
    this.#count--
  }

  toString(): string {
    return `${this.#sum.toString(36)}.${this.#count}`
  }
}

function headOf(version: string, rest: number): Uint8Array {
  const text = delimitedText(1, version)
  return joined([delimitedHead(2, text.length + rest), text])
}

function elementOf(typeUrl: string, value: Uint8Array): Uint8Array {
  return delimited(2, delimitedText(1, typeUrl), delimited(2, value))
}
