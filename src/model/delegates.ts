// Joins a rule that delegates with the rules it delegates to: conditions of both must hold, and a child that could never match is left out.
import type { HttpMatchRequest, HttpRoute, StringMatch } from '../api/index.ts'
import type { HttpRule, RuleMatch } from './http-rule.ts'

/** Each rule of the child under the conditions of `root`, in the child's order; whatever the child does not say is taken from `root`. */
export function joinDelegate(root: HttpRule, child: readonly HttpRule[]): readonly HttpRule[] {
  return child.flatMap((rule) => {
    const matches = joinMatches(root.matches, rule.matches)
    return matches === undefined ? [] : [joinRule(root, rule, matches)]
  })
}

function joinRule(root: HttpRule, child: HttpRule, matches: readonly RuleMatch[]): HttpRule {
  const { delegate: _, ...above } = root.rule
  const inherited = [
    'rewrite',
    'timeout',
    'retries',
    'fault',
    'mirror',
    'mirrorPercent',
    'mirror_percent',
    'mirrorPercentage',
    'corsPolicy',
    'headers',
  ]
  const taken = Object.fromEntries(Object.entries(above).filter(([field]) => inherited.includes(field)))
  const name = joinNames(above.name, child.rule.name)
  const match = matches.flatMap((one) => one.match ?? [])
  const rule: HttpRoute = { ...taken, ...child.rule, ...(name !== undefined && { name }), ...(match.length > 0 && { match }) }
  return { rule, at: child.at, unsupported: [...root.unsupported, ...child.unsupported], matches }
}

function joinNames(root: string | undefined, child: string | undefined): string | undefined {
  if (child === undefined || child === '') return root
  return root === undefined || root === '' ? child : `${root}-${child}`
}

/** Undefined: some match of the child lies outside of all of the root's, and Istio leaves the whole rule out. */
function joinMatches(root: readonly RuleMatch[], child: readonly RuleMatch[]): readonly RuleMatch[] | undefined {
  const ofRoot = root.filter((one) => one.match !== undefined)
  const ofChild = child.filter((one) => one.match !== undefined)
  if (ofRoot.length === 0) return child
  if (ofChild.length === 0) return root
  const joined: RuleMatch[] = []
  for (const leaf of ofChild) {
    const found = ofRoot.filter((one) => !conflicts(one.match ?? {}, leaf.match ?? {}))
    if (found.length === 0) return undefined
    for (const one of found) {
      const match = joinMatch(one.match ?? {}, leaf.match ?? {})
      joined.push({ match, unsupported: [...one.unsupported, ...leaf.unsupported] })
    }
  }
  return joined
}

/** The child's own condition is the narrower one wherever both have one. */
function joinMatch(root: HttpMatchRequest, leaf: HttpMatchRequest): HttpMatchRequest {
  const name = joinNames(root.name, leaf.name)
  const gateways = (leaf.gateways ?? []).length === 0 ? root.gateways : leaf.gateways
  const port = (leaf.port ?? 0) === 0 ? root.port : leaf.port
  return {
    ...root,
    ...leaf,
    ...(name !== undefined && { name }),
    ...(gateways && { gateways }),
    ...(port !== undefined && { port }),
    ...both('headers', root, leaf),
    ...both('withoutHeaders', root, leaf),
    ...both('queryParams', root, leaf),
    ...both('sourceLabels', root, leaf),
  }
}

function both<F extends 'headers' | 'withoutHeaders' | 'queryParams' | 'sourceLabels'>(
  field: F,
  root: HttpMatchRequest,
  leaf: HttpMatchRequest,
) {
  const joined: Readonly<Record<string, unknown>> = { ...root[field], ...leaf[field] }
  return Object.keys(joined).length === 0 ? {} : { [field]: joined }
}

function conflicts(root: HttpMatchRequest, leaf: HttpMatchRequest): boolean {
  for (const field of ['uri', 'scheme', 'method', 'authority'] as const) if (excludes(root[field], leaf[field])) return true
  for (const field of ['headers', 'withoutHeaders', 'queryParams'] as const) {
    const own = root[field] ?? {}
    for (const [key, match] of Object.entries(leaf[field] ?? {})) if (excludes(own[key], match)) return true
  }
  if ((root.ignoreUriCase ?? false) !== (leaf.ignoreUriCase ?? false)) return true
  if (differs(root.port ?? 0, leaf.port ?? 0, 0) || differs(root.sourceNamespace ?? '', leaf.sourceNamespace ?? '', '')) return true
  for (const [key, value] of Object.entries(leaf.sourceLabels ?? {})) {
    const own = root.sourceLabels?.[key]
    if (own !== undefined && own !== value) return true
  }
  const gateways = root.gateways ?? []
  return gateways.length > 0 && (leaf.gateways ?? []).some((gateway) => !gateways.includes(gateway))
}

function differs<T>(root: T, leaf: T, unsaid: T): boolean {
  return root !== unsaid && leaf !== unsaid && root !== leaf
}

/** The leaf is not wholly within the root, or that cannot be told: expressions are not compared. */
function excludes(root: StringMatch | undefined, leaf: StringMatch | undefined): boolean {
  if (root === undefined || leaf === undefined) return false
  if (said(root.regex) || said(leaf.regex)) return true
  if (said(root.exact)) return leaf.exact !== root.exact || said(leaf.prefix)
  if (said(root.prefix)) return !(leaf.prefix || leaf.exact || '').startsWith(root.prefix)
  return true
}

function said(text: string | undefined): text is string {
  return text !== undefined && text !== ''
}
