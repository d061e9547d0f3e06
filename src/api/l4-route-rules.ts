// Judges the TLS and TCP rules of VirtualServices, one by one as Istio does and with Istio's words.
import { hostCovers, parseHostPattern, parseIp } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import { checkGatewayNames } from './gateway-name-rules.ts'
import { gatewayDomainProblem, isDnsLabel, labelsOfProblem, portProblem, quoted, subnetProblem } from './names.ts'
import { checkRouteDestinations } from './route-destination-rules.ts'
import type { L4MatchAttributes, TcpRoute, TlsMatchAttributes, TlsRoute, VirtualServiceSpec } from './virtual-service.ts'

export interface TlsContext {
  readonly spec: VirtualServiceSpec
  readonly gatewaysOnly: boolean
}

export function checkTlsRoute(report: Report, path: string, route: TlsRoute, context: TlsContext): void {
  if ((route.match ?? []).length === 0) report.error(`${path}.match`, 'TLS route must have at least one match condition')
  for (const [i, match] of (route.match ?? []).entries()) {
    const at = fieldAt(`${path}.match`, i)
    checkSniHosts(report, at, match, context)
    checkL4Match(report, at, match)
  }
  if ((route.route ?? []).length === 0) report.error(`${path}.route`, 'TLS route is required')
  checkRouteDestinations(report, `${path}.route`, route.route ?? [])
}

export function checkTcpRoute(report: Report, path: string, route: TcpRoute): void {
  for (const [i, match] of (route.match ?? []).entries()) checkL4Match(report, fieldAt(`${path}.match`, i), match)
  if ((route.route ?? []).length === 0) report.error(`${path}.route`, 'TCP route is required')
  checkRouteDestinations(report, `${path}.route`, route.route ?? [])
}

function checkSniHosts(report: Report, path: string, match: TlsMatchAttributes, context: TlsContext): void {
  const names = match.sniHosts ?? []
  if (names.length === 0) report.error(`${path}.sniHosts`, 'TLS match must have at least one SNI host')
  for (const [i, name] of names.entries()) {
    const at = fieldAt(`${path}.sniHosts`, i)
    const problem = gatewayDomainProblem(name, context.gatewaysOnly)
    if (problem === undefined) checkCovered(report, at, name, context.spec.hosts ?? [])
    else if (parseIp(name) === undefined) report.error(at, problem)
    else report.warning(at, `using an IP address (${quoted(name)}) goes against SNI spec and most clients do not support this`)
  }
}

function checkCovered(report: Report, path: string, name: string, hosts: readonly string[]): void {
  const pattern = parseHostPattern(name)
  const covered = hosts.some((host) => {
    const wider = parseHostPattern(host)
    return host === name || (wider !== undefined && pattern !== undefined && hostCovers(wider, pattern))
  })
  if (covered) return
  const message = `SNI host ${quoted(name)} is not a compatible subset of any of the virtual service hosts: [${hosts.join(', ')}]`
  report.error(path, message, `add it to the hosts`)
}

function checkL4Match(report: Report, path: string, match: L4MatchAttributes): void {
  for (const [i, subnet] of (match.destinationSubnets ?? []).entries()) {
    report.check(fieldAt(`${path}.destinationSubnets`, i), subnetProblem(subnet))
  }
  if ((match.port ?? 0) !== 0) report.check(`${path}.port`, portProblem(match.port ?? 0))
  report.check(`${path}.sourceLabels`, labelsOfProblem(match.sourceLabels ?? {}))
  checkGatewayNames(report, `${path}.gateways`, match.gateways ?? [])
  const namespace = match.sourceNamespace ?? ''
  if (namespace !== '' && !isDnsLabel(namespace)) report.error(`${path}.sourceNamespace`, `sourceNamespace match ${namespace} is invalid`)
}
