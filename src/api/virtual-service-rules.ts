// Judges what VirtualService means, rule by rule as Istio does and with Istio's words.
import { hostsOverlap, parseHostPattern, parseIp } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import { checkGatewayNames } from './gateway-name-rules.ts'
import { checkHttpRoute } from './http-route-rules.ts'
import { checkTcpRoute, checkTlsRoute } from './l4-route-rules.ts'
import type { Meta } from './meta.ts'
import { gatewayDomainProblem, quoted, wildcardDomainProblem } from './names.ts'
import { checkExportTo } from './shared-rules.ts'
import { checkReach } from './unreachable-rules.ts'
import type { VirtualServiceSpec } from './virtual-service.ts'

export function checkVirtualService(spec: VirtualServiceSpec, meta: Meta, report: Report): void {
  const gateways = spec.gateways ?? []
  checkGatewayNames(report, 'spec.gateways', gateways)
  // Istio: bound to the mesh is whatever does not name gateways only.
  const gatewaysOnly = gateways.length > 0 && !gateways.includes('mesh')
  if ((spec.hosts ?? []).length === 0) checkDelegate(spec, report)
  checkHosts(spec, gatewaysOnly, report)
  const routes = [...(spec.http ?? []), ...(spec.tls ?? []), ...(spec.tcp ?? [])]
  if (routes.length === 0) report.error('spec', 'http, tcp or tls must be provided in virtual service')
  const isDelegate = (spec.hosts ?? []).length === 0
  for (const [i, route] of (spec.http ?? []).entries()) {
    checkHttpRoute(report, fieldAt('spec.http', i), route, { isDelegate, gatewaysOnly })
  }
  for (const [i, route] of (spec.tls ?? []).entries()) checkTlsRoute(report, fieldAt('spec.tls', i), route, { spec, gatewaysOnly })
  for (const [i, route] of (spec.tcp ?? []).entries()) checkTcpRoute(report, fieldAt('spec.tcp', i), route)
  checkExportTo(report, spec.exportTo, meta.namespace)
  checkReach(report, 'spec.http', spec.http ?? [])
  checkReach(report, 'spec.tls', spec.tls ?? [])
  checkReach(report, 'spec.tcp', spec.tcp ?? [])
}

/** No hosts: another VirtualService goes on with these rules. */
function checkDelegate(spec: VirtualServiceSpec, report: Report): void {
  if ((spec.gateways ?? []).length > 0) report.error('spec.gateways', 'delegate virtual service must have no gateways specified')
  if ((spec.tls ?? []).length > 0) report.error('spec.tls', 'delegate virtual service must have no tls route specified')
  if ((spec.tcp ?? []).length > 0) report.error('spec.tcp', 'delegate virtual service must have no tcp route specified')
}

function checkHosts(spec: VirtualServiceSpec, gatewaysOnly: boolean, report: Report): void {
  const hosts = spec.hosts ?? []
  const sni = (spec.tls ?? []).some((route) => (route.match ?? []).some((match) => (match.sniHosts ?? []).length > 0))
  let sound = true
  for (const [i, host] of hosts.entries()) {
    const path = fieldAt('spec.hosts', i)
    const problem = gatewaysOnly ? gatewayDomainProblem(host, sni) : wildcardDomainProblem(host)
    if (problem !== undefined && parseIp(host) === undefined) {
      report.error(path, problem)
      sound = false
    } else if (problem === undefined && !gatewaysOnly && host === '*') {
      const message = 'wildcard host * is not allowed for virtual services bound to the mesh gateway'
      report.error(path, message, 'name the hosts, or bind it to a gateway')
      sound = false
    } else if (problem === undefined && parseHostPattern(host) === undefined) {
      const message = `host ${quoted(host)} is spelled in a way that no name is matched by; traffic to it is refused`
      report.unsupported(path, message, 'write a DNS name, or `*.` and a domain')
    }
  }
  if (sound) checkDuplicates(hosts, report)
}

function checkDuplicates(hosts: readonly string[], report: Report): void {
  const patterns = hosts.map(parseHostPattern)
  for (const [i, a] of patterns.entries()) {
    for (const [j, b] of patterns.entries()) {
      if (j <= i || a === undefined || b === undefined || !hostsOverlap(a, b)) continue
      report.error(fieldAt('spec.hosts', j), `duplicate hosts in virtual service: ${hosts[i]} & ${hosts[j]}`, 'keep the wider one')
    }
  }
}
