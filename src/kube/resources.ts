// The single table of the resources that the server has: what discovery, validation, OpenAPI, tables and paths derive from.
import { kinds, otherKind } from '../api/index.ts'
import { coreResources } from './resources/core-resources.ts'
import { istioResources } from './resources/istio-resources.ts'
import type { ApiResource } from './resources/resource.ts'

export const resources: readonly ApiResource[] = [...coreResources, ...istioResources]

/** Those whose objects the control side reads: kinds that are carried out, and others of which it matters that they are not. */
export const declarationResources: readonly ApiResource[] = resources.filter(({ group, kind, storedAs }) => {
  if (storedAs !== undefined) return false
  const fate = otherKind(group, kind)?.fate
  return Object.hasOwn(kinds, kind) || (fate !== undefined && fate !== 'ignore')
})

/** The resource at `/apis/GROUP/VERSION/PLURAL`. */
export function findResource(group: string, version: string, plural: string): ApiResource | undefined {
  const found = byPlural.get(`${group}/${plural}`)
  return found?.versions.includes(version) ? found : undefined
}

/** The resource whose objects have this kind. */
export function findKind(group: string, kind: string): ApiResource | undefined {
  return byKind.get(`${group}/${kind}`)
}

/** The core group first, then by name; versions as the resources of the group prefer them. */
export const groups: readonly { readonly name: string; readonly versions: readonly string[] }[] = [
  ...new Set(resources.map(({ group }) => group)),
].map((name) => ({
  name,
  versions: [...new Set(resources.flatMap((resource) => (resource.group === name ? resource.versions : [])))].sort(byPriority),
}))

/** `v1` before `v1beta1` before `v1alpha3`. */
function byPriority(a: string, b: string): number {
  const rank = (version: string): number => (version.includes('alpha') ? 2 : version.includes('beta') ? 1 : 0)
  return rank(a) - rank(b) || (a < b ? 1 : -1)
}

const byPlural = new Map(resources.map((resource) => [`${resource.group}/${resource.plural}`, resource]))
const byKind = new Map(resources.map((resource) => [`${resource.group}/${resource.kind}`, resource]))
