// Judges what Sidecar means, rule by rule as Istio does and with Istio's words.
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import type { Meta } from './meta.ts'
import {
  domainProblem,
  ipProblem,
  isDnsLabel,
  partialWildcardProblem,
  portNameProblem,
  portProblem,
  protocolOf,
  quoted,
  selectorProblems,
  unixAddressProblem,
  wildcardDomainProblem,
} from './names.ts'
import { checkDestination } from './route-destination-rules.ts'
import { checkSpelling } from './shared-rules.ts'
import { checkSidecarIngress } from './sidecar-ingress-rules.ts'
import type { SidecarEgress, SidecarPort, SidecarSpec } from './sidecar.ts'
import { checkConnectionPool } from './traffic-policy-rules.ts'

export function checkSidecar(spec: SidecarSpec, meta: Meta, report: Report): void {
  checkSelection(spec, report)
  const { egress = [], ingress = [], outboundTrafficPolicy, inboundConnectionPool } = spec
  if (egress.length === 0 && ingress.length === 0 && outboundTrafficPolicy === undefined && inboundConnectionPool === undefined) {
    report.error('spec', 'sidecar: empty configuration provided', 'say what goes out: `egress: [{hosts: ["./*"]}]`')
    return
  }
  checkSidecarIngress(report, ingress)
  if (inboundConnectionPool !== undefined) checkConnectionPool(report, 'spec.inboundConnectionPool', inboundConnectionPool)
  checkEgress(report, egress, meta.namespace)
  checkPolicy(report, outboundTrafficPolicy)
}

function checkSelection({ workloadSelector }: SidecarSpec, report: Report): void {
  if (workloadSelector === undefined) return
  const path = 'spec.workloadSelector'
  const labels = workloadSelector.labels ?? {}
  for (const problem of selectorProblems(labels)) report.error(path, problem)
  if (Object.keys(labels).length > 0) return
  const message = 'sidecar: workload selector specified without labels, will be applied to all services in namespace'
  report.warning(path, message, 'name the labels, or leave the selector out')
}

/** One listener without a port at most, and it comes last; the others are told apart by their ports or sockets. */
function checkEgress(report: Report, egress: readonly SidecarEgress[], namespace: string): void {
  const taken = new Set<string>()
  for (const [i, listener] of egress.entries()) {
    const path = fieldAt('spec.egress', i)
    if (listener.port === undefined) {
      if (i < egress.length - 1) {
        report.error(path, 'sidecar: the egress listener with empty port should be the last listener in the list')
      }
      checkAddress(report, path, listener.bind ?? '')
    } else {
      checkPort(report, path, { ...listener, port: listener.port }, taken)
    }
    checkHosts(report, `${path}.hosts`, listener.hosts ?? [], namespace)
  }
}

type PortListener = SidecarEgress & { readonly port: SidecarPort }

function checkPort(report: Report, path: string, { port, bind = '', captureMode }: PortListener, taken: Set<string>): void {
  const at = `${path}.port`
  checkPortWords(report, at, port)
  const number = port.number ?? 0
  const key = number === 0 ? bind : String(number)
  if (taken.has(key)) {
    const what = number === 0 ? 'unix domain socket values for listeners' : 'ports on IP bound listeners'
    report.error(at, `sidecar: ${what} must be unique`)
  }
  taken.add(key)
  if (number !== 0) {
    report.check(`${at}.number`, portProblem(number))
    checkAddress(report, path, bind)
    return
  }
  if (captureMode === 'IPTABLES') {
    report.error(`${path}.captureMode`, 'sidecar: captureMode must be DEFAULT/NONE for unix domain socket listeners')
  }
  if (!bind.startsWith('unix://')) {
    report.error(at, 'sidecar: ports with 0 value must have a unix domain socket bind address')
    return
  }
  report.check(`${path}.bind`, unixAddressProblem(bind.slice('unix://'.length)))
  report.add({
    level: 'warning',
    code: 'SLP1202',
    path: `${path}.bind`,
    message: 'sockets of the file system are not carried out: what connects to this one finds nobody',
  })
}

function checkAddress(report: Report, path: string, bind: string): void {
  if (bind !== '') report.check(`${path}.bind`, ipProblem(bind))
}

function checkPortWords(report: Report, path: string, { name = '', protocol = '', targetPort = 0 }: SidecarPort): void {
  if (name !== '') report.check(`${path}.name`, portNameProblem(name))
  if (targetPort > 0) report.error(`${path}.targetPort`, 'targetPort has no impact on Sidecars')
  const known = protocolOf(protocol)
  if (known === undefined) {
    const message = `invalid protocol ${quoted(protocol)}, supported protocols are HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP`
    report.error(`${path}.protocol`, message, 'write HTTP, HTTPS, TLS or TCP')
  } else if (known === 'http_proxy') {
    const message = 'a listener that takes proxy requests is understood but not carried out yet: all outbound traffic is refused'
    report.unsupported(`${path}.protocol`, message)
  }
}

function checkHosts(report: Report, path: string, hosts: readonly string[], namespace: string): void {
  if (hosts.length === 0)
    report.error(path, 'sidecar: egress listener must contain at least one host', 'write NAMESPACE/HOST, such as `./*`')
  const seen = new Map<string, Set<string>>()
  for (const [i, entry] of hosts.entries()) {
    const at = fieldAt(path, i)
    const slash = entry.indexOf('/')
    if (slash >= 0) {
      const said = entry.slice(0, slash)
      const names = namesOf(seen, said === '.' ? namespace : said)
      const host = entry.slice(slash + 1)
      const isTwice = host === '*' ? names.size > 0 : names.has(host) || names.has('*')
      if (isTwice) report.warning(at, `duplicated egress host: ${entry}`)
      names.add(host)
    }
    checkHost(report, at, entry)
  }
  if (seen.get('*')?.has('*') && seen.size !== 1) {
    report.warning(path, '`*/*` host select all resources, no other hosts can be added')
  }
}

function namesOf(seen: Map<string, Set<string>>, namespace: string): Set<string> {
  const names = seen.get(namespace) ?? new Set()
  seen.set(namespace, names)
  return names
}

/** `namespace/dnsName`; newer Istio takes `~namespace/dnsName` for what is left out. */
function checkHost(report: Report, path: string, entry: string): void {
  const slash = entry.indexOf('/')
  if (slash < 0) {
    report.error(path, 'host must be of form namespace/dnsName', `write */${entry}, or the namespace that declares it`)
    return
  }
  const host = entry.slice(slash + 1)
  if (slash === 0 || host === '') report.error(path, 'config namespace and dnsName in host entry cannot be empty')
  const said = entry.slice(0, slash)
  const namespace = said.length > 1 && said.startsWith('~') ? said.slice(1) : said
  if (namespace !== '*' && namespace !== '.' && namespace !== '~' && !isDnsLabel(namespace)) {
    report.error(path, `invalid namespace value ${quoted(namespace)} in sidecar`)
  }
  if (host !== '*' && !host.includes('.')) {
    report.error(path, 'short names (non FQDN) are not allowed', 'write the whole name, or `*`')
    return
  }
  const problem = wildcardDomainProblem(host) ?? partialWildcardProblem(host)
  report.check(path, problem)
  if (problem === undefined && host !== '*') checkSpelling(report, path, host)
}

function checkPolicy(report: Report, policy: SidecarSpec['outboundTrafficPolicy']): void {
  const proxy = policy?.egressProxy
  if (proxy === undefined) return
  const path = 'spec.outboundTrafficPolicy.egressProxy'
  if (policy?.mode !== 'ALLOW_ANY') {
    report.error(path, 'sidecar: egress_proxy must be set only with ALLOW_ANY outbound_traffic_policy mode')
    return
  }
  report.check(`${path}.host`, domainProblem(proxy.host ?? ''))
  if (proxy.port === undefined) report.error(path, 'sidecar: egress_proxy port must be non-nil')
  else checkDestination(report, path, proxy)
}
