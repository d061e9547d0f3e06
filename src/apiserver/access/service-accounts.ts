// Finds service accounts among the stored objects, and makes those that every namespace has.
import { alreadyExists, findKind, type KubeObject, notFound, StatusError } from '../../kube/index.ts'
import type { ObjectStore } from '../../store/index.ts'
import type { ObjectWriter } from '../object-writer.ts'
import type { ServiceAccountName } from './user.ts'

const resource = { group: '', plural: 'serviceaccounts' }

/** Another one of the same name has another. Undefined where there is none. */
export function uidOf(store: ObjectStore, { namespace, name }: ServiceAccountName): string | undefined {
  const stored = store.get({ resource: 'serviceaccounts', namespace, name })
  if (stored === undefined) return undefined
  const object: KubeObject = JSON.parse(stored.value.toString())
  return object.metadata.uid
}

export interface ServiceAccountParts {
  readonly store: ObjectStore
  readonly writer: ObjectWriter
  /** Makes it whatever it is called, and not only `default`, which every namespace has. */
  readonly makes: boolean
}

/** Throws 404 where there is none. */
export async function findServiceAccount(account: ServiceAccountName, { store, writer, makes }: ServiceAccountParts): Promise<string> {
  const uid = uidOf(store, account) ?? (makes || account.name === 'default' ? await make(account, store, writer) : undefined)
  if (uid === undefined) throw new StatusError(notFound(resource, account.name))
  return uid
}

async function make(account: ServiceAccountName, store: ObjectStore, writer: ObjectWriter): Promise<string | undefined> {
  const kind = findKind('', 'ServiceAccount')
  if (kind === undefined) return undefined
  const object = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...account } }
  try {
    await writer.create({ resource: kind, version: 'v1', ...account }, object, { isDryRun: false, manager: 'sallyport' })
  } catch (error) {
    // Somebody else was first.
    if (!(error instanceof StatusError && error.status.reason === alreadyExists(resource, account.name).reason)) throw error
  }
  return uidOf(store, account)
}
