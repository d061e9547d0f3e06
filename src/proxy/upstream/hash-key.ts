// Finds in a request what leads it to the same endpoint each time, where a cluster asks for that.
import type { HashRule } from '../../runtime/index.ts'

export interface Keys {
  /** Path and query as they are sent. */
  readonly path: string
  /** Lines by name in lower case. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  /** Address of the client. */
  readonly source: string | undefined
}

/** `undefined`: the request does not have it, and any endpoint will do, as in Envoy. */
export function hashKeyOf({ by, name }: HashRule, { path, headers, source }: Keys): string | undefined {
  switch (by) {
    case 'header':
      // Several lines are one key whatever their order is, as in Envoy.
      return headers.get(name)?.toSorted().join(',')
    case 'cookie':
      return cookieOf(headers.get('cookie') ?? [], name)
    case 'query':
      return queryOf(path, name)
    case 'source':
      return source
  }
}

function cookieOf(lines: readonly string[], name: string): string | undefined {
  for (const pair of lines.flatMap((line) => line.split(';'))) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return undefined
}

/** The first of that name, as it is written: Envoy decodes nothing here. */
function queryOf(path: string, name: string): string | undefined {
  const mark = path.indexOf('?')
  if (mark < 0) return undefined
  for (const pair of path.slice(mark + 1).split('&')) {
    const equals = pair.indexOf('=')
    if ((equals < 0 ? pair : pair.slice(0, equals)) === name) return equals < 0 ? '' : pair.slice(equals + 1)
  }
  return undefined
}
