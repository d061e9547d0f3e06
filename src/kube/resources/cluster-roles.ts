// Names the roles that the server has: bindings give these and no others.

/** ClusterRoles, as every cluster has them. */
export const clusterRoleNames = ['admin', 'cluster-admin', 'edit', 'view'] as const

export type ClusterRoleName = (typeof clusterRoleNames)[number]

export function isClusterRoleName(name: unknown): name is ClusterRoleName {
  return clusterRoleNames.some((known) => known === name)
}
