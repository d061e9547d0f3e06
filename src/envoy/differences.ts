// Lists what stock Envoy cannot be told, or does in its own way, beside what our own data plane does; the documentation prints it.

export interface EngineDifference {
  readonly what: string
  readonly sallyport: string
  readonly envoy: string
}

/** A test holds each row, by its key. */
export const engineDifferences = {
  'resolved-address': {
    what: 'TCP to an address that a declared name resolves to, where the ServiceEntry has no addresses',
    sallyport: 'allowed: the name is resolved and the address compared',
    envoy:
      'is what nothing declares, and so refused under REGISTRY_ONLY: only the virtual address that DNS gives out for the name is taken',
  },
  'tls-without-name': {
    what: 'TLS without a server name on a port that says no protocol',
    sallyport: 'allowed at the declared address',
    envoy: 'is what nothing declares, as with another server name',
  },
  'names-agree': {
    what: 'a Host header or server name that is declared, at the virtual address of another declared name',
    sallyport: 'refused (`name-mismatch`)',
    envoy: 'goes where the Host header or server name leads',
  },
  'port-of-host': {
    what: 'HTTP to a wildcard host: the port in the Host header',
    sallyport: 'is not looked at; the declared port is dialled',
    envoy: 'has to be the declared one (80 may be left out), else refused',
  },
  'refused-destination': {
    what: 'a route to a destination that refuses as a whole (a DestinationRule that is not carried out, …)',
    sallyport: '403 with the reason',
    envoy: '503 without it; the record has it',
  },
  'refusal-body': {
    what: 'the body of a refusal',
    sallyport: 'text or JSON, with a declaration that would allow it',
    envoy: 'text, without such a declaration',
  },
  'special-address': {
    what: 'a declared name, dialled at a loopback, link-local or metadata address of a port where a range is declared too',
    sallyport: 'goes to the name’s own address',
    envoy: 'refused',
  },
  'hosts-file': {
    what: 'a name of a wildcard host to which /etc/hosts of the machine gives a private, loopback or metadata address',
    sallyport: 'refused (`private-address`)',
    envoy: 'goes there: Envoy’s own resolver reads that file, and what it says is not judged',
  },
  'cut-hello': {
    what: 'a ClientHello or request head that comes in hundreds of pieces, where Envoy does not listen inside the seal (not as root)',
    sallyport: 'is put together',
    envoy: 'waits for ever: the socket on the way to Envoy holds fewer pieces, and Envoy takes none before it has seen the whole',
  },
  'live-change': {
    what: 'a change that concerns a listener’s filter chain',
    sallyport: 'cuts at once the TCP connections that are no longer allowed, and no others',
    envoy: 'cuts all connections of that chain after one second',
  },
  'end-of-connection': {
    what: 'when a connection is told of',
    sallyport: 'when it is decided, and again when it ends',
    envoy: 'when it ends',
  },
} as const satisfies Readonly<Record<string, EngineDifference>>
