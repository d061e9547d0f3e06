// Reads from an API server all objects that declare something, as the server's own control side reads them.
import { type Fields, fieldsOf } from '../../base/index.ts'
import { type ApiClient, ApiRefusal } from '../../client/index.ts'
import type { DeclaredObject } from '../../config/index.ts'
import { declarationResources, isComputed } from '../../kube/index.ts'

type Resource = (typeof declarationResources)[number]

export async function declaredObjectsOf(api: ApiClient): Promise<readonly DeclaredObject[]> {
  const lists = await Promise.all(declarationResources.map((resource) => listAll(api, resource)))
  return lists.flat()
}

const pageSize = 500

async function listAll(api: ApiClient, resource: Resource): Promise<readonly DeclaredObject[]> {
  const { group, versions, plural } = resource
  const version = versions[0] ?? 'v1'
  const path = group === '' ? `/api/${version}/${plural}` : `/apis/${group}/${version}/${plural}`
  const found: DeclaredObject[] = []
  let from = ''
  do {
    const body = fieldsOf(await page(api, `${path}?limit=${pageSize}${from === '' ? '' : `&continue=${encodeURIComponent(from)}`}`))
    const items: unknown = body['items']
    const declaring = Array.isArray(items) ? items.filter((item: unknown) => !isComputed(labelsOf(item))) : []
    found.push(...declaring.map((item: unknown) => declared(item, resource, version)))
    const next = fieldsOf(body['metadata'])['continue']
    from = typeof next === 'string' ? next : ''
  } while (from !== '')
  return found
}

/** A cluster need not have every kind. */
async function page(api: ApiClient, path: string): Promise<unknown> {
  try {
    return (await api.ask({ path })).body
  } catch (error) {
    if (error instanceof ApiRefusal && error.status === 404) return {}
    throw error
  }
}

function labelsOf(item: unknown): Fields {
  return fieldsOf(fieldsOf(fieldsOf(item)['metadata'])['labels'])
}

/** Who has set which field, and what became of the object, is nothing that is declared. */
function declared(item: unknown, { group, kind, plural }: Resource, version: string): DeclaredObject {
  const { metadata: whole, status: __, ...rest } = fieldsOf(item)
  const { managedFields: _, ...metadata } = fieldsOf(whole)
  const { namespace, name } = metadata
  const place = [namespace, name].filter((part) => typeof part === 'string' && part !== '').join('/')
  const apiVersion = group === '' ? version : `${group}/${version}`
  return {
    source: `${group === '' ? plural : `${plural}.${group}`} ${place}`,
    value: () => ({ apiVersion, kind, ...rest, metadata }),
  }
}
