// Compiles a route table: virtual hosts by domain in Envoy's order, and in each the routes in theirs.
import type { RouteConfiguration } from '../xds/gen/envoy/config/route/v3/route_pb.js'
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
  /** The port of the request's authority is cut before domains are compared. */
  readonly ignoresPort: boolean
  /** `;parameters` are cut from the path before routes are compared. */
  readonly ignoresPathParameters: boolean
  readonly refusal?: Refusal
  readonly problems: readonly Problem[]
}

export const compileRouteConfig = memoized((config: RouteConfiguration): CompiledRouteConfig => {
  const domains = new DomainMap<CompiledVirtualHost>()
  const problems: Problem[] = []
  const virtualHosts = config.virtualHosts.map((host, index) => {
    const compiled = compileVirtualHost(host)
    const path = `virtual_hosts[${index}]`
    problems.push(...under(path, compiled.problems))
    for (const domain of host.domains) {
      if (domains.add(domain, compiled)) continue
      problems.push({ path: `${path}.domains`, message: `the domain "${domain}" belongs to an earlier virtual host` })
    }
    return compiled
  })
  const refusal = refusalOfConfig(config)
  if (refusal?.text !== undefined) problems.push({ path: '', message: refusal.text })
  return {
    name: config.name,
    domains,
    virtualHosts,
    ignoresPort: config.ignorePortInHostMatching,
    ignoresPathParameters: config.ignorePathParametersInPathMatching,
    ...(refusal && { refusal }),
    problems,
  }
})

const compileVirtualHost = memoized((host: VirtualHost): CompiledVirtualHost => {
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
