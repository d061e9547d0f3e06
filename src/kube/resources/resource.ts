// Says what the server has to know of a resource that it serves.
import type { ObjectSchema } from '../../api/index.ts'
import type { Column } from '../columns/column.ts'
import type { NameRule } from '../validate/names.ts'

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch'

export interface Subresource {
  readonly name: string
  readonly verbs: readonly Verb[]
  /** Of what is sent and answered, where it is not the resource's own kind. */
  readonly kind?: { readonly group: string; readonly version: string; readonly kind: string; readonly schema?: ObjectSchema }
}

export interface ApiResource {
  /** Empty for the core group. */
  readonly group: string
  /** All are served, the first is preferred; they differ in nothing but the name. */
  readonly versions: readonly string[]
  readonly kind: string
  readonly listKind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  /** Names that stand for several kinds, such as `istio-io` and `all`. */
  readonly categories: readonly string[]
  readonly namespaced: boolean
  readonly verbs: readonly Verb[]
  readonly subresources: readonly Subresource[]
  readonly columns: readonly Column[]
  /** Of the whole object, its metadata included. */
  readonly schema: ObjectSchema
  /** Defined by a CRD on other servers: no strategic merge patch, and a version of its own that counts changes of what is asked for. */
  readonly custom: boolean
  /** Stored under another group's name: `group/plural` of the one that it is another view of. */
  readonly storedAs?: { readonly group: string; readonly plural: string }
  /** What the object's name has to be. */
  readonly nameRule: NameRule
}
