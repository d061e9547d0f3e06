// Compiles routes that answer by themselves, with a redirect or a direct response, and writes the answers that filters give before a route is followed.
import type { OriginRef, Reason, RequestFacts, ResponseFlag } from '../flow/index.ts'
import {
  type DirectResponseAction,
  type RedirectAction,
  RedirectAction_RedirectResponseCode as RedirectCode,
  type Route,
} from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import type { Answer, HeaderChange } from './decision.ts'
import type { FaultError } from './fault.ts'
import { carryOut, type HeaderRecipe } from './header-change.ts'
import { compilePrefixRewrite, compileRegexRewrite, isSendablePath, type PathRewrite } from './path-rewrite.ts'
import { formatRef, withoutPort } from './reasons.ts'

/** Every answer of a route that says the same to all is made once. */
export interface RouteAnswer {
  readonly kind: 'answer'
  readonly status: number
  readonly body: Uint8Array
  readonly reason: Reason
  readonly changes: HeaderRecipe | undefined
  /** Undefined: no location. */
  readonly location: ((facts: RequestFacts) => string) | undefined
}

export interface AnswerParts {
  readonly name: string
  readonly by: OriginRef | undefined
  /** Changes of the answer's headers. */
  readonly changes: HeaderRecipe | undefined
}

export type CompiledAnswer = { readonly action: RouteAnswer } | { readonly problem: string }

export const emptyBody = new Uint8Array()
const faultBody = new TextEncoder().encode('fault filter abort')

export function answeredBy(by: OriginRef | undefined, how: string): Reason {
  return by ? { code: 'answered', text: `${how} by ${formatRef(by)}`, by } : { code: 'answered', text: `${how} by a route` }
}

/** What a filter or a route answers, and how long it waits first. */
export interface Reply {
  readonly status: number
  readonly reason: Reason
  readonly body: Uint8Array
  readonly headers: Answer['headers']
  readonly changes: HeaderRecipe | undefined
  readonly details: string
  readonly flag: ResponseFlag
  readonly delay: number
  readonly route: string
}

export function makeAnswer(reply: Reply, facts: RequestFacts): Answer {
  const { status, reason, body, details, flag, delay, route } = reply
  const changes = reply.changes && carryOut(reply.changes, facts)
  const hasBody = body.length > 0
  const responseHeaders = changes && (hasBody ? changes : withoutType(changes))
  // Envoy says what kind of text its own answers are, unless the route does.
  const type = hasBody && !changes?.some(saysType) ? [['content-type', 'text/plain'] as const] : []
  return {
    verdict: 'answer',
    reason,
    status,
    headers: type.length === 0 ? reply.headers : [...reply.headers, ...type],
    body,
    flag,
    details,
    delay,
    route,
    ...(responseHeaders && responseHeaders.length > 0 && { responseHeaders }),
  }
}

/** Without a body there is nothing to have a type. */
function withoutType(changes: readonly HeaderChange[]): readonly HeaderChange[] {
  return changes.some(saysType) ? changes.filter((change) => !saysType(change)) : changes
}

function saysType(change: HeaderChange): boolean {
  return change.name === 'content-type' && change.kind !== 'remove'
}

const none: Answer['headers'] = []

export function answerOfRoute(action: RouteAnswer, facts: RequestFacts, parts: { delay: number; route: string }): Answer {
  const { status, reason, body, changes, location } = action
  const headers = location === undefined ? none : ([['location', location(facts)]] as const)
  const flag = parts.delay > 0 ? 'DI' : '-'
  return makeAnswer({ status, reason, body, headers, changes, details: 'direct_response', flag, ...parts }, facts)
}

/** Envoy's fault filter: the words of its answer are part of what people look for. */
export function answerOfFault(
  { status, grpc }: FaultError,
  facts: RequestFacts,
  parts: { readonly by: OriginRef | undefined; readonly delay: number; readonly route: string; readonly changes: HeaderRecipe | undefined },
): Answer {
  const { by, ...rest } = parts
  const reason = answeredBy(by, `aborted on purpose with ${grpc === undefined ? status : `the gRPC status ${grpc}`}`)
  const flag = parts.delay > 0 ? 'DI,FI' : 'FI'
  const answer = makeAnswer({ status, reason, body: faultBody, headers: none, details: 'fault_filter_abort', flag, ...rest }, facts)
  return grpc === undefined ? answer : { ...answer, grpcStatus: grpc }
}

export function answerOfCors(
  headers: Answer['headers'],
  facts: RequestFacts,
  parts: { readonly by: OriginRef | undefined; readonly delay: number; readonly route: string },
): Answer {
  const { by, ...rest } = parts
  const reason = answeredBy(by, 'the preflight request is answered')
  const flag = parts.delay > 0 ? 'DI' : '-'
  return makeAnswer({ status: 200, reason, body: emptyBody, headers, changes: undefined, details: 'cors_response', flag, ...rest }, facts)
}

export function compileDirectResponse({ status, body, bodyFormat }: DirectResponseAction, parts: AnswerParts): CompiledAnswer {
  if (bodyFormat) return { problem: 'a direct response with a body of another kind is not carried out' }
  if (status < 200 || status > 599) return { problem: `a direct response with the status ${status} is no answer` }
  const content = body?.specifier
  if (content?.case === 'filename' || content?.case === 'environmentVariable') {
    return { problem: 'a direct response from a file or the environment is not carried out' }
  }
  const bytes = content?.case === 'inlineString' ? new TextEncoder().encode(content.value) : (content?.value ?? emptyBody)
  return {
    action: {
      kind: 'answer',
      status,
      // RFC 9110 §15.3.5, §15.4.5: these have none.
      body: status === 204 || status === 304 ? emptyBody : bytes,
      reason: answeredBy(parts.by, `answered with ${status}`),
      changes: parts.changes,
      // Envoy says where the request's own resource is, as for a redirect.
      location: status === 201 || (status >= 300 && status < 400) ? ownLocation : undefined,
    },
  }
}

function ownLocation({ scheme, authority, path }: RequestFacts): string {
  return `${scheme}://${authority}${path}`
}

const redirectStatuses: Readonly<Record<RedirectCode, number>> = {
  [RedirectCode.MOVED_PERMANENTLY]: 301,
  [RedirectCode.FOUND]: 302,
  [RedirectCode.SEE_OTHER]: 303,
  [RedirectCode.TEMPORARY_REDIRECT]: 307,
  [RedirectCode.PERMANENT_REDIRECT]: 308,
}

export function compileRedirect(redirect: RedirectAction, route: Route, parts: AnswerParts): CompiledAnswer {
  const status = redirectStatuses[redirect.responseCode]
  const path = compilePath(redirect, route)
  if ('problem' in path) return path
  const { hostRedirect, portRedirect, schemeRewriteSpecifier: scheme } = redirect
  if (!isVisible(hostRedirect)) return { problem: `${JSON.stringify(hostRedirect)} is no host to redirect to` }
  const newScheme =
    scheme.case === 'schemeRedirect' ? scheme.value.toLowerCase() : scheme.case === 'httpsRedirect' && scheme.value ? 'https' : ''
  if (!isVisible(newScheme)) return { problem: `${JSON.stringify(newScheme)} is no scheme to redirect to` }
  const place: NewPlace = { scheme: newScheme, host: hostRedirect, port: portRedirect === 0 ? '' : `:${portRedirect}`, path: path.rewrite }
  return {
    action: {
      kind: 'answer',
      status,
      body: emptyBody,
      reason: answeredBy(parts.by, `redirected with ${status}`),
      changes: parts.changes,
      location: (facts) => locationOf(facts, place),
    },
  }
}

/** Envoy's answer for a virtual host that requires TLS: the authority stays as it is, its port included. */
export function redirectToTls(by: OriginRef | undefined): RouteAnswer {
  const location = ({ authority, path }: RequestFacts): string => `https://${authority}${path}`
  return { kind: 'answer', status: 301, body: emptyBody, reason: answeredBy(by, 'redirected with 301'), changes: undefined, location }
}

interface NewPlace {
  readonly scheme: string
  readonly host: string
  /** With its colon. */
  readonly port: string
  readonly path: PathRewrite
}

/** Envoy's Http::Utility::newUri. */
function locationOf(facts: RequestFacts, { scheme, host, port, path }: NewPlace): string {
  const newScheme = scheme === '' ? facts.scheme : scheme
  const newHost = host === '' ? keptHost(facts, newScheme, port) : host
  return `${newScheme}://${newHost}${port}${path(facts.path)}`
}

/** The request's port stays, unless the redirect names another or the port is the usual one of a scheme that is left. */
function keptHost({ authority, scheme }: RequestFacts, newScheme: string, newPort: string): string {
  const bare = withoutPort(authority)
  if (bare === authority) return authority
  const usual = scheme === 'https' ? ':443' : ':80'
  return newPort !== '' || (newScheme !== scheme && authority.slice(bare.length) === usual) ? bare : authority
}

function compilePath(redirect: RedirectAction, route: Route): { readonly rewrite: PathRewrite } | { readonly problem: string } {
  const { pathRewriteSpecifier: path, stripQuery } = redirect
  const finish = (rewrite: PathRewrite): PathRewrite => (stripQuery ? (from) => cutQuery(rewrite(from)) : rewrite)
  switch (path.case) {
    case undefined:
      return { rewrite: finish((from) => from) }
    case 'pathRedirect':
      return compilePathRedirect(path.value, finish)
    case 'prefixRewrite': {
      const compiled = compilePrefixRewrite(route.match, path.value)
      return 'problem' in compiled ? compiled : { rewrite: finish(compiled.rewrite) }
    }
    case 'regexRewrite': {
      const compiled = compileRegexRewrite(path.value)
      return 'problem' in compiled ? compiled : { rewrite: finish(compiled.rewrite) }
    }
  }
}

/** The query of the request goes along, unless the new path has its own, which then stays. */
function compilePathRedirect(
  text: string,
  finish: (rewrite: PathRewrite) => PathRewrite,
): { readonly rewrite: PathRewrite } | { readonly problem: string } {
  if (text === '') return { rewrite: finish((from) => from) }
  if (!isVisible(text)) return { problem: `${JSON.stringify(text)} is no path to redirect to` }
  if (text.includes('?')) return { rewrite: () => text }
  return {
    rewrite: finish((from) => {
      const query = from.indexOf('?')
      return query < 0 ? text : text + from.slice(query)
    }),
  }
}

function cutQuery(path: string): string {
  const query = path.indexOf('?')
  return query < 0 ? path : path.slice(0, query)
}

/** No spaces, no controls: it will stand in a line of a head. */
function isVisible(text: string): boolean {
  return text === '' || isSendablePath(`/${text.replaceAll('#', '')}`)
}
