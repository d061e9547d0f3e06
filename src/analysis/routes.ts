// Lays VirtualServices out as legs: from where (mesh or a gateway) each of their rules leads to which destinations.
import type { Destination, Resource, RouteDestination } from '../api/index.ts'
import type { Model, RuleSet } from '../model/index.ts'

export interface Leg {
  /** Where the rule stands: the delegate, if it was delegated. */
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

export function legsOf(model: Model): readonly Leg[] {
  return model.ruleSets.flatMap((rules) => {
    const http = rules.http.map(({ rule, at }) => ({ protocol: 'http' as const, rule, ...at }))
    const others = (['tls', 'tcp'] as const).flatMap((protocol) =>
      rules[protocol].map((rule, i) => ({ protocol, rule, ref: rules.ref, field: `spec.${protocol}[${i}]` })),
    )
    return [...http, ...others].flatMap(({ protocol, rule, ref, field }) => {
      const virtualService = model.resources.get('VirtualService', ref.namespace, ref.name)
      return virtualService === undefined ? [] : legsOfRule({ virtualService, rules, protocol, field }, rule)
    })
  })
}

interface Section {
  readonly virtualService: Resource<'VirtualService'>
  readonly rules: RuleSet
  readonly protocol: Leg['protocol']
  readonly field: string
}

function legsOfRule({ virtualService, rules, protocol, field }: Section, rule: Rule): Leg[] {
  const { hosts, gateways } = rules
  const destinations = (rule.route ?? []).map((route, at) => destinationOf(route.destination, `${field}.route[${at}].destination`))
  const matches: readonly Match[] = rule.match === undefined || rule.match.length === 0 ? [{}] : rule.match
  return matches.flatMap((match) =>
    legGateways(gateways, match.gateways ?? []).map((from) => ({
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

function destinationOf({ host, subset, port }: Destination, field: string): LegDestination {
  return { host, subset, port: port?.number, field }
}
