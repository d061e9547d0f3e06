// Finds DestinationRules that begin TLS at a port where clients speak TLS already: the origin would get one inside the other.
import type { Issue, Resource } from '../api/index.ts'
import { expandHost } from '../model/index.ts'
import { covers, isWildcardHost, type Service } from '../registry/index.ts'
import { findingAt, nameOf } from './finding.ts'
import type { Scene } from './scene.ts'

type Rule = Resource<'DestinationRule'>

export function findTlsInTls(scene: Scene): Issue[] {
  return scene.resources.of('DestinationRule').flatMap((rule) => {
    if (!mayBegin(rule)) return []
    const host = expandHost(rule.spec.host, rule.meta.namespace, scene.spelling)
    // Only a wildcard can be about many, so only for one all are looked at.
    const { services } = scene.registry
    const meant = isWildcardHost(host) ? services.filter((service) => covers(host, service.host)) : scene.registry.of(host)
    return meant.flatMap((service) => portsOf(scene, rule, service)).slice(0, 1)
  })
}

function mayBegin({ spec: { trafficPolicy } }: Rule): boolean {
  return trafficPolicy?.tls !== undefined || (trafficPolicy?.portLevelSettings ?? []).some((setting) => setting.tls !== undefined)
}

/** A port to which a rule leads HTTP is meant to get its TLS from here (HTTPS at a gateway that begins it). */
function portsOf(scene: Scene, rule: Rule, { host, ports }: Service): Issue[] {
  return ports.flatMap(({ number, family, protocol }) => {
    const path = family === 'tls' ? beginningOf(rule, number) : undefined
    const isFedByHttp = scene.legs.some(
      (leg) =>
        leg.protocol === 'http' &&
        leg.destinations.some((destination) => destination.host === host && (destination.port ?? number) === number),
    )
    if (path === undefined || isFedByHttp) return []
    return [
      findingAt(rule, {
        level: 'warning',
        code: 'SLP1404',
        path,
        message: `${nameOf(rule)} begins TLS at ${host}:${number}, where clients speak TLS themselves (protocol ${protocol.toUpperCase()}): the origin gets TLS inside TLS`,
        fix: `begin it at a port of protocol HTTP with targetPort: ${number}, or take tls away`,
      }),
    ]
  })
}

/** Where the rule begins TLS for a port; a port of its own replaces the whole block, also by leaving it out. */
function beginningOf({ spec }: Rule, port: number): string | undefined {
  const settings = spec.trafficPolicy?.portLevelSettings ?? []
  const index = settings.findIndex((setting) => setting.port?.number === port)
  const tls = index < 0 ? spec.trafficPolicy?.tls : settings[index]?.tls
  if (tls?.mode !== 'SIMPLE' && tls?.mode !== 'MUTUAL') return undefined
  return index < 0 ? 'spec.trafficPolicy.tls' : `spec.trafficPolicy.portLevelSettings[${index}].tls`
}
