// The names and values that HPACK knows by number from the beginning (RFC 7541 appendix A).

/** The first has number 1. */
export const staticTable: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...(
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control content-disposition ' +
    'content-encoding content-language content-length content-location content-range content-type cookie date etag expect expires from ' +
    'host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified link location max-forwards ' +
    'proxy-authenticate proxy-authorization range referer refresh retry-after server set-cookie strict-transport-security ' +
    'transfer-encoding user-agent vary via www-authenticate'
  )
    .split(' ')
    .map((name) => [name, ''] as const),
]

/** Numbers of the entries of each name: the first of the name, and those of its values. */
export const staticNumbers: ReadonlyMap<string, { readonly name: number; readonly values: ReadonlyMap<string, number> }> = makeNumbers()

function makeNumbers(): Map<string, { readonly name: number; readonly values: Map<string, number> }> {
  const numbers = new Map<string, { readonly name: number; readonly values: Map<string, number> }>()
  for (const [index, [name, value]] of staticTable.entries()) {
    const known = numbers.get(name) ?? { name: index + 1, values: new Map<string, number>() }
    if (value !== '') known.values.set(value, index + 1)
    numbers.set(name, known)
  }
  return numbers
}
