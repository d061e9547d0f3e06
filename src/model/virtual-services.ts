// Holds VirtualServices in normal form: names expanded, gateways resolved, delegates left out.
import type { HttpRoute, Resource, ResourceRef, RouteDestination, TcpRoute, TlsRoute, VirtualServiceSpec } from '../api/index.ts'
import { SpecMemo, type Spelling, spell } from '../registry/index.ts'
import { expandGateway, expandHost } from './names.ts'

export interface RuleSet {
  readonly ref: ResourceRef
  readonly namespace: string
  readonly created: number
  readonly hosts: readonly string[]
  /** `mesh` or `namespace/name`. */
  readonly gateways: readonly string[]
  readonly exportTo: readonly string[]
  readonly http: readonly HttpRoute[]
  readonly tls: readonly TlsRoute[]
  readonly tcp: readonly TcpRoute[]
  readonly unsupported: readonly string[]
}

const ruleSets = new SpecMemo<'VirtualService', RuleSet>()

export function ruleSetsOf(resources: readonly Resource<'VirtualService'>[], spelling: Spelling): readonly RuleSet[] {
  return resources
    .filter((resource) => (resource.spec.hosts ?? []).length > 0)
    .map((resource) => ruleSets.get(resource, spelling, () => normalise(resource, spelling)))
}

function normalise(resource: Resource<'VirtualService'>, spelling: Spelling): RuleSet {
  const { spec, meta } = resource
  const { namespace } = meta
  const gateways = spec.gateways ?? []
  return {
    ref: { kind: 'VirtualService', namespace, name: meta.name },
    namespace,
    created: meta.created,
    hosts: (spec.hosts ?? []).map((host) => expandHost(host, namespace, spelling)),
    gateways: gateways.length === 0 ? ['mesh'] : gateways.map((name) => expandGateway(name, namespace)),
    exportTo: spec.exportTo ?? [],
    http: (spec.http ?? []).map((rule) => normaliseRule(rule, namespace, spelling)),
    tls: tlsRules(spec, namespace, spelling),
    tcp: (spec.tcp ?? []).map((rule) => normaliseRule(rule, namespace, spelling)),
    unsupported: resource.unsupported,
  }
}

function tlsRules(spec: VirtualServiceSpec, namespace: string, spelling: Spelling): TlsRoute[] {
  return (spec.tls ?? []).map((rule) => {
    const made = normaliseRule(rule, namespace, spelling)
    const match = made.match.map((one) => ({ ...one, sniHosts: one.sniHosts.map((host) => spell(host, spelling)) }))
    return { ...made, match }
  })
}

interface AnyRule {
  readonly match?: readonly { readonly gateways?: readonly string[] }[]
  readonly route?: readonly RouteDestination[]
}

function normaliseRule<R extends AnyRule>(rule: R, namespace: string, spelling: Spelling): R {
  const match = rule.match?.map((one) =>
    one.gateways === undefined ? one : { ...one, gateways: one.gateways.map((name) => expandGateway(name, namespace)) },
  )
  const route = rule.route?.map((one) => ({
    ...one,
    destination: { ...one.destination, host: expandHost(one.destination.host, namespace, spelling) },
  }))
  return { ...rule, ...(match && { match }), ...(route && { route }) }
}
