// What one document says, read once for its text: resources and findings, with places counted from the document's own beginning.
import type { FieldPath, Finding, Kind, MeshConfig, Meta, ResourceRef, SallyportSettings, Spec } from '../api/index.ts'

export interface ParsedDocument {
  readonly text: string
  readonly entries: readonly Entry[]
  readonly findings: readonly PlacedFinding[]
  /** It cannot be told which resources stand in it: the syntax is broken, or a name or kind is. */
  readonly opaque: boolean
}

/** A finding with its spot in the text of the document. */
export interface PlacedFinding extends Finding {
  readonly ref?: ResourceRef
  /** Looked for when it is asked for. */
  readonly spot: { readonly offset: number; readonly end: number }
}

/** A finding with a spot inside of the text that its path names. */
export interface EntryFinding extends Finding {
  readonly inside?: { readonly offset: number; readonly end: number }
}

/** One resource of a document: the document itself, or an item of a List. */
export interface Entry {
  /** No two entries of a configuration may have the same. */
  readonly key: string
  readonly ref: ResourceRef
  /** Where it stands in the document. */
  readonly base: FieldPath
  /** Whether it may be used. Then at least one of the parts below is there. */
  readonly good: boolean
  readonly resource?: ParsedResource
  readonly mesh?: MeshPart
  readonly governed?: readonly GovernedPart[]
}

export interface ParsedResource<K extends Kind = Kind> {
  readonly kind: K
  readonly meta: Meta
  readonly spec: Spec<K>
  readonly hash: string
  readonly unsupported: readonly string[]
}

/** The mesh-wide settings as one document gives them. */
export interface MeshPart {
  readonly mesh: MeshConfig
  readonly sallyport: SallyportSettings
  /** Where in the entry the outbound policy is said. */
  readonly policyField?: string
  readonly unsupported: readonly string[]
}

/** What a resource would govern, before it is known which namespace is the root. */
export interface GovernedPart {
  readonly kind: string
  readonly reach: 'namespace' | 'mesh'
  /** Where it is not the resource's own. */
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
}

/** The entry that gives mesh-wide settings, whatever document it stands in. */
export const meshKey = 'mesh settings'
