// Shows the objects of the API that are configuration to the control side, each as one document for as long as it declares the same.
import type { DeclaredObject, DeclaredObjects } from '../config/index.ts'
import { declarationResources, isComputed, type KubeObject } from '../kube/index.ts'
import type { Change, ObjectKey, ObjectStore, Stored } from '../store/index.ts'
import { PodWorkloads } from './pod-workloads.ts'

export function declaredObjects(store: ObjectStore): DeclaredObjects {
  const declarations = new Declarations()
  const workloads = new PodWorkloads()
  return {
    all() {
      const objects = declarations.of(names.flatMap((name) => store.list(name).items))
      return [...objects, ...store.list(pods).items.flatMap((stored) => workloads.of(stored) ?? [])]
    },
    watch: (listener) =>
      store.watch(store.revision, (change) => {
        const { resource } = change.key
        if (resource === pods ? workloads.concerns(change) : names.includes(resource) && concerns(change)) listener()
      }),
  }
}

/** Stands in the place of a file's name. */
export function sourceOf({ resource, namespace, name }: ObjectKey): string {
  return `${resource} ${namespace === '' ? name : `${namespace}/${name}`}`
}

/** What each object declares; of one whose new version declares the same, the document stays what it was, and is not read again. */
class Declarations {
  #known: ReadonlyMap<string, { readonly stored: Stored; readonly object: DeclaredObject }> = new Map()

  of(all: readonly Stored[]): readonly DeclaredObject[] {
    const found = new Map<string, { readonly stored: Stored; readonly object: DeclaredObject }>()
    for (const stored of all) {
      const source = sourceOf(stored.key)
      const known = this.#known.get(source)
      if (known?.stored === stored) found.set(source, known)
      else if (!isOfServer(stored)) found.set(source, { stored, object: sameOrNew(known?.object, stored) })
    }
    this.#known = found
    return Array.from(found.values(), ({ object }) => object)
  }
}

function sameOrNew(known: DeclaredObject | undefined, stored: Stored): DeclaredObject {
  return known !== undefined && known.text() === textOf(stored) ? known : { source: sourceOf(stored.key), text: () => textOf(stored) }
}

/** What became of an object is written often, and is nothing that it declares. */
function concerns({ before, after }: Change): boolean {
  const [was, is] = [before, after].map((stored) => (stored === undefined || isOfServer(stored) ? undefined : textOf(stored)))
  return was !== is
}

/** Who has set which field, and what became of the object, is nothing that is declared. */
function textOf({ value }: Stored): string {
  const { status: _, ...object }: KubeObject = JSON.parse(value.toString())
  const { managedFields: __, ...metadata } = object.metadata
  return JSON.stringify({ ...object, metadata })
}

/** The server has worked it out itself. */
function isOfServer({ key, value }: Stored): boolean {
  if (!computed.has(key.resource)) return false
  const object: KubeObject = JSON.parse(value.toString())
  return isComputed(object.metadata.labels)
}

const computed: ReadonlySet<string> = new Set(['endpoints', 'endpointslices.discovery.k8s.io'])
const pods = 'pods'
const names = declarationResources.map(({ group, plural }) => (group === '' ? plural : `${plural}.${group}`))
