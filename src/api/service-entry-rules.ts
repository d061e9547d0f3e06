// Judges what ServiceEntry and WorkloadEntry mean, rule by rule as Istio does and with Istio's words.
import { parseIp } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import type { Meta } from './meta.ts'
import {
  domainProblem,
  grpcWebText,
  isHttpFamily,
  isTcpFamily,
  isTlsFamily,
  labelsOfProblem,
  partialWildcardProblem,
  portNameProblem,
  portProblem,
  protocolOf,
  subnetProblem,
  unixAddressProblem,
  wildcardDomainProblem,
} from './names.ts'
import type { ServiceEntryPort, ServiceEntrySpec, WorkloadEntrySpec } from './service-entry.ts'
import { checkExportTo, checkSelector, checkSpelling } from './shared-rules.ts'

export function checkServiceEntry(spec: ServiceEntrySpec, meta: Meta, report: Report): void {
  if (spec.workloadSelector) {
    const warning = 'service entry: workload selector specified without labels, will be applied to all services in namespace'
    checkSelector(report, 'spec.workloadSelector', spec.workloadSelector.labels, warning)
    if ((spec.endpoints ?? []).length > 0) {
      report.error('spec.workloadSelector', 'only one of WorkloadSelector or Endpoints is allowed in Service Entry')
    }
  }
  checkHosts(spec, report)
  checkAddresses(spec, report)
  checkPorts(spec, report)
  checkResolution(spec, report)
  checkHostsOfTcp(spec, report)
  checkExportTo(report, spec.exportTo, meta.namespace, { mayBeNobody: true })
  checkWaypoint(meta, report)
}

export function checkWorkloadEntry(spec: WorkloadEntrySpec, _meta: Meta, report: Report): void {
  checkEndpoint(report, 'spec', spec, { names: true })
}

function checkHosts(spec: ServiceEntrySpec, report: Report): void {
  if ((spec.hosts ?? []).length === 0) report.error('spec.hosts', 'service entry must have at least one host')
  for (const [i, host] of (spec.hosts ?? []).entries()) {
    const path = fieldAt('spec.hosts', i)
    if (host === '*') {
      report.error(path, 'invalid host *', 'name the domain, as in `*.example.com`; ALLOW_ANY lets everything out')
      continue
    }
    const problem = wildcardDomainProblem(host)
    if (problem !== undefined) {
      report.error(path, problem, hostFix(host))
      continue
    }
    const partial = spec.resolution === 'DYNAMIC_DNS' ? undefined : partialWildcardProblem(host)
    if (partial !== undefined) report.warning(path, partial, 'begin with `*.`')
    checkSpelling(report, path, host)
    if (host !== host.toLowerCase() || host.endsWith('.')) {
      const message = `host ${JSON.stringify(host)} is not in its plain form; Istio's proxies compare it as it is written and mostly miss it`
      const fix = `write ${host.toLowerCase().replace(/\.$/, '')}`
      report.add({ level: 'warning', code: 'SLP1301', path, message, fix })
    }
  }
}

function hostFix(host: string): string | undefined {
  if (parseIp(host) !== undefined) return 'put the address under `addresses`, and any name of your choice under `hosts`'
  if (/^[^:/]+:\d+$/.test(host)) return 'put the port under `ports`, and the name alone under `hosts`'
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(host)) return 'write the name alone, without scheme and path'
  return undefined
}

function checkAddresses(spec: ServiceEntrySpec, report: Report): void {
  const byRange = spec.resolution === undefined || spec.resolution === 'NONE' || spec.resolution === 'STATIC'
  for (const [i, address] of (spec.addresses ?? []).entries()) {
    const path = fieldAt('spec.addresses', i)
    report.check(path, subnetProblem(address), parseIp(address) ? undefined : 'names belong under `hosts`')
    if (address.includes('/') && !byRange) {
      report.error(path, 'CIDR addresses are allowed only for NONE/STATIC resolution types')
    }
  }
}

function checkPorts(spec: ServiceEntrySpec, report: Report): void {
  const names = new Set<string>()
  const numbers = new Set<number>()
  for (const [i, port] of (spec.ports ?? []).entries()) {
    const path = fieldAt('spec.ports', i)
    const name = port.name ?? ''
    if (names.has(name)) report.error(`${path}.name`, `service entry port name ${JSON.stringify(name)} already defined`)
    if (numbers.has(port.number)) report.error(`${path}.number`, `service entry port ${port.number} already defined`)
    names.add(name)
    numbers.add(port.number)
    if (port.targetPort !== undefined && port.targetPort !== 0) report.check(`${path}.targetPort`, portProblem(port.targetPort))
    report.check(`${path}.name`, portNameProblem(name))
    report.check(`${path}.number`, portProblem(port.number))
    checkProtocol(spec, port, path, report)
  }
}

function checkProtocol(spec: ServiceEntrySpec, port: ServiceEntryPort, path: string, report: Report): void {
  const written = port.protocol ?? ''
  const protocol = protocolOf(written)
  if (written !== '' && protocol === undefined) {
    report.error(`${path}.protocol`, `unsupported protocol: ${written}`, 'write HTTP, HTTPS, TLS or TCP')
  }
  if (protocol === 'udp') {
    report.unsupported(`${path}.protocol`, 'UDP is not carried out: no datagram gets out, as in Istio', 'leave the port out')
  } else if (protocol === 'http_proxy') {
    const message = `protocol ${written} is understood but not carried out yet: connections to this port are refused`
    report.unsupported(`${path}.protocol`, message)
  } else if (protocol === 'grpc-web') {
    report.add({ level: 'warning', code: 'SLP1202', path: `${path}.protocol`, message: grpcWebText })
  }
  const plainTcp = written === '' || (isTcpFamily(protocol) && !isTlsFamily(protocol))
  if (plainTcp && (spec.addresses ?? []).length === 0) warnOfMissingAddresses(spec, port, path, report)
}

/** Istio's warning (its case of an entry to which no virtual address is given), with what it means here. */
function warnOfMissingAddresses(spec: ServiceEntrySpec, port: ServiceEntryPort, path: string, report: Report): void {
  const wildcard = (spec.hosts ?? []).some((host) => host.startsWith('*'))
  const what = port.protocol === undefined || port.protocol === '' ? 'without a protocol' : `of protocol ${port.protocol}`
  const why = `port ${port.number} is ${what} and the entry has no addresses: plain TCP does not say which host is meant`
  const message = wildcard
    ? `${why}, and a wildcard host has no address to go by, so nothing plain is let through there`
    : `${why}, so only the addresses that the host resolves to, or that Sallyport gives it, are let through`
  const fix = 'list them under `addresses`; `0.0.0.0/0` says that any address on this port is meant'
  report.add({ level: 'warning', code: 'IST0134', path, message, fix })
}

function checkResolution(spec: ServiceEntrySpec, report: Report): void {
  switch (spec.resolution ?? 'NONE') {
    case 'NONE':
      if ((spec.endpoints ?? []).length > 0) {
        report.error('spec.endpoints', 'no endpoints should be provided for resolution type none', 'write `resolution: STATIC`')
      }
      if (spec.workloadSelector) {
        report.warning('spec.workloadSelector', 'workloadSelector should not be set when resolution mode is NONE')
      }
      return
    case 'STATIC':
      checkEndpoints(spec, report, false)
      return
    case 'DNS':
    case 'DNS_ROUND_ROBIN':
      checkDns(spec, report)
      return
    case 'DYNAMIC_DNS':
      checkDynamicDns(spec, report)
  }
}

function checkDns(spec: ServiceEntrySpec, report: Report): void {
  const resolution = spec.resolution ?? 'DNS'
  const endpoints = spec.endpoints ?? []
  if (endpoints.length === 0) {
    for (const [i, host] of (spec.hosts ?? []).entries()) {
      const problem = domainProblem(host)
      if (problem === undefined) continue
      const message = `hosts must be FQDN or contain only prefix wildcards if no endpoints are provided for resolution mode ${resolution}, ${problem}`
      report.error(fieldAt('spec.hosts', i), message, host.startsWith('*') ? 'write `resolution: NONE`, or list the hosts' : undefined)
    }
  }
  if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1) {
    report.error('spec.endpoints', 'there must only be 0 or 1 endpoint for resolution mode DNS_ROUND_ROBIN')
  }
  checkEndpoints(spec, report, true)
  if (spec.workloadSelector) {
    report.warning('spec.workloadSelector', `workloadSelector should not be set when resolution mode is ${resolution}`)
  }
  const tcp = (spec.ports ?? []).some((port) => isTcpFamily(protocolOf(port.protocol ?? '')))
  if (tcp && (spec.addresses ?? []).length > 0 && (spec.hosts ?? []).length > 1) {
    report.warning('spec.hosts', 'service entry can not have more than one host specified simultaneously with address and tcp port')
  }
}

function checkDynamicDns(spec: ServiceEntrySpec, report: Report): void {
  for (const [i, host] of (spec.hosts ?? []).entries()) {
    if (!host.startsWith('*')) report.error(fieldAt('spec.hosts', i), `hosts must be wildcard for resolution mode DYNAMIC_DNS`)
  }
  if ((spec.addresses ?? []).length > 0) report.error('spec.addresses', 'addresses are not allowed for resolution mode DYNAMIC_DNS')
  if ((spec.endpoints ?? []).length > 0) report.error('spec.endpoints', 'endpoints are not allowed for resolution mode DYNAMIC_DNS')
  if (spec.location === 'MESH_INTERNAL') {
    report.error('spec.location', 'resolution mode DYNAMIC_DNS is for hosts of location MESH_EXTERNAL')
  }
  for (const [i, port] of (spec.ports ?? []).entries()) {
    const protocol = protocolOf(port.protocol ?? '')
    if (isHttpFamily(protocol) || isTlsFamily(protocol)) continue
    report.error(`${fieldAt('spec.ports', i)}.protocol`, 'only HTTP and TLS ports are allowed for resolution mode DYNAMIC_DNS')
  }
}

/** Without HTTP's Host or TLS's server name there is no telling hosts apart; with NONE it does not matter. */
function checkHostsOfTcp(spec: ServiceEntrySpec, report: Report): void {
  if ((spec.resolution ?? 'NONE') === 'NONE' || (spec.hosts ?? []).length < 2) return
  for (const [i, port] of (spec.ports ?? []).entries()) {
    const protocol = protocolOf(port.protocol ?? '')
    if (isHttpFamily(protocol) || isTlsFamily(protocol)) continue
    const fix = 'make one ServiceEntry for each host'
    report.error(fieldAt('spec.ports', i), 'multiple hosts provided with non-HTTP, non-TLS ports', fix)
    return
  }
}

function checkEndpoints(spec: ServiceEntrySpec, report: Report, names: boolean): void {
  const servicePorts = new Set((spec.ports ?? []).map((port) => port.name ?? ''))
  for (const [i, endpoint] of (spec.endpoints ?? []).entries()) {
    checkEndpoint(report, fieldAt('spec.endpoints', i), endpoint, { names, servicePorts, unix: !names })
  }
}

interface EndpointRules {
  /** Whether the address may be a name. */
  readonly names: boolean
  /** Whether it may be a socket of the file system. */
  readonly unix?: boolean
  readonly servicePorts?: ReadonlySet<string>
}

function checkEndpoint(report: Report, path: string, endpoint: WorkloadEntrySpec, rules: EndpointRules): void {
  const address = endpoint.address ?? ''
  if (address.startsWith('unix://') && rules.unix !== false) {
    checkUnixEndpoint(report, path, endpoint, rules)
  } else if (address === '' && (rules.unix !== false || rules.servicePorts === undefined)) {
    if ((endpoint.network ?? '') === '') report.error(`${path}.address`, 'address is required')
    else report.warning(`${path}.address`, `address is unset with network ${JSON.stringify(endpoint.network)}`)
  } else if (parseIp(address) === undefined) {
    if (!rules.names) {
      const fix = 'write `resolution: DNS` to have names resolved'
      report.error(`${path}.address`, `endpoint address ${JSON.stringify(address)} is not a valid IP address`, fix)
    } else if (domainProblem(address) !== undefined) {
      report.error(`${path}.address`, `endpoint address ${JSON.stringify(address)} is not a valid FQDN or an IP address`)
    } else {
      checkSpelling(report, `${path}.address`, address)
    }
  }
  for (const [name, port] of Object.entries(endpoint.ports ?? {})) {
    const at = fieldAt(`${path}.ports`, name)
    if (rules.servicePorts && !rules.servicePorts.has(name)) {
      const known = Array.from(rules.servicePorts).join(', ')
      report.error(at, `endpoint port ${port} is not defined by the service entry`, `the names of its ports are ${known}`)
    }
    report.check(at, portNameProblem(name))
    report.check(at, portProblem(port))
  }
  report.check(`${path}.labels`, labelsOfProblem(endpoint.labels ?? {}))
}

function checkUnixEndpoint(report: Report, path: string, endpoint: WorkloadEntrySpec, rules: EndpointRules): void {
  const address = endpoint.address ?? ''
  report.check(`${path}.address`, unixAddressProblem(address.slice('unix://'.length)))
  if (Object.keys(endpoint.ports ?? {}).length > 0) report.error(`${path}.ports`, `unix endpoint ${address} must not include ports`)
  if (rules.servicePorts && rules.servicePorts.size !== 1) {
    report.error(`${path}.address`, 'exactly 1 service port required for unix endpoints')
  }
  report.unsupported(`${path}.address`, 'sockets of the file system are not dialled yet: connections to this endpoint are refused')
}

/** Istio's label for "by way of this gateway": going directly instead would leave the gateway out. */
function checkWaypoint(meta: Meta, report: Report): void {
  const waypoint = meta.labels['istio.io/use-waypoint']
  if (waypoint === undefined || waypoint === 'none') return
  const message = 'the label istio.io/use-waypoint is understood but not carried out yet: connections to these hosts are refused'
  report.unsupported(fieldAt('metadata.labels', 'istio.io/use-waypoint'), message, 'route by Gateway and VirtualService')
}
