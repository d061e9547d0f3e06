// Shows the roles that the server has as objects: to be read, and neither made nor changed.
import { apiVersionOf, type ApiResource, clusterRoleNames, forbiddenBecause, type KubeObject, StatusError } from '../../kube/index.ts'
import type { Listing, ObjectStore, Stored } from '../../store/index.ts'
import { keyOf } from '../stored-objects.ts'
import { clusterRoles } from './built-in-roles.ts'

export function isRole({ group, kind }: Pick<ApiResource, 'group' | 'kind'>): boolean {
  return group === 'rbac.authorization.k8s.io' && (kind === 'ClusterRole' || kind === 'Role')
}

/** In the place of a store: the roles of every cluster, and none in a namespace. */
export function roleObjects(store: ObjectStore, resource: ApiResource): Pick<ObjectStore, 'list' | 'get'> {
  const items = resource.kind === 'ClusterRole' ? clusterRoleNames.map((name) => roleOf(name, resource, sinceOf(store))) : []
  const list = (): Listing => ({ items, revision: store.revision, remaining: 0 })
  return { list, get: ({ name }) => items.find(({ key }) => key.name === name) }
}

export function refuseRole(resource: ApiResource, name: string): StatusError {
  const why = `roles are not made or changed here: bindings give the ClusterRoles ${clusterRoleNames.join(', ')}, and there are no others`
  return new StatusError(forbiddenBecause(resource, name, why))
}

function roleOf(name: (typeof clusterRoleNames)[number], resource: ApiResource, creationTimestamp: string | undefined): Stored {
  const { group, versions, kind } = resource
  const role: KubeObject = {
    apiVersion: apiVersionOf({ group, version: versions[0] ?? 'v1' }),
    kind,
    metadata: {
      name,
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
    },
    rules: clusterRoles[name].map((rule) => ({ ...rule })),
  }
  // Older than every write of the store.
  return { key: keyOf(resource, '', name), revision: 1, value: Buffer.from(JSON.stringify(role)) }
}

/** As old as the server's objects are. */
function sinceOf(store: ObjectStore): string | undefined {
  const stored = store.get({ resource: 'namespaces', namespace: '', name: 'kube-system' })
  const namespace: KubeObject | undefined = stored && JSON.parse(stored.value.toString())
  return namespace?.metadata.creationTimestamp
}
