// Turns stored bytes into objects and objects into answers; what was read or written once is kept as long as its version of the object is.
import { apiVersionOf, type ApiResource, isJsonObject, type KubeObject } from '../kube/index.ts'
import type { ObjectKey, Stored } from '../store/index.ts'

/** An object as it is answered: with its revision, and in the version that was asked for. */
export function objectOf(stored: Stored, resource: ApiResource, version: string): KubeObject {
  const object = decoded(stored)
  const apiVersion = apiVersionOf({ group: resource.group, version })
  return object.apiVersion === apiVersion && object.kind === resource.kind ? object : { ...object, apiVersion, kind: resource.kind }
}

/** The same as JSON. */
export function bytesOf(stored: Stored, resource: ApiResource, version: string): Buffer {
  const key = `${resource.group}/${version}/${resource.kind}`
  const known = encodings.get(stored)
  if (known?.key === key) return known.bytes
  const bytes = withRevision(stored, resource, version) ?? Buffer.from(JSON.stringify(objectOf(stored, resource, version)))
  encodings.set(stored, { key, bytes })
  return bytes
}

/** What is stored begins, nearly always, as it is answered: then nobody has to read it, and only the revision is put in. */
function withRevision({ value, revision }: Stored, resource: ApiResource, version: string): Buffer | undefined {
  const beginning = beginningsOf(resource, version).find((bytes) => value.subarray(0, bytes.length).equals(bytes))
  if (beginning === undefined) return undefined
  return Buffer.concat([beginning, Buffer.from(`"resourceVersion":"${revision}",`), value.subarray(beginning.length)])
}

/** Up to the first field of `metadata`, which has a name at least: as kubectl writes it, and as Kubernetes' own types do. */
function beginningsOf({ group, kind }: ApiResource, version: string): readonly Buffer[] {
  const key = `${group}/${version}/${kind}`
  const known = beginnings.get(key)
  if (known !== undefined) return known
  const type = [`"apiVersion":"${apiVersionOf({ group, version })}"`, `"kind":"${kind}"`]
  const made = [type, type.toReversed()].map((fields) => Buffer.from(`{${fields.join()},"metadata":{`))
  beginnings.set(key, made)
  return made
}

const beginnings = new Map<string, readonly Buffer[]>()

/** What is written: without the revision, which the store gives. */
export function encodeObject(object: KubeObject): Buffer {
  const { resourceVersion: _, ...metadata } = object.metadata
  return Buffer.from(JSON.stringify({ ...object, metadata }))
}

export function keyOf(resource: ApiResource, namespace: string, name: string): ObjectKey {
  return { resource: storeNameOf(resource), namespace, name }
}

/** `serviceentries.networking.istio.io`, `pods`. */
export function storeNameOf({ group, plural, storedAs }: ApiResource): string {
  const { group: place, plural: name } = storedAs ?? { group, plural }
  return place === '' ? name : `${name}.${place}`
}

const objects = new WeakMap<Stored, KubeObject>()
/** Of the version that was asked for last. */
const encodings = new WeakMap<Stored, { readonly key: string; readonly bytes: Buffer }>()

function decoded(stored: Stored): KubeObject {
  const known = objects.get(stored)
  if (known !== undefined) return known
  const value: unknown = JSON.parse(stored.value.toString())
  if (!isKubeObject(value)) throw new Error(`${stored.key.resource} ${stored.key.namespace}/${stored.key.name} is no object`)
  const object = { ...value, metadata: { ...value.metadata, resourceVersion: String(stored.revision) } }
  objects.set(stored, object)
  return object
}

function isKubeObject(value: unknown): value is KubeObject {
  return isJsonObject(value) && typeof value['kind'] === 'string' && isJsonObject(value['metadata'])
}
