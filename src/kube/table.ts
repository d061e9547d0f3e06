// Puts objects into the tables that kubectl prints.
import type { ApiResource } from './resources/resource.ts'
import type { Json, JsonObject, KubeObject, ListMeta } from './object.ts'

/** What goes along with each row: who the object is, all of it, or nothing (`includeObject`). */
export type IncludeObject = 'Metadata' | 'Object' | 'None'

export interface TableOptions {
  /** Milliseconds since the epoch; ages are counted from it. */
  readonly now: number
  readonly include?: IncludeObject
  /** Absent where the table is one object's. */
  readonly metadata?: ListMeta
  /** Later events of a watch need not say the columns again. */
  readonly withoutColumns?: true
}

export interface TableRow extends JsonObject {
  readonly cells: readonly Json[]
  readonly object: JsonObject | null
}

export interface Table extends JsonObject {
  readonly kind: 'Table'
  readonly apiVersion: 'meta.k8s.io/v1'
  readonly metadata: ListMeta
  readonly columnDefinitions: readonly JsonObject[]
  readonly rows: readonly TableRow[]
}

export function toTable(resource: ApiResource, objects: readonly KubeObject[], options: TableOptions): Table {
  const { now, include = 'Metadata', withoutColumns } = options
  const only = objects.length === 1 ? objects[0] : undefined
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: options.metadata ?? versionOf(only),
    columnDefinitions: withoutColumns ? [] : columnsOf(resource),
    rows: objects.map((object) => ({ cells: resource.columns.map(({ cell }) => cell(object, now)), object: companion(object, include) })),
  }
}

/** The object without anything but its kind and metadata. */
export function toPartialMetadata({ metadata }: KubeObject): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
}

export function isIncludeObject(text: string): text is IncludeObject {
  return text === 'Metadata' || text === 'Object' || text === 'None'
}

function versionOf(object: KubeObject | undefined): ListMeta {
  const { resourceVersion } = object?.metadata ?? {}
  return resourceVersion === undefined ? {} : { resourceVersion }
}

function columnsOf({ columns }: ApiResource): readonly JsonObject[] {
  return columns.map(({ name, type, format = '', description, priority }) => ({ name, type, format, description, priority }))
}

function companion(object: KubeObject, include: IncludeObject): JsonObject | null {
  if (include === 'None') return null
  return include === 'Object' ? object : toPartialMetadata(object)
}
