// Compiles the ways in which a route changes the path of a request: a prefix, or what an expression matches; the query stays as it is.
import { messageOf } from '../base/index.ts'
import { RE2JS } from 're2js'
import type { RegexMatchAndSubstitute } from '../xds/gen/envoy/type/matcher/v3/regex_pb.js'
import type { RouteMatch } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'

/** Path and query in, path and query out. */
export type PathRewrite = (path: string) => string

export type CompiledRewrite = { readonly rewrite: PathRewrite } | { readonly problem: string }

/** What the route matched is replaced as text: `/old` to `/new` makes `/newer` of `/older`, as in Envoy. */
export function compilePrefixRewrite(match: RouteMatch | undefined, replacement: string): CompiledRewrite {
  const matched = matchedLength(match)
  if (matched === undefined) return { rewrite: (path) => replacement + path.slice(bareLength(path)) }
  return { rewrite: (path) => replacement + path.slice(matched) }
}

/** Undefined: the whole path, whatever its length. */
function matchedLength(match: RouteMatch | undefined): number | undefined {
  const specifier = match?.pathSpecifier
  switch (specifier?.case) {
    case 'prefix':
    case 'path':
    case 'pathSeparatedPrefix':
      return specifier.value.length
    default:
      return undefined
  }
}

/** RE2's syntax for pattern and substitution: `\1` is the first group, `\0` the whole match, `\\` a backslash. */
export function compileRegexRewrite({ pattern, substitution }: RegexMatchAndSubstitute): CompiledRewrite {
  const regex = pattern?.regex ?? ''
  const pieces = parseSubstitution(substitution)
  if (pieces === undefined)
    return { problem: `the substitution ${JSON.stringify(substitution)} has a backslash before neither digit nor backslash` }
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(regex)
  } catch (error) {
    return { problem: `the regular expression ${JSON.stringify(regex)} does not compile: ${messageOf(error)}` }
  }
  const groups = compiled.groupCount()
  const beyond = pieces.find((piece) => typeof piece === 'number' && piece > groups)
  if (beyond !== undefined) return { problem: `the substitution names group ${beyond}, and the expression has ${groups}` }
  return {
    rewrite: (path) => {
      const end = bareLength(path)
      return replaceAll(compiled, path.slice(0, end), pieces) + path.slice(end)
    },
  }
}

type Piece = string | number

function parseSubstitution(text: string): readonly Piece[] | undefined {
  const pieces: Piece[] = []
  let end = 0
  for (let at = text.indexOf('\\'); at >= 0; at = text.indexOf('\\', at + 2)) {
    pieces.push(text.slice(end, at))
    const next = text.charAt(at + 1)
    if (next === '\\') pieces.push('\\')
    else if (/^\d$/.test(next)) pieces.push(Number(next))
    else return undefined
    end = at + 2
  }
  pieces.push(text.slice(end))
  return pieces
}

/** As RE2::GlobalReplace: an empty match right behind the match before it is passed over. */
function replaceAll(regex: RE2JS, text: string, pieces: readonly Piece[]): string {
  const matcher = regex.matcher(text)
  let made = ''
  let end = 0
  while (matcher.find()) {
    const start = matcher.start()
    if (start === end && matcher.end() === start && start > 0) continue
    made += text.slice(end, start)
    for (const piece of pieces) made += typeof piece === 'string' ? piece : (matcher.group(piece) ?? '')
    end = matcher.end()
  }
  return made + text.slice(end)
}

function bareLength(path: string): number {
  const end = path.search(/[?#]/)
  return end < 0 ? path.length : end
}

/** A path that may stand in a request line: it begins with a slash and has neither spaces, controls nor a fragment. */
export function isSendablePath(path: string): boolean {
  return /^\/[\x21\x22\x24-\x7e\x80-\xff]*$/.test(path)
}
