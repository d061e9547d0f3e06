// Says how a server is known that serves configuration at the port of its API, and what a client proves itself with there.

export interface SecuredBy {
  /** PEM of who signs the server's certificate; nobody else is trusted. */
  readonly authority: string
  /** As it is now: asked for at each connection. */
  readonly credential: () => Credential
}

export type Credential =
  | { readonly token: string }
  /** PEM. */
  | { readonly certificate: string; readonly key: string }

/** By this name clients ask for configuration, at a port that serves something else to others. */
export const xdsServerName = 'xds.sallyport.internal'
