// Decides what becomes of one HTTP request: virtual host, route and cluster by the request's own authority, whatever its connection was.
import { messageOf } from '../base/index.ts'
import { type OriginRef, type Reason, type ReasonCode, reasonCodes, type RequestFacts } from '../flow/index.ts'
import { agrees, mismatchText } from './agreement.ts'
import type { CompiledHttpManager, Runtime } from './compiled.ts'
import { CompiledRuntime } from './compiled-runtime.ts'
import type { Deny, RequestDecision } from './decision.ts'
import { approachOf, followLongRoute } from './follow-route.ts'
import { HttpManager } from './http-manager.ts'
import { deny, type DenyExtras, hostOf, makeReason, undeclaredHost, withoutPort } from './reasons.ts'
import type { RequestParts } from './request-test.ts'
import { type CompiledRoute, isAnswer, isRefusal } from './route.ts'
import { answerOfRoute } from './route-answer.ts'
import type { CompiledRouteConfig, CompiledVirtualHost } from './route-config.ts'
import { findTargets } from './targets.ts'
import type { Trace } from './trace.ts'

/** `manager` is the one of the connection's decision; its routes are looked up in `runtime`, so that a new one governs the next request. */
export function decideRequest(runtime: Runtime, manager: CompiledHttpManager, facts: RequestFacts, trace?: Trace): RequestDecision {
  try {
    if (!(runtime instanceof CompiledRuntime)) throw new TypeError('the runtime was not made by compile()')
    // RFC 9110 §9.3.6: CONNECT asks for a tunnel, and no route of Istio's matches it, not even the catch-all.
    if (facts.method === 'CONNECT') return refuseConnect(runtime)
    const inline = manager instanceof HttpManager ? manager.inline : undefined
    const config = inline ?? runtime.routes.get(manager.routeConfig)
    if (!config) return noRouteConfig(runtime, manager.routeConfig)
    const idle = manager instanceof HttpManager ? manager.idle : 0
    return decideByHost({ runtime, facts, trace, config, idle })
  } catch (error) {
    const reason: Reason = { code: 'internal-error', text: `the decision failed: ${messageOf(error)}` }
    return deny(true, reason, {})
  }
}

interface Asked {
  readonly runtime: CompiledRuntime
  readonly facts: RequestFacts
  readonly trace: Trace | undefined
  readonly config: CompiledRouteConfig
  /** Of the connection manager, in milliseconds. */
  readonly idle: number
}

function decideByHost(asked: Asked): RequestDecision {
  const { runtime, facts, trace, config } = asked
  if (config.refusal) return refuse(asked, config.refusal, undefined, {})
  const domain = (config.ignoresPort ? withoutPort(facts.authority) : facts.authority).toLowerCase()
  const host = config.domains.get(domain)
  if (!host) {
    trace?.push({ step: 'no-virtual-host', host: domain })
    return noVirtualHost(runtime, facts)
  }
  trace?.push({ step: 'virtual-host', name: host.name, host: domain, ...(host.ref && { ref: host.ref }) })
  if (host.refusal) return refuse(asked, host.refusal, host.ref, {})
  if (host.withoutTls && facts.scheme !== 'https') return answerOfRoute(host.withoutTls, facts, { delay: 0, route: '' })
  const path = pathOf(facts.path, config.ignoresPathParameters)
  const route = findRoute(host, new Parts(facts, path))
  if (!route) {
    trace?.push({ step: 'no-route', method: facts.method, path })
    const text = `no rule for host "${hostOf(facts.authority)}" matches ${facts.method} ${path}`
    return deny(runtime.strict, makeReason('no-route', text, host.ref), {})
  }
  trace?.push({ step: 'route', name: route.name, ...(route.ref && { ref: route.ref }) })
  return followRoute(asked, host, route)
}

/** A request as routes look at it. */
class Parts implements RequestParts {
  readonly method: string
  readonly authority: string
  readonly path: string
  readonly target: string
  readonly scheme: string
  readonly #facts: RequestFacts

  constructor(facts: RequestFacts, path: string) {
    this.method = facts.method
    this.authority = facts.authority
    this.path = path
    this.target = facts.path
    this.scheme = facts.scheme
    this.#facts = facts
  }

  headers(name: string): readonly string[] {
    return this.#facts.headers(name)
  }
}

function followRoute(asked: Asked, host: CompiledVirtualHost, route: CompiledRoute): RequestDecision {
  const { runtime, facts } = asked
  const { action, ref, name, filters } = route
  if (isRefusal(action)) return refuse(asked, action, ref ?? host.ref, { route: name, status: action.status, details: action.details })
  if (runtime.strict && facts.connection.virtualName !== undefined && !agreesByHost(asked, host)) {
    const text = mismatchText('host', hostOf(facts.authority), facts.connection)
    return deny(runtime.strict, makeReason('name-mismatch', text, ref ?? host.ref), { route: name })
  }
  // The commonest route by far has neither filters nor words of its own.
  if (!filters && !isAnswer(action) && !action.recipes) {
    return findTargets(runtime, approachOf(asked, action, action.plan?.authority))
  }
  return followLongRoute(asked, route, action)
}

/** A host's short forms and its address are domains of the same virtual host, so they agree with it. */
function agreesByHost({ runtime, facts, config }: Asked, host: CompiledVirtualHost): boolean {
  if (agrees(runtime, hostOf(facts.authority), facts.connection)) return true
  const domain = (config.ignoresPort ? withoutPort(facts.authority) : facts.authority).toLowerCase()
  const virtual = facts.connection.virtualName?.toLowerCase() ?? ''
  return config.domains.getExact(domain) === host && config.domains.getExact(virtual) === host
}

function findRoute(host: CompiledVirtualHost, parts: Parameters<CompiledRoute['matches']>[0]): CompiledRoute | undefined {
  for (const route of host.routes) if (route.matches(parts)) return route
  return undefined
}

/** Routes look at the path without query and fragment. */
function pathOf(path: string, ignoresParameters: boolean): string {
  const bare = cutAt(cutAt(path, '?'), '#')
  return ignoresParameters ? cutAt(bare, ';') : bare
}

function cutAt(text: string, mark: string): string {
  const end = text.indexOf(mark)
  return end < 0 ? text : text.slice(0, end)
}

interface RefusalText {
  readonly code: ReasonCode
  readonly text?: string
}

function refuse({ runtime, facts }: Asked, { code, text }: RefusalText, by: OriginRef | undefined, extras: DenyExtras): Deny {
  if (code !== 'not-declared') return deny(runtime.strict, makeReason(code, text ?? reasonCodes[code].text, by), extras)
  if (text !== undefined) return deny(runtime.strict, makeReason(code, text, by ?? runtime.policyRef), extras)
  return deny(runtime.strict, undeclaredHost(runtime, hostOf(facts.authority), useOf(facts), by), extras)
}

function useOf({ connection }: RequestFacts): string {
  return `for HTTP on port ${connection.destination.port}`
}

function refuseConnect(runtime: CompiledRuntime): Deny {
  const reason: Reason = { code: 'protocol-not-supported', text: 'CONNECT is not carried out: no route matches it' }
  return deny(runtime.strict, reason, { status: 404, flag: 'NR', details: 'route_not_found' })
}

function noRouteConfig(runtime: CompiledRuntime, name: string): Deny {
  const text = `the route table "${name}" is missing from the configuration`
  return deny(runtime.strict, { code: 'not-supported', text }, { status: 404, flag: 'NR', details: 'route_not_found' })
}

/** Envoy answers 404 NR in every case; who is to blame differs, and a strict sidecar says that trying again will not help. */
function noVirtualHost(runtime: CompiledRuntime, { authority, connection }: RequestFacts): Deny {
  const host = hostOf(authority)
  const extras: DenyExtras = { status: 404, flag: 'NR', details: 'route_not_found' }
  if (connection.listener !== undefined) {
    return deny(runtime.strict, { code: 'no-route', text: `nothing that is bound to this gateway port takes host "${host}"` }, extras)
  }
  const { ip, port } = connection.destination
  const owner = connection.virtualName ?? runtime.nameOfAddress(ip)
  const answer = runtime.strict ? { ...extras, status: 403 } : extras
  if (owner !== undefined && owner !== host) {
    const text = `the host "${host}" does not agree with the dialled address, which stands for "${owner}"`
    return deny(runtime.strict, makeReason('name-mismatch', text, runtime.policyRef), answer)
  }
  return deny(runtime.strict, undeclaredHost(runtime, host, `for HTTP on port ${port}`), answer)
}
