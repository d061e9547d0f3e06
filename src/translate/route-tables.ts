// Puts virtual hosts together into route tables, with the settings that Istio gives every table.
import { equals } from '@bufbuild/protobuf'
import type { RuleSet } from '../model/index.ts'
import { create, type SallyportMetadata, writeMetadata } from '../xds/index.ts'
import { type RouteConfiguration, RouteConfigurationSchema } from '../xds/gen/envoy/config/route/v3/route_pb.js'
import { type Route, RouteSchema, type VirtualHost, VirtualHostSchema } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import type { Context } from './context.ts'
import { policySource, refMetadata, undeclaredMetadata } from './context.ts'
import { plainAction } from './http-actions.ts'
import { catchAll } from './http-match.ts'
import { catchAllRefusal } from './http-routes.ts'
import { passthrough } from './names.ts'

export interface VirtualHostInit {
  readonly name: string
  readonly domains: readonly string[]
  readonly routes: readonly Route[]
  readonly metadata: SallyportMetadata
}

export function virtualHost(init: VirtualHostInit): VirtualHost {
  const host = create(VirtualHostSchema, {
    name: init.name,
    domains: [...init.domains],
    includeRequestAttemptCount: true,
    metadata: writeMetadata(init.metadata),
  })
  host.routes = [...init.routes]
  return host
}

/** Kept while its virtual hosts say the same. */
export function routeTable(ctx: Context, name: string, hosts: readonly VirtualHost[]): RouteConfiguration {
  const isEqual = (a: VirtualHost, b: VirtualHost): boolean => equals(VirtualHostSchema, a, b)
  // A gateway asks for all of its tables each time.
  const kept = ctx.proxy.role === 'gateway' ? ctx.kept.assemblies : ctx.kept.lasting
  return kept.assemble(`routes ${name}`, { inputs: [], parts: hosts, keyOf: (host) => host.name, isEqual }, (settled) => {
    const table = create(RouteConfigurationSchema, {
      name,
      validateClusters: false,
      ignorePortInHostMatching: true,
      maxDirectResponseBodySizeBytes: 1 << 20,
    })
    // Nobody writes to it: ten thousand hosts need no second list.
    table.virtualHosts = settled as VirtualHost[]
    return table
  })
}

export function ruleMetadata(rules: RuleSet): SallyportMetadata {
  return refMetadata(rules.ref, 'spec.hosts')
}

/** What becomes of a host that nothing declares. */
export function unknownHosts(ctx: Context): VirtualHost {
  const said = undeclaredMetadata(ctx)
  const inputs = [ctx.strict, ctx.policy, ...Object.values(said)]
  return ctx.kept.assemblies.get('unknown hosts', inputs, () => {
    const name = ctx.policy === 'ALLOW_ANY' ? 'allow_any' : 'block_all'
    const source = policySource(ctx)
    const isIstios = !ctx.strict && said.refuse === 'not-declared'
    const metadata = isIstios ? (source === undefined ? {} : refMetadata(source.ref, source.field)) : said
    // Differs from Istio: 403 instead of 502, because it is a refusal and trying again will not help.
    const status = ctx.strict ? 403 : 502
    const route = create(RouteSchema, {
      name,
      match: catchAll(),
      action:
        ctx.policy === 'ALLOW_ANY'
          ? { case: 'route', value: plainAction(passthrough, undefined) }
          : { case: 'directResponse', value: { status } },
      metadata: writeMetadata(metadata),
    })
    return virtualHost({ name, domains: ['*'], routes: [route], metadata })
  })
}

/** Every request is refused for one reason. */
export function refusingTable(ctx: Context, name: string, metadata: SallyportMetadata): RouteConfiguration {
  const host = ctx.kept.assemblies.get(`refusing host ${name}`, Object.values(metadata), () => {
    return virtualHost({ name: 'refused', domains: ['*'], routes: [catchAllRefusal(metadata)], metadata })
  })
  return routeTable(ctx, name, [host])
}
