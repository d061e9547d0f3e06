// Tells clients which groups, versions and resources there are: all at once, as newer clients ask, and one by one.
import type { JsonObject } from './object.ts'
import { apiVersionOf } from './object.ts'
import type { ApiResource, Subresource } from './resources/resource.ts'
import { groups, resources } from './resources.ts'

export type AggregatedVersion = 'v2' | 'v2beta1'

/** `GET /api`. */
export function coreVersions(serverAddress: string): JsonObject {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }] }
}

/** `GET /apis`. */
export function groupList(): JsonObject {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: namedGroups.map(({ name, versions }) => groupBody(name, versions)) }
}

/** `GET /apis/GROUP`. */
export function groupOf(name: string): JsonObject | undefined {
  const found = namedGroups.find((group) => group.name === name)
  return found && { kind: 'APIGroup', apiVersion: 'v1', ...groupBody(name, found.versions) }
}

/** `GET /api/v1` and `GET /apis/GROUP/VERSION`. */
export function resourceList(group: string, version: string): JsonObject | undefined {
  const served = servedIn(group, version)
  if (served.length === 0) return undefined
  const head = group === '' ? { kind: 'APIResourceList' } : { kind: 'APIResourceList', apiVersion: 'v1' }
  return { ...head, groupVersion: apiVersionOf({ group, version }), resources: served.flatMap(entriesOf) }
}

/** `GET /api` and `GET /apis` in one answer each (`as=APIGroupDiscoveryList`). */
export function aggregated(what: 'api' | 'apis', version: AggregatedVersion): JsonObject {
  const told = groups.filter(({ name }) => (name === '') === (what === 'api'))
  const items = told.map(({ name, versions }) => ({
    metadata: name === '' ? {} : { name },
    versions: versions.map((one) => ({
      version: one,
      resources: servedIn(name, one).map((resource) => aggregatedEntry(resource, one)),
      freshness: 'Current',
    })),
  }))
  return { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items }
}

export function aggregatedMediaType(version: AggregatedVersion): string {
  return `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
}

const namedGroups = groups.filter(({ name }) => name !== '')

function servedIn(group: string, version: string): readonly ApiResource[] {
  return resources.filter((resource) => resource.group === group && resource.versions.includes(version))
}

function groupBody(name: string, versions: readonly string[]): JsonObject {
  const described = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: described, preferredVersion: described[0] }
}

function entriesOf(resource: ApiResource): readonly JsonObject[] {
  const { plural, singular, namespaced, kind, verbs, shortNames, categories } = resource
  const names = { ...(shortNames.length === 0 ? {} : { shortNames }), ...(categories.length === 0 ? {} : { categories }) }
  const own = { name: plural, singularName: singular, namespaced, kind, verbs, ...names }
  return [own, ...resource.subresources.map((subresource) => subresourceEntry(resource, subresource))]
}

function subresourceEntry({ plural, namespaced, kind, group }: ApiResource, subresource: Subresource): JsonObject {
  const other = subresource.kind
  const elsewhere = other === undefined || other.group === group ? {} : { group: other.group, version: other.version }
  return {
    name: `${plural}/${subresource.name}`,
    singularName: '',
    namespaced,
    ...elsewhere,
    kind: other?.kind ?? kind,
    verbs: subresource.verbs,
  }
}

function aggregatedEntry(resource: ApiResource, version: string): JsonObject {
  const { group, plural, singular, namespaced, kind, verbs, shortNames, categories, subresources } = resource
  const own = { group, version, kind }
  const parts = subresources.map((part) => ({ subresource: part.name, responseKind: kindOf(part) ?? own, verbs: part.verbs }))
  return {
    resource: plural,
    responseKind: own,
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(parts.length === 0 ? {} : { subresources: parts }),
  }
}

function kindOf({ kind }: Subresource): JsonObject | undefined {
  return kind && { group: kind.group, version: kind.version, kind: kind.kind }
}
