// Lays VirtualServices out as legs: from where (mesh or a gateway) each of their rules leads to which destinations.
import type { Destination, Resource, ResourceSet, RouteDestination } from '../api/index.ts'
import { expandGateway, expandHost } from '../model/index.ts'
import type { Spelling } from '../registry/index.ts'

export interface Leg {
  readonly virtualService: Resource<'VirtualService'>
  /** Hosts of the VirtualService, expanded. */
  readonly hosts: readonly string[]
  readonly protocol: 'http' | 'tls' | 'tcp'
  /** `mesh` or `namespace/name` of a Gateway. */
  readonly from: string
  /** Port that the match asks for; undefined = any. */
  readonly port: number | undefined
  readonly destinations: readonly LegDestination[]
}

export interface LegDestination {
  readonly host: string
  readonly subset: string | undefined
  readonly port: number | undefined
  /** Field path of the destination. */
  readonly field: string
}

interface Match {
  readonly gateways?: readonly string[]
  readonly port?: number
}

interface Rule {
  readonly match?: readonly Match[]
  readonly route?: readonly RouteDestination[]
}

export function legsOf(resources: ResourceSet, spelling: Spelling): readonly Leg[] {
  return resources.of('VirtualService').flatMap((virtualService) => {
    const { spec } = virtualService
    return (['http', 'tls', 'tcp'] as const).flatMap((protocol) =>
      (spec[protocol] ?? []).flatMap((rule: Rule, index) => legsOfRule({ virtualService, protocol, spelling }, rule, index)),
    )
  })
}

interface Section {
  readonly virtualService: Resource<'VirtualService'>
  readonly protocol: Leg['protocol']
  readonly spelling: Spelling
}

function legsOfRule({ virtualService, protocol, spelling }: Section, rule: Rule, index: number): Leg[] {
  const { spec, meta } = virtualService
  const expand = (gateways: readonly string[]) => gateways.map((gateway) => expandGateway(gateway, meta.namespace))
  const bound = expand((spec.gateways ?? []).length === 0 ? ['mesh'] : (spec.gateways ?? []))
  const hosts = (spec.hosts ?? []).map((host) => expandHost(host, meta.namespace, spelling))
  const destinations = (rule.route ?? []).map((route, at) =>
    destinationOf(
      route.destination,
      expandHost(route.destination.host, meta.namespace, spelling),
      `spec.${protocol}[${index}].route[${at}].destination`,
    ),
  )
  const matches: readonly Match[] = rule.match === undefined || rule.match.length === 0 ? [{}] : rule.match
  return matches.flatMap((match) =>
    legGateways(bound, expand(match.gateways ?? [])).map((from) => ({
      virtualService,
      hosts,
      protocol,
      from,
      port: match.port,
      destinations,
    })),
  )
}

/** A match narrows what the VirtualService is bound to, and adds nothing: `mesh` in a match alone leads nobody there. */
function legGateways(bound: readonly string[], matched: readonly string[]): readonly string[] {
  return matched.length === 0 ? bound : matched.filter((gateway) => bound.includes(gateway))
}

function destinationOf(destination: Destination, host: string, field: string): LegDestination {
  return { host, subset: destination.subset, port: destination.port?.number, field }
}
