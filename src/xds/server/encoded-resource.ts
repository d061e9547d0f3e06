// Encodes a resource once, for all streams that it is sent to, and gives it the version that its content has.
import { hash } from 'node:crypto'
import { delimitedText, putField, sizeOfField } from '../delimited.ts'
import type { ResourceKey, ResourceOf, SnapshotPart } from '../resource-type.ts'

export interface EncodedResource {
  /** On the wire. */
  readonly name: string
  /** Of the content: equal content has an equal version, also from another server. */
  readonly version: string
  /** Adds up, over a set of resources in any order, to what tells the set from others. */
  readonly mark: number
  /** Field 2 of a DiscoveryResponse, with its tag and length: an `Any`. */
  readonly element: Uint8Array
  /** Field 2 of a DeltaDiscoveryResponse, with its tag and length: a Resource, in which the element stands. */
  readonly deltaElement: Uint8Array
}

/** Resources are messages that never change; what is sent of one lives as long as it does. */
const encoded = new WeakMap<object, EncodedResource>()

export function encodeResource<K extends ResourceKey>(
  part: SnapshotPart<K>,
  key: string,
  resource: ResourceOf<K> & object,
): EncodedResource {
  return encodeOnce(resource, () => ({ name: `${part.prefix}${key}`, typeUrl: part.typeUrl, pieces: part.encode(key, resource) }))
}

export interface Content {
  readonly name: string
  readonly typeUrl: string
  /** Of the message itself, in as many pieces as it was encoded in. */
  readonly pieces: readonly Uint8Array[]
}

export function encodeOnce(resource: object, encode: () => Content): EncodedResource {
  const known = encoded.get(resource)
  if (known !== undefined) return known
  const now = new Laid(encode())
  encoded.set(resource, now)
  return now
}

const VERSION_LENGTH = 16

/** All of it in one piece of memory: there are tens of thousands, and each piece costs more than what is in it. */
class Laid implements EncodedResource {
  readonly name: string
  readonly version: string
  readonly mark: number
  readonly deltaElement: Uint8Array
  readonly #from: number
  readonly #to: number

  constructor({ name, typeUrl, pieces }: Content) {
    const type = typeField(typeUrl)
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    const any = type.length + sizeOfField(2, length)
    const rest = sizeOfField(2, any) + sizeOfField(3, Buffer.byteLength(name))
    const resource = sizeOfField(1, VERSION_LENGTH) + rest
    const whole = Buffer.allocUnsafe(sizeOfField(2, resource))
    this.#from = whole.length - rest
    this.#to = this.#from + sizeOfField(2, any)
    const at = putField(whole, this.#from, 2, any)
    whole.set(type, at)
    putAll(whole, putField(whole, at + type.length, 2, length), pieces)
    whole.write(name, putField(whole, this.#to, 3, Buffer.byteLength(name)), 'utf8')
    const digest = hash('sha256', whole.subarray(this.#from), 'base64url')
    this.name = name
    this.version = digest.slice(0, VERSION_LENGTH)
    this.mark = Buffer.from(digest.slice(VERSION_LENGTH, VERSION_LENGTH + 8), 'base64url').readUIntBE(0, 6)
    whole.write(this.version, putField(whole, putField(whole, 0, 2, resource), 1, VERSION_LENGTH), 'latin1')
    this.deltaElement = whole
  }

  get element(): Uint8Array {
    return this.deltaElement.subarray(this.#from, this.#to)
  }
}

function putAll(out: Buffer, from: number, pieces: readonly Uint8Array[]): void {
  let at = from
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
}

/** There are half a dozen. */
const typeFields = new Map<string, Uint8Array>()

function typeField(typeUrl: string): Uint8Array {
  const known = typeFields.get(typeUrl)
  if (known !== undefined) return known
  const made = delimitedText(1, typeUrl)
  typeFields.set(typeUrl, made)
  return made
}

/** As much as a double holds exactly, and a chance of one in 10^14 that two sets are taken for one. */
const marks = 2 ** 48

/** The version of a set: of how many resources it is, and of which. */
export class SetVersion {
  #sum = 0
  #count = 0
  /** Asked for by every stream, and the same until the set changes. */
  #text: string | undefined

  add({ mark }: EncodedResource): void {
    this.#sum = (this.#sum + mark) % marks
    this.#count++
    this.#text = undefined
  }

  remove({ mark }: EncodedResource): void {
    this.#sum = (this.#sum - mark + marks) % marks
    this.#count--
    this.#text = undefined
  }

  toString(): string {
    return (this.#text ??= `${this.#sum.toString(36)}.${this.#count}`)
  }
}
