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
import type { Problem } from './rejection.ts'
import { clustersOfRoute, compileRoute, type CompiledRoute } from './route.ts'
import { redirectToTls, type RouteAnswer } from './route-answer.ts'
import { noProblems, type Surveyed } from './surveyed.ts'

/** What a virtual host says, in the runtime's terms. */
interface HostParts {
  readonly ref?: OriginRef
  readonly refusal?: Refusal
  /** What requests without TLS are answered with, whatever route they would have had. */
  readonly withoutTls?: RouteAnswer
  readonly routes: readonly CompiledRoute[]
  readonly problems: readonly Problem[]
}

/** A virtual host in its place: compiled when a request first asks for it. */
export class CompiledVirtualHost {
  readonly source: VirtualHost
  #parts: HostParts | undefined
  #surveyed: Surveyed | undefined

  constructor(source: VirtualHost) {
    this.source = source
  }

  get name(): string {
    return this.source.name
  }

  get ref(): OriginRef | undefined {
    return this.#compiled.ref
  }

  get refusal(): Refusal | undefined {
    return this.#compiled.refusal
  }

  get withoutTls(): RouteAnswer | undefined {
    return this.#compiled.withoutTls
  }

  get routes(): readonly CompiledRoute[] {
    return this.#compiled.routes
  }

  /** What is to be reported of it; what it was compiled to for that is let go again. */
  get surveyed(): Surveyed {
    if (this.#surveyed !== undefined) return this.#surveyed
    const { routes, problems } = this.#parts ?? compileHost(this.source)
    this.#surveyed = { clusters: clustersOf(routes), problems: problems.length === 0 ? noProblems : problems }
    return this.#surveyed
  }

  get #compiled(): HostParts {
    return (this.#parts ??= compileHost(this.source))
  }
}

export const compileVirtualHost = memoized((host: VirtualHost) => new CompiledVirtualHost(host))

const known = new WeakMap<RouteConfiguration, CompiledRouteConfig>()

/** `before` is what an earlier version was compiled into: only the virtual hosts in which the two differ are worked through. */
export function compileRouteConfig(config: RouteConfiguration, before?: CompiledRouteConfig): CompiledRouteConfig {
  const found = known.get(config)
  if (found !== undefined) return found
  const compiled = new CompiledRouteConfig(config, before)
  known.set(config, compiled)
  return compiled
}

interface PlacedHosts {
  readonly virtualHosts: readonly CompiledVirtualHost[]
  readonly domains: DomainMap<CompiledVirtualHost>
  /** Of their places; those of what they say are told by each of them. */
  readonly problems: readonly Problem[]
}

/** A route table; its virtual hosts are placed when a request first looks for one. */
export class CompiledRouteConfig {
  /** What it was compiled from. */
  readonly source: RouteConfiguration
  readonly refusal: Refusal | undefined
  #placed: PlacedHosts | undefined

  constructor(source: RouteConfiguration, before: CompiledRouteConfig | undefined) {
    this.source = source
    this.refusal = refusalOfConfig(source)
    // What is placed is followed at once: it is little, and nobody is to hold on to all that came before.
    if (before !== undefined && before.#placed !== undefined)
      this.#placed = placeChanges(source, before.source, before.#placed) ?? placeHosts(source)
  }

  get name(): string {
    return this.source.name
  }

  /** The port of the request's authority is cut before domains are compared. */
  get ignoresPort(): boolean {
    return this.source.ignorePortInHostMatching
  }

  /** `;parameters` are cut from the path before routes are compared. */
  get ignoresPathParameters(): boolean {
    return this.source.ignorePathParametersInPathMatching
  }

  get virtualHosts(): readonly CompiledVirtualHost[] {
    return this.#hosts.virtualHosts
  }

  get domains(): DomainMap<CompiledVirtualHost> {
    return this.#hosts.domains
  }

  /** Of the table itself. */
  get problems(): readonly Problem[] {
    const { problems } = this.#hosts
    return this.refusal?.text === undefined ? problems : [...problems, { path: '', message: this.refusal.text }]
  }

  get #hosts(): PlacedHosts {
    return (this.#placed ??= placeHosts(this.source))
  }
}

function placeHosts({ virtualHosts: messages }: RouteConfiguration): PlacedHosts {
  const domains = new DomainMap<CompiledVirtualHost>()
  const problems: Problem[] = []
  const virtualHosts = messages.map((host, index) => {
    const compiled = compileVirtualHost(host)
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
function placeChanges(
  { virtualHosts: messages }: RouteConfiguration,
  { virtualHosts: earlier }: RouteConfiguration,
  before: PlacedHosts,
): PlacedHosts | undefined {
  if (before.problems.length > 0) return undefined
  const { start, beforeEnd, nowEnd } = changedStretch(earlier, messages)
  const added = messages.slice(start, nowEnd).map(compileVirtualHost)
  const domains = before.domains.patched(entriesOf(before.virtualHosts.slice(start, beforeEnd)), entriesOf(added))
  return domains && { domains, virtualHosts: spliced(before.virtualHosts, start, beforeEnd, added), problems: [] }
}

function entriesOf(hosts: readonly CompiledVirtualHost[]) {
  return hosts.flatMap((value) => value.source.domains.map((domain) => ({ domain, value })))
}

function compileHost(host: VirtualHost): HostParts {
  const { ref, refusal: said } = readAnnotations(host.metadata)
  const refusal = said ? { ...said, path: '' } : refusalOfHost(host)
  const problems: Problem[] = []
  if (!said && refusal?.text !== undefined) problems.push({ path: refusal.path, message: refusal.text, ...(ref && { ref }) })
  const routes = host.routes.map((message, index) => {
    const { route, problem } = compileRoute(message, host)
    if (problem !== undefined) problems.push({ path: `routes[${index}]`, message: problem, ...(route.ref && { ref: route.ref }) })
    return route
  })
  const withoutTls = host.requireTls === VirtualHost_TlsRequirementType.ALL ? redirectToTls(ref) : undefined
  return { routes, problems, ...(ref && { ref }), ...(refusal && { refusal }), ...(withoutTls && { withoutTls }) }
}

function clustersOf(routes: readonly CompiledRoute[]): readonly string[] {
  const [only] = routes
  return routes.length === 1 && only ? clustersOfRoute(only) : routes.flatMap(clustersOfRoute)
}

function refusalOfConfig(config: RouteConfiguration): Refusal | undefined {
  if (config.vhostHeader !== '') return notSupported('choosing the virtual host by a header other than the authority is not carried out')
  if (changesHeaders(config)) return notSupported('adding or removing headers for a whole route table is not carried out')
  if (config.requestMirrorPolicies.length > 0) return notSupported('mirroring is not carried out')
  if (hasKeys(config.typedPerFilterConfig)) return notSupported('per-filter configuration of a route table is not carried out')
  return undefined
}

function refusalOfHost(host: VirtualHost): (Refusal & { readonly path: string }) | undefined {
  const at = (path: string, text: string) => ({ ...notSupported(text), path })
  if (host.matcher) return at('matcher', 'the generic route matcher is not carried out')
  if (host.requireTls === VirtualHost_TlsRequirementType.EXTERNAL_ONLY)
    return at('require_tls', 'requiring TLS of some clients only is not carried out')
  if (host.rateLimits.length > 0) return at('rate_limits', 'rate limits are not carried out')
  if (host.requestMirrorPolicies.length > 0) return at('request_mirror_policies', 'mirroring is not carried out')
  if (host.cors) return at('cors', 'CORS is not carried out')
  if (changesHeaders(host)) return at('', 'adding or removing headers is not carried out')
  if (hasKeys(host.typedPerFilterConfig)) {
    return at('typed_per_filter_config', `the filter "${Object.keys(host.typedPerFilterConfig).join('", "')}" is not carried out`)
  }
  return undefined
}
