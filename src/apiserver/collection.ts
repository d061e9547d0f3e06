// Answers lists: pages, selections, and the tables that kubectl prints.
import { apiVersionOf, isIncludeObject, type JsonObject, type KubeObject, type ListMeta, toTable } from '../kube/index.ts'
import type { ObjectStore, Stored } from '../store/index.ts'
import type { Rights } from './access/authorizer.ts'
import { type Answer, json } from './answer.ts'
import { continueToken, numberOf, positionOf, type Selection, selectionOf } from './query.ts'
import type { ResourcePath } from './request-path.ts'
import { bytesOf, objectOf, storeNameOf } from './stored-objects.ts'

export interface ListRequest {
  readonly path: ResourcePath
  readonly query: URLSearchParams
  readonly asTable: boolean
  readonly rights: Rights
}

interface Page {
  readonly items: readonly Stored[]
  readonly metadata: ListMeta
}

export function listAnswer(store: ObjectStore, { path, query, asTable, rights }: ListRequest): Answer {
  const { resource, version } = path
  const selection = selectionOf(resource, query, '', rights)
  const { items, metadata } = pageOf(store, path, query, selection)
  if (asTable)
    return tableAnswer(
      path,
      items.map((stored) => objectOf(stored, resource, version)),
      query,
      metadata,
    )
  const head = { kind: resource.listKind, apiVersion: apiVersionOf({ group: resource.group, version }), metadata }
  const parts: Buffer[] = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"items":[`)]
  for (const [i, stored] of items.entries()) {
    if (i > 0) parts.push(comma)
    parts.push(bytesOf(stored, resource, version))
  }
  parts.push(Buffer.from(']}\n'))
  return { code: 200, body: Buffer.concat(parts) }
}

export function tableAnswer(
  { resource }: ResourcePath,
  objects: readonly KubeObject[],
  query: URLSearchParams,
  metadata?: ListMeta,
): Answer {
  const include = query.get('includeObject') ?? ''
  const options = { now: Date.now(), ...(isIncludeObject(include) ? { include } : {}), ...(metadata ? { metadata } : {}) }
  const table: JsonObject = toTable(resource, objects, options)
  return json(table)
}

const comma = Buffer.from(',')

/** A selection is looked for in the whole, so it comes in one page. */
function pageOf(store: ObjectStore, path: ResourcePath, query: URLSearchParams, selection: Selection): Page {
  const { resource, version, namespace } = path
  const token = query.get('continue') ?? ''
  const limit = selection.isEmpty ? (numberOf(query, 'limit') ?? 0) : 0
  const listing = store.list(storeNameOf(resource), {
    ...(namespace === '' ? {} : { namespace }),
    limit,
    ...(token === '' ? {} : { from: positionOf(token) }),
  })
  const resourceVersion = String(listing.revision)
  const { items, remaining } = listing
  if (!selection.isEmpty)
    return { items: items.filter((stored) => selection.matches(objectOf(stored, resource, version))), metadata: { resourceVersion } }
  const last = items.at(-1)
  if (remaining === 0 || last === undefined) return { items, metadata: { resourceVersion } }
  const next = continueToken({ revision: listing.revision, namespace: last.key.namespace, name: last.key.name })
  return { items, metadata: { resourceVersion, continue: next, remainingItemCount: remaining } }
}
