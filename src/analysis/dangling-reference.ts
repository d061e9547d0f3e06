// Finds references to Gateways, destinations and subsets that do not exist.
import type { Issue } from '../api/index.ts'
import { expandHost } from '../model/index.ts'
import { covers } from '../registry/index.ts'
import { findingAt } from './finding.ts'
import type { Leg, LegDestination } from './routes.ts'
import type { Scene } from './scene.ts'

export function findDanglingReferences(scene: Scene): Issue[] {
  const issues: Issue[] = []
  const seen = new Set<string>()
  const add = (leg: Leg, path: string, message: string, fix: string) => {
    const key = `${leg.virtualService.meta.namespace}/${leg.virtualService.meta.name} ${path} ${message}`
    if (seen.has(key)) return
    seen.add(key)
    issues.push(findingAt(leg.virtualService, { level: 'error', code: 'IST0101', path, message, fix }))
  }
  const subsets = subsetsByHost(scene)
  for (const leg of scene.legs) {
    if (leg.from !== 'mesh' && !scene.gateways.has(leg.from))
      add(leg, 'spec.gateways', `Referenced gateway not found: "${leg.from}"`, 'declare the Gateway, or name one that exists')
    for (const destination of leg.destinations) {
      const missing = missingOf(scene, subsets, destination)
      if (missing !== undefined) add(leg, missing.path, missing.message, missing.fix)
    }
  }
  return [...issues, ...danglingDelegates(scene)]
}

/** A rule without its delegate is as if it were not there, so its requests go by the rules after it. */
function danglingDelegates({ resources }: Scene): Issue[] {
  const children = new Set(
    resources
      .of('VirtualService')
      .filter(({ spec }) => (spec.hosts ?? []).length === 0)
      .map(({ meta }) => `${meta.namespace}/${meta.name}`),
  )
  return resources.of('VirtualService').flatMap((virtualService) =>
    (virtualService.spec.http ?? []).flatMap(({ delegate }, i) => {
      if (delegate === undefined || (virtualService.spec.hosts ?? []).length === 0) return []
      const name = `${delegate.namespace || virtualService.meta.namespace}/${delegate.name ?? ''}`
      if (children.has(name)) return []
      const message = `Referenced delegate not found: "${name}": the rule is left out, and its requests go by the rules after it`
      const fix = 'declare a VirtualService of that name without hosts'
      return [findingAt(virtualService, { level: 'error', code: 'IST0101', path: `spec.http[${i}].delegate`, message, fix })]
    }),
  )
}

function missingOf(
  scene: Scene,
  subsets: ReadonlyMap<string, ReadonlySet<string>>,
  { host, subset, field }: LegDestination,
): { path: string; message: string; fix: string } | undefined {
  const isSynthesised = [...scene.gateways.keys()].some((gateway) => scene.gatewayHosts(gateway).has(host))
  const isDeclared = isSynthesised || scene.registry.of(host).length > 0 || scene.wildcards().some((wildcard) => covers(wildcard, host))
  if (!isDeclared)
    return {
      path: `${field}.host`,
      message: `Referenced host not found: "${host}": the traffic is refused`,
      fix: `declare a ServiceEntry for ${host}`,
    }
  if (subset === undefined || subsets.get(host)?.has(subset) === true) return undefined
  return {
    path: `${field}.subset`,
    message: `Referenced host+subset in destinationrule not found: "${host}+${subset}": the traffic is refused`,
    fix: `define subset ${subset} in a DestinationRule for ${host}`,
  }
}

function subsetsByHost(scene: Scene): ReadonlyMap<string, ReadonlySet<string>> {
  const subsets = new Map<string, Set<string>>()
  for (const rule of scene.resources.of('DestinationRule')) {
    const host = expandHost(rule.spec.host, rule.meta.namespace, scene.spelling)
    const known = subsets.get(host) ?? new Set()
    subsets.set(host, known)
    for (const subset of rule.spec.subsets ?? []) known.add(subset.name)
  }
  return subsets
}
