// Says how an API server is reached: where it is, who signs its certificate, and what one proves oneself with.

export interface ApiAccess {
  /** `https://HOST:PORT` */
  readonly server: string
  /** PEM. */
  readonly authority: string
  /** As it is now. Throws when what it is read from can no longer be read. */
  readonly credential: () => ApiCredential
}

export type ApiCredential =
  | { readonly token: string }
  /** PEM. */
  | { readonly certificate: string; readonly key: string }
