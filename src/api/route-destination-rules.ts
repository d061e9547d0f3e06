// Judges where routes lead, for HTTP, TLS and TCP alike, with Istio's words.
import { parseHostPattern } from '../base/index.ts'
import { subsetNameProblem } from './destination-rule-rules.ts'
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import { portProblem, quoted, wildcardDomainProblem } from './names.ts'
import type { Destination, RouteDestination } from './virtual-service.ts'

export function checkRouteDestinations(report: Report, path: string, routes: readonly RouteDestination[]): void {
  let total = 0
  for (const [i, route] of routes.entries()) {
    const at = fieldAt(path, i)
    if (route.destination) checkDestination(report, `${at}.destination`, route.destination)
    else report.error(`${at}.destination`, 'destination is required')
    const weight = route.weight ?? 0
    if (weight < 0) report.error(`${at}.weight`, `weight ${weight} < 0`)
    total += weight
  }
  if (routes.length > 1 && total === 0) report.error(path, 'total destination weight = 0', 'give each destination a `weight`')
}

export function checkDestination(report: Report, path: string, destination: Destination): void {
  const host = destination.host ?? ''
  if (host === '*') report.error(`${path}.host`, 'invalid destination host *')
  else {
    const problem = wildcardDomainProblem(host)
    report.check(`${path}.host`, problem)
    if (problem === undefined && parseHostPattern(host) === undefined) {
      report.unsupported(`${path}.host`, `host ${quoted(host)} is no name that a service can have; traffic to it is refused`)
    }
  }
  if ((destination.subset ?? '') !== '') report.check(`${path}.subset`, subsetNameProblem(destination.subset ?? ''))
  if (destination.port) report.check(`${path}.port.number`, portProblem(destination.port.number ?? 0))
}
