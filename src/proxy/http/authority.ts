// Judges the authority of a request: what may stand in Host, and what an absolute URI says of it.

/** What a DNS name or IPv4 address is written with, `_` and `~` included; no other character of RFC 3986 has a use here. */
const NAME = /^[A-Za-z0-9._~-]{1,255}$/
const IPV6 = /^\[[0-9A-Fa-f:.]{2,45}\]$/
const PORT = /^[0-9]{0,5}$/
/** Envoy looks at nothing after the colon; its lenience is kept to characters that cannot be read as anything else. */
const LAX_PORT = /^[A-Za-z0-9._-]{0,32}$/

/** User info, spaces, commas, slashes and the like make an authority that two programs read in two ways. */
export function isAuthority(text: string, isStrict: boolean): boolean {
  const colon = text.endsWith(']') ? -1 : text.lastIndexOf(':')
  const host = colon === -1 ? text : text.slice(0, colon)
  const port = colon === -1 ? '' : text.slice(colon + 1)
  if (!NAME.test(host) && !IPV6.test(host)) return false
  return isStrict ? PORT.test(port) && Number(port) <= 65_535 : LAX_PORT.test(port)
}

export interface AbsoluteTarget {
  readonly authority: string
  /** Path and query, `/` when the URI has none. */
  readonly path: string
  readonly scheme: 'http' | 'https'
}

/** Reads `http://…` or `https://…`; user info is dropped, as Envoy does. Undefined: no such URI. */
export function parseAbsoluteTarget(target: string): AbsoluteTarget | undefined {
  const match = /^http(s?):\/\/([^/?#\\]*)([/?#].*)?$/i.exec(target)
  if (!match) return undefined
  const [, secure = '', whole = '', rest = ''] = match
  const authority = whole.slice(whole.lastIndexOf('@') + 1)
  return { authority, path: rest.startsWith('/') ? rest : `/${rest}`, scheme: secure === '' ? 'http' : 'https' }
}

/** The same host, whatever the case and whether or not the default port is written out. */
export function sameAuthority(a: string, b: string): boolean {
  return canonical(a) === canonical(b)
}

function canonical(authority: string): string {
  return authority.toLowerCase().replace(/:(80)?$/, '')
}
