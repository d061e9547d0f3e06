// Says who a client is, in Kubernetes' terms: a name and groups, by which bindings find it.

export interface User {
  readonly name: string
  readonly groups: readonly string[]
  /** Of the object that it stands for. */
  readonly uid?: string
}

export interface ServiceAccountName {
  readonly namespace: string
  readonly name: string
}

/** Whoever is in it may do everything. */
export const administrators = 'system:masters'
/** Everybody who is known. */
export const authenticated = 'system:authenticated'
/** Certificates of workloads that joined. */
export const workloads = 'sallyport.dev:workloads'

export function serviceAccountUser({ namespace, name }: ServiceAccountName, uid: string, more: readonly string[] = []): User {
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, ...more, authenticated]
  return { name: serviceAccountUserName({ namespace, name }), uid, groups }
}

export function serviceAccountUserName({ namespace, name }: ServiceAccountName): string {
  return `system:serviceaccount:${namespace}:${name}`
}

/** The service account that a user is; undefined for people. */
export function serviceAccountOf(userName: string): ServiceAccountName | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(userName) ?? []
  return namespace === undefined || name === undefined ? undefined : { namespace, name }
}

/** The service account of a workload that came with its certificate; undefined for everybody else. */
export function workloadOf({ name, groups }: User): ServiceAccountName | undefined {
  return groups.includes(workloads) ? serviceAccountOf(name) : undefined
}
