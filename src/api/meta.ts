// Describes a resource as it stands past the border: parsed, defaulted in metadata only, frozen, with the place it came from.
import type { Kind, Spec } from './specs.ts'

export interface Meta {
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Milliseconds since the epoch; 0 when the document has no creationTimestamp (so ties go by name, then namespace). */
  readonly created: number
}

/** 1-based line and column. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Where a resource was read. Never part of what is translated, so that moving a document changes nothing but this. */
export interface Origin {
  /** File path as given by the user, `<stdin>`, or another source's name. */
  readonly source: string
  /** First line of the document that holds the resource; 0 where it is no text that has lines. */
  readonly line: number
  /** Place of a field path such as `spec.hosts[0]`; falls back to the nearest enclosing field that has one. */
  readonly placeOf: (field: string) => Place
  /** The fields that have places of their own, outer ones first; costs a parse of the document. */
  readonly fields?: () => Iterable<readonly [field: string, place: Place]>
}

export interface Resource<K extends Kind = Kind> {
  readonly kind: K
  readonly meta: Meta
  readonly spec: Spec<K>
  readonly origin: Origin
  /** Hash of the document's text: equal hash, equal meta and spec. */
  readonly hash: string
  /** Fields that are understood but not carried out and that narrow, protect or select traffic: what they govern is denied. */
  readonly unsupported: readonly string[]
}

export interface ResourceRef {
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

export interface Issue {
  readonly level: 'error' | 'warning'
  /** Stable code: `SLPnnnn`, or Istio's `IST0nnn` where the meaning is the same. */
  readonly code: string
  /** Field path, such as `spec.servers[0].addresses`; empty when the document as a whole is meant. */
  readonly path: string
  /** One sentence: what is wrong and why it matters. */
  readonly message: string
  /** What to do, in one sentence or a line of YAML. */
  readonly fix?: string
  readonly ref?: ResourceRef
  readonly source: string
  readonly place?: Place
  /** An error that does not keep the resource from being loaded: what `path` governs is denied. */
  readonly unsupported?: true
  /** Code frame: a few lines of the source around the place, ready to print. */
  readonly frame?: string
}

/** A frozen set of valid resources. Unchanged resources keep their identity from one set to the next. */
export interface ResourceSet {
  readonly version: number
  /** Of one kind, oldest first (created, name, namespace). */
  of<K extends Kind>(kind: K): readonly Resource<K>[]
  get<K extends Kind>(kind: K, namespace: string, name: string): Resource<K> | undefined
  /** What resources of kinds that are not carried out would have governed: to be denied. */
  readonly governed?: readonly Governed[]
}

/** The reach of a resource that would narrow or protect traffic, and that Sallyport does not carry out. */
export interface Governed {
  /** Its kind, such as `AuthorizationPolicy`; `MeshConfig` for a setting of the whole mesh. */
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly origin: Origin
  /** All of the mesh, all of its namespace, or the workloads and gateways of its namespace that have `labels`. */
  readonly scope: 'namespace' | 'mesh' | 'selector'
  readonly labels?: Readonly<Record<string, string>>
}
