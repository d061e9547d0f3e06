// Says what a port speaks, in Istio's words, and to which of four families of listeners that leads.

export type Protocol =
  | 'http'
  | 'http2'
  | 'grpc'
  | 'grpc-web'
  | 'http_proxy'
  | 'https'
  | 'tls'
  | 'tcp'
  | 'mongo'
  | 'redis'
  | 'mysql'
  | 'udp'
  | 'unset'

/** What a listener must look at: requests, server names, nothing, whichever the client turns out to speak; `none` opens nothing. */
export type Family = 'http' | 'tls' | 'tcp' | 'unset' | 'none'

const families = {
  http: 'http',
  http2: 'http',
  grpc: 'http',
  'grpc-web': 'http',
  http_proxy: 'http',
  https: 'tls',
  tls: 'tls',
  tcp: 'tcp',
  mongo: 'tcp',
  redis: 'tcp',
  mysql: 'tcp',
  udp: 'none',
  unset: 'unset',
} as const satisfies Record<Protocol, Family>

/** Names are compared without regard to case; an empty or unknown one means that the port is sniffed. */
export function parseProtocol(text: string | undefined): Protocol {
  const lower = (text ?? '').toLowerCase()
  return lower in families ? (lower as Protocol) : 'unset'
}

export function familyOfProtocol(protocol: Protocol): Family {
  return families[protocol]
}

/** Ports that speak HTTP/2 to their origin whatever the client spoke. */
export function isHttp2Only(protocol: Protocol): boolean {
  return protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web'
}
