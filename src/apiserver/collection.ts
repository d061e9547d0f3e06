// Answers lists: pages, selections, and the tables that kubectl prints.
import { apiVersionOf, isIncludeObject, type JsonObject, type KubeObject, type ListMeta, toTable } from '../kube/index.ts'
import type { Listing, ObjectStore, Stored } from '../store/index.ts'
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

export function listAnswer(store: Pick<ObjectStore, 'list'>, { path, query, asTable, rights }: ListRequest): Answer {
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

function pageOf(store: Pick<ObjectStore, 'list'>, path: ResourcePath, query: URLSearchParams, selection: Selection): Page {
  const { resource, version, namespace } = path
  const token = query.get('continue') ?? ''
  const limit = numberOf(query, 'limit') ?? 0
  const listing = store.list(storeNameOf(resource), {
    ...(namespace === '' ? {} : { namespace }),
    // What is selected has to be looked for in the whole.
    limit: selection.isEmpty ? limit : 0,
    ...(token === '' ? {} : { from: positionOf(token) }),
  })
  const { revision } = listing
  const isWanted = (stored: Stored): boolean => selection.matches(objectOf(stored, resource, version))
  const { items, remaining } = selection.isEmpty ? listing : firstOf(listing.items, isWanted, limit)
  const metadata = { resourceVersion: String(revision) }
  const last = items.at(-1)
  if (remaining === 0 || last === undefined) return { items, metadata }
  const next = { ...metadata, continue: continueToken({ revision, namespace: last.key.namespace, name: last.key.name }) }
  // As in Kubernetes, nobody counts how many more are selected.
  return { items, metadata: selection.isEmpty ? { ...next, remainingItemCount: remaining } : next }
}

/** So many of those that are wanted, all if it is 0, and whether one is left. */
function firstOf(all: readonly Stored[], isWanted: (stored: Stored) => boolean, limit: number): Pick<Listing, 'items' | 'remaining'> {
  const items: Stored[] = []
  for (const stored of all) {
    if (!isWanted(stored)) continue
    if (limit > 0 && items.length === limit) return { items, remaining: 1 }
    items.push(stored)
  }
  return { items, remaining: 0 }
}
