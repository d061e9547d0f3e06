// Names secrets as Istio names them: those that every proxy of a mesh has, with the domain whose identities they prove, and those that declarations name.

/** The certificate of the workload with its key, and those whose certificates it trusts. */
export const secretNames = { certificate: 'default', roots: 'ROOTCA' } as const

/** Istio's default; its roots are those of `secretNames.roots`. */
export const trustDomain = 'cluster.local'

const credentialPrefix = 'kubernetes://'
const rootsSuffix = '-cacert'

/** What `roots` is there for is those to trust, else a certificate with its key. */
export interface CredentialName {
  /** Of the Secret. */
  readonly name: string
  /** The Secret that comes before it, for those to trust alone. */
  readonly roots?: string
}

/** A `credentialName`, as SDS configurations give it, and back. */
export const credentialNames = {
  certificate: (name: string): string => `${credentialPrefix}${name}`,
  roots: (name: string): string => `${credentialPrefix}${name}${rootsSuffix}`,
  parse(name: string): CredentialName | undefined {
    if (!name.startsWith(credentialPrefix)) return undefined
    const said = name.slice(credentialPrefix.length)
    return said.endsWith(rootsSuffix) ? { name: said.slice(0, -rootsSuffix.length), roots: said } : { name: said }
  },
} as const
