// Holds what a secret says once it is read: a certificate with its key, or those to trust.

export interface SecretMaterial {
  /** PEM. */
  readonly certificate?: { readonly chain: string; readonly key: string }
  /** PEM, one after the other. */
  readonly roots?: string
  /** PEM, of certificates that they have revoked. */
  readonly crl?: string
}

/** What a secret service has given, by name; another object when it is another secret. */
export type SecretsByName = (name: string) => SecretMaterial | undefined
