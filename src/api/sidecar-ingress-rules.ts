// Judges the part of Sidecar that governs what comes in: it is not carried out, and still has to be what Istio takes.
import { type Fields, fieldsOf } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import { listOf } from './fields.ts'
import type { Report } from './finding.ts'
import { ipProblem, isHttpFamily, isTlsFamily, portNameProblem, portProblem, protocolOf, quoted, unixAddressProblem } from './names.ts'
import type { SidecarIngress, SidecarPort } from './sidecar.ts'
import { checkConnectionPool } from './traffic-policy-rules.ts'

export function checkSidecarIngress(report: Report, ingress: readonly SidecarIngress[]): void {
  const taken = new Set<number>()
  for (const [i, listener] of ingress.entries()) {
    const path = fieldAt('spec.ingress', i)
    const { port, bind = '', defaultEndpoint = '', tls, connectionPool } = listener
    if (port === undefined) {
      report.error(`${path}.port`, 'sidecar: port is required for ingress listeners')
      continue
    }
    checkPort(report, `${path}.port`, port)
    if (bind !== '') report.check(`${path}.bind`, ipProblem(bind))
    const number = port.number ?? 0
    if (taken.has(number)) report.error(`${path}.port.number`, 'sidecar: ports on IP bound listeners must be unique')
    taken.add(number)
    if (defaultEndpoint !== '') checkEndpoint(report, `${path}.defaultEndpoint`, defaultEndpoint)
    if (tls !== undefined) checkTls(report, `${path}.tls`, fieldsOf(tls), port)
    if (connectionPool !== undefined) checkPool(report, `${path}.connectionPool`, fieldsOf(connectionPool), port)
  }
}

function checkPort(report: Report, path: string, { number = 0, name = '', protocol = '', targetPort = 0 }: SidecarPort): void {
  if (targetPort > 0) report.error(`${path}.targetPort`, 'targetPort has no impact on Sidecars')
  if (name !== '') report.check(`${path}.name`, portNameProblem(name))
  if (protocolOf(protocol) === undefined) {
    const message = `invalid protocol ${quoted(protocol)}, supported protocols are HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP`
    report.error(`${path}.protocol`, message)
  }
  report.check(`${path}.number`, portProblem(number))
}

const ownAddresses: ReadonlySet<string> = new Set(['', '127.0.0.1', '0.0.0.0', '[::1]', '[::]'])

function checkEndpoint(report: Report, path: string, endpoint: string): void {
  if (endpoint.startsWith('unix://')) {
    report.check(path, unixAddressProblem(endpoint.slice('unix://'.length)))
    return
  }
  const colon = endpoint.lastIndexOf(':')
  if (colon < 0 || !ownAddresses.has(endpoint.slice(0, colon))) {
    const forms = '127.0.0.1:<port>,0.0.0.0:<port>,[::1]:port,[::]:port,unix://filepath or unset'
    report.error(path, `sidecar: defaultEndpoint must be of form ${forms}`)
    return
  }
  const port = endpoint.slice(colon + 1)
  if (/^\d+$/.test(port)) report.check(path, portProblem(Number(port)))
  else report.error(path, `sidecar: defaultEndpoint port (${port}) is not a number`)
}

function checkTls(report: Report, path: string, tls: Fields, port: SidecarPort): void {
  const { subjectAltNames, httpsRedirect, credentialName, credentialNames, tlsCertificates, mode } = tls
  if (listOf(subjectAltNames).length > 0) report.error(path, 'sidecar: subjectAltNames is not supported in ingress tls')
  if (httpsRedirect === true) report.error(path, 'sidecar: httpsRedirect is not supported')
  if (typeof credentialName === 'string' && credentialName !== '') report.error(path, 'sidecar: credentialName is not currently supported')
  if (listOf(credentialNames).length > 0) report.error(path, 'sidecar: credentialNames is not currently supported')
  if (listOf(tlsCertificates).length > 0) report.error(path, 'sidecar: tls_certificates is not currently supported')
  if (mode === 'ISTIO_MUTUAL' || mode === 'AUTO_PASSTHROUGH') {
    report.error(`${path}.mode`, `configuration is invalid: cannot set mode to ${mode} in sidecar ingress tls`)
  }
  if (!isTlsFamily(protocolOf(port.protocol ?? ''))) {
    report.error(path, 'server cannot have TLS settings for non HTTPS/TLS ports')
  }
}

function checkPool(report: Report, path: string, pool: Fields, port: SidecarPort): void {
  checkConnectionPool(report, path, pool)
  if (pool['http'] === undefined || isHttpFamily(protocolOf(port.protocol ?? ''))) return
  const what = `port ${port.number ?? 0} (${quoted(port.name ?? '')}) but its protocol is not HTTP (${port.protocol ?? ''})`
  report.warning(`${path}.http`, `sidecar: HTTP connection pool settings are configured for ${what}; only TCP settings will apply`)
}
