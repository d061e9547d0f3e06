// Shows the objects of the API that are configuration to the control side, each as one document for as long as it declares the same.
import type { DeclaredObject, DeclaredObjects } from '../config/index.ts'
import { type ApiResource, declarationResources, isComputed, isJsonObject, type KubeObject } from '../kube/index.ts'
import { byName, type Change, type ObjectKey, type ObjectStore, type Stored } from '../store/index.ts'
import { PodWorkloads } from './pod-workloads.ts'

export interface StoredDeclarations extends DeclaredObjects {
  /** No fewer than there are; told without going through them. */
  count(): number
}

export function declaredObjects(store: ObjectStore): StoredDeclarations {
  const declarations = new Map(names.map((name) => [name, new Declarations()]))
  const workloads = new PodWorkloads()
  return {
    all() {
      const objects = Array.from(declarations, ([name, of]) => of.following(store.list(name).items))
      const ready = store.list(pods).items.flatMap((stored) => workloads.of(stored) ?? [])
      // Copies each list in one piece, which `flat` does not.
      return ready.concat(...objects)
    },
    count: () => [...names, pods].reduce((sum, name) => sum + store.count(name), 0),
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

/** What each object of one resource declares; of one whose new version declares the same, the document stays what it was, and is not read again. */
class Declarations {
  #all: readonly Stored[] = []
  /** Parallel to it; undefined for what declares nothing. */
  #known: readonly (DeclaredObject | undefined)[] = []
  #declared: readonly DeclaredObject[] = []

  /** Both lists are sorted by the same names: whoever goes along both at once finds each object where it was. */
  following(all: readonly Stored[]): readonly DeclaredObject[] {
    if (all === this.#all) return this.#declared
    let at = 0
    const known = all.map((stored) => {
      for (; at < this.#all.length; at++) {
        const before = this.#all[at]
        if (before === stored) return this.#known[at++]
        const order = before === undefined ? -1 : byName(before, stored)
        if (order === 0) return declaredBy(stored, this.#known[at++])
        if (order > 0) break
      }
      return declaredBy(stored)
    })
    this.#all = all
    this.#known = known
    this.#declared = known.filter((object) => object !== undefined)
    return this.#declared
  }
}

function declaredBy(stored: Stored, known?: DeclaredObject): DeclaredObject | undefined {
  if (declaresNothing(stored)) return undefined
  return known !== undefined && JSON.stringify(known.value()) === JSON.stringify(valueOf(stored))
    ? known
    : { source: sourceOf(stored.key), value: () => valueOf(stored) }
}

/** What became of an object is written often, and is nothing that it declares. */
function concerns({ key, before, after }: Change): boolean {
  if (!statusNames.has(key.resource) && !mayDeclareNothing.has(key.resource)) return true
  const [was, is] = [before, after].map((stored) =>
    stored === undefined || declaresNothing(stored) ? undefined : JSON.stringify(valueOf(stored)),
  )
  return was !== is
}

/** Who has set which field, and what became of the object, is nothing that is declared. */
function valueOf({ value }: Stored): KubeObject {
  const { status: _, ...object }: KubeObject = JSON.parse(value.toString())
  const { managedFields: __, ...metadata } = object.metadata
  return { ...object, metadata }
}

/** The server has worked it out itself, or it is a Secret that no `credentialName` could mean: tokens, passwords and releases are nobody's business here. */
function declaresNothing({ key, value }: Stored): boolean {
  if (!mayDeclareNothing.has(key.resource)) return false
  const object: KubeObject = JSON.parse(value.toString())
  return key.resource === secrets ? !hasCredential(object) : isComputed(object.metadata.labels)
}

function hasCredential({ data }: KubeObject): boolean {
  return isJsonObject(data) && credentialKeys.some((key) => Object.hasOwn(data, key))
}

const credentialKeys = ['tls.crt', 'ca.crt', 'cert', 'cacert']
const secrets = 'secrets'
const mayDeclareNothing: ReadonlySet<string> = new Set(['endpoints', 'endpointslices.discovery.k8s.io', secrets])
const pods = 'pods'
const nameOf = ({ group, plural }: Pick<ApiResource, 'group' | 'plural'>): string => (group === '' ? plural : `${plural}.${group}`)
const names = declarationResources.map(nameOf)
const hasStatus = ({ subresources }: ApiResource): boolean => subresources.some(({ name }) => name === 'status')
/** Others, such as ConfigMaps, may be large, and are not read before they have to be. */
const statusNames = new Set(declarationResources.filter(hasStatus).map(nameOf))
