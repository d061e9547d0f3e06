// Compiles a route table: virtual hosts by domain in Envoy's order, and in each the routes in theirs.
import type { RouteConfiguration } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import { changedStretch, spliced } from '../base/index.ts'
import type { OriginRef } from '../flow/index.ts'
import type { VirtualHost } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { VirtualHost_TlsRequirementType } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import { notSupported, readAnnotations, type Refusal } from './annotations.ts'
import { DomainMap } from './domain-map.ts'
import { changesHeaders, hasKeys } from './header-change.ts'
import { memoized } from './memo.ts'
import { type Problem, under } from './rejection.ts'
import { compileRoute, type CompiledRoute } from './route.ts'

export interface CompiledVirtualHost {
  readonly name: string
  readonly ref?: OriginRef
  readonly refusal?: Refusal
  readonly routes: readonly CompiledRoute[]
  readonly problems: readonly Problem[]
}

export interface CompiledRouteConfig {
  readonly name: string
  readonly domains: DomainMap<CompiledVirtualHost>
  readonly virtualHosts: readonly CompiledVirtualHost[]
  /** What it was compiled from. */
  readonly source: RouteConfiguration
  /** The port of the request's authority is cut before domains are compared. */
  readonly ignoresPort: boolean
  /** `;parameters` are cut from the path before routes are compared. */
  readonly ignoresPathParameters: boolean
  readonly refusal?: Refusal
  readonly problems: readonly Problem[]
}

const known = new WeakMap<RouteConfiguration, CompiledRouteConfig>()

/** `before` is what an earlier version was compiled into: only the virtual hosts in which the two differ are worked through. */
export function compileRouteConfig(config: RouteConfiguration, before?: CompiledRouteConfig): CompiledRouteConfig {
  const found = known.get(config)
  if (found !== undefined) return found
  const compiled = compile(config, before)
  known.set(config, compiled)
  return compiled
}

function compile(config: RouteConfiguration, before: CompiledRouteConfig | undefined): CompiledRouteConfig {
  const { virtualHosts, domains, problems } = (before && compileChanges(config, before)) ?? compileHosts(config)
  const refusal = refusalOfConfig(config)
  if (refusal?.text !== undefined) problems.push({ path: '', message: refusal.text })
  return {
    name: config.name,
    domains,
    virtualHosts,
    source: config,
    ignoresPort: config.ignorePortInHostMatching,
    ignoresPathParameters: config.ignorePathParametersInPathMatching,
    ...(refusal && { refusal }),
    problems,
  }
}

interface CompiledHosts extends Pick<CompiledRouteConfig, 'virtualHosts' | 'domains'> {
  readonly problems: Problem[]
}

function compileHosts({ virtualHosts: messages }: RouteConfiguration): CompiledHosts {
  const domains = new DomainMap<CompiledVirtualHost>()
  const problems: Problem[] = []
  const virtualHosts = messages.map((host, index) => {
    const compiled = compileVirtualHost(host)
    if (compiled.problems.length > 0) problems.push(...under(`virtual_hosts[${index}]`, compiled.problems))
    for (const domain of host.domains) {
      if (domains.add(domain, compiled)) continue
      const message = `the domain "${domain}" belongs to an earlier virtual host`
      problems.push({ path: `virtual_hosts[${index}].domains`, message })
    }
    return compiled
  })
  return { virtualHosts, domains, problems }
}

/** Undefined when the differences cannot be told apart from the rest. */
function compileChanges({ virtualHosts: messages }: RouteConfiguration, before: CompiledRouteConfig): CompiledHosts | undefined {
  if (before.problems.length > 0) return undefined
  const earlier = before.source.virtualHosts
  const { start, beforeEnd, nowEnd } = changedStretch(earlier, messages)
  const added = messages.slice(start, nowEnd).map(compileVirtualHost)
  if (added.some((host) => host.problems.length > 0)) return undefined
  const entries = (hosts: readonly VirtualHost[], compiled: readonly CompiledVirtualHost[]) =>
    compiled.flatMap((value, i) => (hosts[i]?.domains ?? []).map((domain) => ({ domain, value })))
  const domains = before.domains.patched(
    entries(earlier.slice(start, beforeEnd), before.virtualHosts.slice(start, beforeEnd)),
    entries(messages.slice(start, nowEnd), added),
  )
  return domains && { domains, virtualHosts: spliced(before.virtualHosts, start, beforeEnd, added), problems: [] }
}

export const compileVirtualHost = memoized((host: VirtualHost): CompiledVirtualHost => {
  const { ref, refusal: said } = readAnnotations(host.metadata)
  const refusal = said ?? refusalOfHost(host)
  const problems: Problem[] = []
  if (!said && refusal?.text !== undefined) problems.push({ path: '', message: refusal.text, ...(ref && { ref }) })
  const routes = host.routes.map((message, index) => {
    const { route, problem } = compileRoute(message, host)
    if (problem !== undefined) problems.push({ path: `routes[${index}]`, message: problem, ...(route.ref && { ref: route.ref }) })
    return route
  })
  return { name: host.name, routes, problems, ...(ref && { ref }), ...(refusal && { refusal }) }
})

function refusalOfConfig(config: RouteConfiguration): Refusal | undefined {
  if (config.vhostHeader !== '') return notSupported('choosing the virtual host by a header other than the authority is not carried out')
  if (changesHeaders(config)) return notSupported('adding or removing headers for a whole route table is not carried out')
  if (config.requestMirrorPolicies.length > 0) return notSupported('mirroring is not carried out')
  if (hasKeys(config.typedPerFilterConfig)) return notSupported('per-filter configuration of a route table is not carried out')
  return undefined
}

function refusalOfHost(host: VirtualHost): Refusal | undefined {
  if (host.matcher) return notSupported('the generic route matcher is not carried out')
  if (host.requireTls !== VirtualHost_TlsRequirementType.NONE) return notSupported('redirecting plain HTTP to HTTPS is not carried out')
  if (host.rateLimits.length > 0) return notSupported('rate limits are not carried out')
  if (host.requestMirrorPolicies.length > 0) return notSupported('mirroring is not carried out')
  if (host.cors) return notSupported('CORS is not carried out')
  if (changesHeaders(host)) return notSupported('adding or removing headers is not carried out')
  if (hasKeys(host.typedPerFilterConfig)) {
    return notSupported(`the filter "${Object.keys(host.typedPerFilterConfig).join('", "')}" is not carried out`)
  }
  return undefined
}
