// Door of the identity room.
export * from './spiffe.ts'
export * from './secret.ts'
export * from './workload-identity.ts'
export * from './load-issuer.ts'
export type { CertificateRequest, KeyPair } from './issuer.ts'
export * from './system-roots.ts'
