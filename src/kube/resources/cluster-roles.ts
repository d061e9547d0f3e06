// Names the roles that the server has: bindings give these and no others.

/** ClusterRoles: those that every cluster has, and one that a gateway needs for the Secrets of its `credentialName`s, for which Istio makes a Role in each namespace. */
export const clusterRoleNames = ['admin', 'cluster-admin', 'edit', 'sallyport.dev:credentials', 'view'] as const

export type ClusterRoleName = (typeof clusterRoleNames)[number]

export function isClusterRoleName(name: unknown): name is ClusterRoleName {
  return clusterRoleNames.some((known) => known === name)
}
