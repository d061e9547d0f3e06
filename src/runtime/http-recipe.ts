// Compiles what a route changes of the requests that it forwards into plans made once, or made for each request where that cannot be.
import type { RequestFacts } from '../flow/index.ts'
import type { RouteAction, RouteAction_RequestMirrorPolicy, RouteMatch } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { type CorsPlan, corsChanges } from './cors.ts'
import type { HeaderChange, HttpPlan, MirrorPlan } from './decision.ts'
import { carryOut, type HeaderRecipe } from './header-change.ts'
import { compilePrefixRewrite, compileRegexRewrite, isSendablePath, type PathRewrite } from './path-rewrite.ts'
import { shareOf } from './share.ts'

/** Where copies go, for which share of the requests. */
export interface MirrorRecipe {
  readonly cluster: string
  readonly share: number
  /** What chance is asked for. */
  readonly purpose: string
}

export interface HttpRecipe {
  /** What is the same for every request. */
  readonly fixed: HttpPlan
  readonly rewrite?: PathRewrite
  /** Only if it has to be made for each request. */
  readonly requestHeaders?: HeaderRecipe
  readonly responseHeaders?: HeaderRecipe
  readonly cors?: CorsPlan
  readonly mirrors?: readonly MirrorRecipe[]
}

/** What only the request itself can tell. */
export interface PlanParts {
  readonly delay: number
  readonly mirrors: readonly MirrorPlan[]
}

/** The route's own words, before they are put together for one destination. */
export interface RecipeParts {
  readonly plan: Omit<HttpPlan, 'requestHeaders' | 'responseHeaders' | 'path' | 'delay' | 'mirrors'>
  readonly rewrite: PathRewrite | undefined
  readonly requestHeaders: HeaderRecipe | undefined
  readonly responseHeaders: HeaderRecipe | undefined
  readonly cors: CorsPlan | undefined
  readonly mirrors: readonly MirrorRecipe[]
}

/** Undefined: the requests go on as they came. */
export function makeRecipe(parts: RecipeParts): HttpRecipe | undefined {
  const { plan, rewrite, requestHeaders, responseHeaders, cors, mirrors } = parts
  const fixed: HttpPlan = {
    ...plan,
    ...(Array.isArray(requestHeaders) && { requestHeaders }),
    ...(Array.isArray(responseHeaders) && { responseHeaders }),
  }
  const made = {
    ...(rewrite && { rewrite }),
    ...(typeof requestHeaders === 'function' && { requestHeaders }),
    ...(typeof responseHeaders === 'function' && { responseHeaders }),
    ...(cors && { cors }),
    ...(mirrors.length > 0 && { mirrors }),
  }
  return Object.keys(fixed).length + Object.keys(made).length === 0 ? undefined : { fixed, ...made }
}

export function isFixed({ rewrite, requestHeaders, responseHeaders, cors, mirrors }: HttpRecipe): boolean {
  return !rewrite && !requestHeaders && !responseHeaders && !cors && !mirrors
}

/** A plan that stays `fixed` for a request that nothing has to be made for; a path that cannot be sent is told. */
export function planOf(recipe: HttpRecipe, facts: RequestFacts, { delay, mirrors }: PlanParts): HttpPlan | { readonly badPath: string } {
  const path = recipe.rewrite?.(facts.path)
  if (path !== undefined && !isSendablePath(path)) return { badPath: path }
  const added = recipe.cors && corsChanges(recipe.cors, facts)
  const isFixed = path === undefined && !added && !recipe.requestHeaders && !recipe.responseHeaders
  if (isFixed && delay === 0 && mirrors.length === 0) return recipe.fixed
  const requestHeaders = recipe.requestHeaders && carryOut(recipe.requestHeaders, facts)
  const responseHeaders = joined(recipe.responseHeaders ? carryOut(recipe.responseHeaders, facts) : recipe.fixed.responseHeaders, added)
  return {
    ...recipe.fixed,
    ...(path !== undefined && path !== facts.path && { path }),
    ...(requestHeaders && { requestHeaders }),
    ...(responseHeaders && { responseHeaders }),
    ...(delay > 0 && { delay }),
    ...(mirrors.length > 0 && { mirrors }),
  }
}

/** The CORS filter stands nearer to the client than the router, so its word is the last. */
function joined(
  changes: readonly HeaderChange[] | undefined,
  added: readonly HeaderChange[] | undefined,
): readonly HeaderChange[] | undefined {
  if (!added) return changes
  return changes ? [...changes, ...added] : added
}

export function compileRewrite(
  action: RouteAction,
  match: RouteMatch | undefined,
): { readonly rewrite: PathRewrite | undefined } | { readonly problem: string } {
  if (action.pathRewrite !== '' || action.pathRewritePolicy) return { problem: 'rewriting the path by a template is not carried out' }
  if (action.regexRewrite) return compileRegexRewrite(action.regexRewrite)
  if (action.prefixRewrite === '') return { rewrite: undefined }
  if (/[^\x21\x22\x24-\x7e\x80-\xff]/.test(action.prefixRewrite)) {
    return { problem: `${JSON.stringify(action.prefixRewrite)} is no beginning of a path` }
  }
  return compilePrefixRewrite(match, action.prefixRewrite)
}

/** A literal authority: the name that the request carries on. */
export function problemOfAuthority(authority: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/i.test(authority) ? undefined : `${JSON.stringify(authority)} is no authority`
}

export function compileMirrors(
  policies: readonly RouteAction_RequestMirrorPolicy[],
): readonly MirrorRecipe[] | { readonly problem: string } {
  const mirrors: MirrorRecipe[] = []
  for (const [index, policy] of policies.entries()) {
    if (policy.clusterHeader !== '') return { problem: 'mirroring to a cluster that a header names is not carried out' }
    if (policy.requestHeadersMutations.length > 0 || policy.hostRewriteLiteral !== '') {
      return { problem: 'changing mirrored requests is not carried out' }
    }
    // Envoy would add "-shadow" to the name; Istio's control plane says that it must not.
    if (!policy.disableShadowHostSuffixAppend) return { problem: 'mirroring under another name is not carried out' }
    const { runtimeFraction } = policy
    const share = runtimeFraction ? shareOf(runtimeFraction.defaultValue) : 1
    if (share > 0) mirrors.push({ cluster: policy.cluster, share, purpose: `mirror ${index}` })
  }
  return mirrors
}
