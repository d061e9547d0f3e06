// Names the secrets that every proxy of a mesh has, as Istio names them, and the domain whose identities they prove.

/** The certificate of the workload with its key, and those whose certificates it trusts. */
export const secretNames = { certificate: 'default', roots: 'ROOTCA' } as const

/** Istio's default; its roots are those of `secretNames.roots`. */
export const trustDomain = 'cluster.local'
