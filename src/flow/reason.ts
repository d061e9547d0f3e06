// Names every answer that a decision can give, so that log, metric, CLI and refusal body all say the same word for the same cause.

/** What declared the rule that decided: the stable reference that travels in xDS metadata `dev.sallyport`. */
export interface OriginRef {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** Field path inside the resource, such as `spec.http[2]`. */
  readonly field?: string
}

/** An `OriginRef` joined with its place, when a record is written. */
export interface PlacedRef extends OriginRef {
  readonly file?: string
  readonly line?: number
  readonly column?: number
}

/** Reason codes with the sentence that `docs/reference` prints; `allow` tells on which side of the verdict they stand. */
export const reasonCodes = {
  declared: { allow: true, text: 'a declaration names this destination' },
  'allow-any': { allow: true, text: 'the outbound policy is ALLOW_ANY and nothing declares this destination' },
  answered: { allow: true, text: 'a rule answers the request itself' },
  'not-declared': { allow: false, text: 'no ServiceEntry declares this destination and the outbound policy is REGISTRY_ONLY' },
  'not-visible': {
    allow: false,
    text: 'a declaration names this destination, but the Sidecar that governs this workload does not import it',
  },
  'not-supported': { allow: false, text: 'a declaration that governs this destination uses a feature that is not carried out yet' },
  'no-route': { allow: false, text: 'the host is declared, but no rule of its VirtualService matches' },
  'no-cluster': { allow: false, text: 'the rule sends traffic to a destination or subset that does not exist' },
  'no-endpoints': { allow: false, text: 'the destination is declared but has no endpoint to dial' },
  'no-filter-chain': { allow: false, text: 'nothing at this gateway port takes connections with this server name' },
  'name-unresolved': { allow: false, text: 'the declared name could not be resolved' },
  'private-address': { allow: false, text: 'the name resolves only to addresses that are never reached by a name' },
  'name-mismatch': { allow: false, text: 'the names that the connection carries do not agree' },
  'destination-mismatch': { allow: false, text: 'the dialled address does not belong to the declared host' },
  'ambiguous-destination': { allow: false, text: 'the gateway cannot tell which of several destinations is meant' },
  'peer-not-allowed': { allow: false, text: 'the gateway serves only peers in --from' },
  'tls-failed': { allow: false, text: 'TLS could not be ended: the client showed no certificate that is accepted, or broke off' },
  'bad-request': { allow: false, text: 'the request is not valid HTTP/1.1 and could be read in two ways' },
  'protocol-not-supported': { allow: false, text: 'this protocol, or an upgrade to it, is not carried out yet' },
  'protocol-not-carried': { allow: false, text: 'only TCP and declared DNS leave the seal' },
  'capture-bypass': { allow: false, text: 'the connection did not come through the capture rules' },
  'name-not-declared': { allow: false, text: 'the name was asked of DNS, and nothing declares it' },
  'no-configuration': { allow: false, text: 'no configuration has been loaded yet' },
  'limit-reached': { allow: false, text: 'a limit of this proxy was reached' },
  'internal-error': { allow: false, text: 'the proxy failed while it decided' },
} as const satisfies Record<string, { readonly allow: boolean; readonly text: string }>

export type ReasonCode = keyof typeof reasonCodes

/** Why a verdict is what it is. `text` is one sentence for people, with the names of this very flow in it. */
export interface Reason {
  readonly code: ReasonCode
  readonly text: string
  readonly by?: OriginRef
}
