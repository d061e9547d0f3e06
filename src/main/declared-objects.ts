// Shows the objects of the API that are configuration to the control side, each version as one document.
import type { DeclaredObject, DeclaredObjects } from '../config/index.ts'
import { declarationResources, type KubeObject } from '../kube/index.ts'
import type { ObjectStore, Stored } from '../store/index.ts'
import { PodWorkloads } from './pod-workloads.ts'

export function declaredObjects(store: ObjectStore): DeclaredObjects {
  const known = new WeakMap<Stored, DeclaredObject>()
  const declared = (stored: Stored): DeclaredObject => {
    const object = known.get(stored) ?? declaredObject(stored)
    known.set(stored, object)
    return object
  }
  const workloads = new PodWorkloads()
  return {
    all: () => [
      ...names.flatMap((name) => store.list(name).items.map(declared)),
      ...store.list(pods).items.flatMap((stored) => workloads.of(stored) ?? []),
    ],
    watch: (listener) =>
      store.watch(store.revision, (change) => {
        const { resource } = change.key
        if (names.includes(resource) || (resource === pods && workloads.concerns(change))) listener()
      }),
  }
}

function declaredObject({ key, value }: Stored): DeclaredObject {
  const place = key.namespace === '' ? key.name : `${key.namespace}/${key.name}`
  return { source: `${key.resource} ${place}`, text: () => withoutBookkeeping(value) }
}

/** Who has set which field is nothing that is declared. */
function withoutBookkeeping(value: Buffer): string {
  const object: KubeObject = JSON.parse(value.toString())
  const { managedFields: _, ...metadata } = object.metadata
  return JSON.stringify({ ...object, metadata })
}

const pods = 'pods'
const names = declarationResources
  .map(({ group, plural }) => (group === '' ? plural : `${plural}.${group}`))
  .filter((name) => name !== pods)
