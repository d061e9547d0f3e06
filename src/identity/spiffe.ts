// Reads and writes SPIFFE identities of workloads: `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT`, as Istio has them.

export interface SpiffeId {
  readonly trustDomain: string
  readonly namespace: string
  readonly serviceAccount: string
}

/** The mesh's own domain, Istio's default. */
export const meshTrustDomain = 'cluster.local'

/** Labels as Kubernetes has them: nothing in them could end a part of the path or begin another. */
const pattern =
  /^spiffe:\/\/([a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?)\/ns\/([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)\/sa\/([a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?)$/

/** Undefined for anything that is not exactly such an identity. Case counts, and nothing is decoded. */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  const [, trustDomain, namespace, serviceAccount] = pattern.exec(text) ?? []
  if (trustDomain === undefined || namespace === undefined || serviceAccount === undefined) return undefined
  return { trustDomain, namespace, serviceAccount }
}

/** Throws for names that no identity can have. */
export function formatSpiffeId({ trustDomain, namespace, serviceAccount }: SpiffeId): string {
  const text = `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`
  if (parseSpiffeId(text) === undefined) throw new TypeError(`no identity can be called ${JSON.stringify(text)}`)
  return text
}
