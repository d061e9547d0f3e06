// Judges the traffic policies of DestinationRules, rule by rule as Istio does and with Istio's words.
import { type Fields, fieldsOf, parseDuration } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import { listOf, numberOf } from './fields.ts'
import type { Report } from './finding.ts'
import { checkLoadBalancer } from './load-balancer-rules.ts'
import { domainProblem, durationProblem, ipProblem, portProblem } from './names.ts'
import { checkCredentialName } from './shared-rules.ts'

export function checkTrafficPolicy(report: Report, path: string, policy: object): void {
  const fields = fieldsOf(policy)
  const { outlierDetection, connectionPool, loadBalancer, tls, portLevelSettings, tunnel, proxyProtocol, retryBudget } = fields
  const parts = [outlierDetection, connectionPool, loadBalancer, tls, portLevelSettings, tunnel, proxyProtocol, retryBudget]
  if (parts.every((part) => part === undefined)) {
    report.error(path, 'traffic policy must have at least one field', 'remove it')
    return
  }
  if (tunnel !== undefined && proxyProtocol !== undefined) {
    report.error(`${path}.proxyProtocol`, 'tunnel and proxyProtocol must not be set together')
  }
  checkParts(report, path, fields)
  for (const [i, entry] of listOf(portLevelSettings).entries()) checkPortSettings(report, fieldAt(`${path}.portLevelSettings`, i), entry)
  if (tunnel !== undefined) checkTunnel(report, `${path}.tunnel`, fieldsOf(tunnel))
  if (retryBudget !== undefined) {
    const { percent } = fieldsOf(retryBudget)
    if (typeof percent === 'number' && (percent < 0 || percent > 100)) {
      report.error(`${path}.retryBudget.percent`, `percentage ${percent} is not in range 0..100`)
    }
  }
}

function checkParts(report: Report, path: string, fields: Fields): void {
  const { outlierDetection, connectionPool, loadBalancer, tls } = fields
  if (outlierDetection !== undefined) checkOutlierDetection(report, `${path}.outlierDetection`, fieldsOf(outlierDetection))
  if (connectionPool !== undefined) checkConnectionPool(report, `${path}.connectionPool`, connectionPool)
  if (loadBalancer !== undefined) {
    checkLoadBalancer(report, `${path}.loadBalancer`, fieldsOf(loadBalancer), outlierDetection !== undefined)
  }
  if (tls !== undefined) checkClientTls(report, `${path}.tls`, fieldsOf(tls))
}

function checkPortSettings(report: Report, path: string, entry: unknown): void {
  const fields = fieldsOf(entry)
  if (fields['port'] === undefined) report.error(`${path}.port`, 'portTrafficPolicy must have valid port')
  const { outlierDetection, connectionPool, loadBalancer, tls } = fields
  if ([outlierDetection, connectionPool, loadBalancer, tls].every((part) => part === undefined)) {
    report.error(path, 'port traffic policy must have at least one field', 'remove it')
    return
  }
  checkParts(report, path, fields)
}

function checkTunnel(report: Report, path: string, tunnel: Fields): void {
  const { protocol, targetHost, targetPort } = tunnel
  if (protocol !== undefined && protocol !== '' && protocol !== 'CONNECT' && protocol !== 'POST') {
    report.error(`${path}.protocol`, 'tunnel protocol must be "CONNECT" or "POST"')
  }
  const host = typeof targetHost === 'string' ? targetHost : ''
  const notName = domainProblem(host)
  const notIp = ipProblem(host)
  if (notName !== undefined && notIp !== undefined) {
    report.error(`${path}.targetHost`, `tunnel target host must be valid FQDN or IP address: ${notName}; ${notIp}`)
  }
  const problem = portProblem(typeof targetPort === 'number' ? targetPort : 0)
  if (problem !== undefined) report.error(`${path}.targetPort`, `tunnel target port is invalid: ${problem}`)
}

function checkOutlierDetection(report: Report, path: string, outlier: Fields): void {
  checkDurations(report, path, outlier, ['baseEjectionTime', 'interval'])
  if (numberOf(outlier['consecutiveErrors']) !== 0) {
    const message = 'outlier detection consecutive errors is deprecated, use consecutiveGatewayErrors or consecutive5xxErrors instead'
    report.warning(`${path}.consecutiveErrors`, message)
  }
  if (outlier['splitExternalLocalOriginErrors'] !== true && numberOf(outlier['consecutiveLocalOriginFailures']) > 0) {
    const message =
      'outlier detection consecutive local origin failures is specified, but split external local origin errors is set to false'
    report.error(`${path}.consecutiveLocalOriginFailures`, message)
  }
  for (const name of ['maxEjectionPercent', 'minHealthPercent']) {
    const percent = numberOf(outlier[name])
    if (percent < 0 || percent > 100) report.error(`${path}.${name}`, `percentage ${percent} is not in range 0..100`)
  }
}

const httpCounts: Readonly<Record<string, string>> = {
  http1MaxPendingRequests: 'http1 max pending requests',
  http2MaxRequests: 'http2 max requests',
  maxRequestsPerConnection: 'max requests per connection',
  maxRetries: 'max retries',
  maxConcurrentStreams: 'max concurrent streams',
}

export function checkConnectionPool(report: Report, path: string, pool: unknown): void {
  const { http, tcp } = fieldsOf(pool)
  if (http === undefined && tcp === undefined) report.error(path, 'connection pool must have at least one field', 'remove it')
  if (http !== undefined) {
    const fields = fieldsOf(http)
    for (const [name, words] of Object.entries(httpCounts)) {
      if (numberOf(fields[name]) < 0) report.error(`${path}.http.${name}`, `${words} must be non-negative`)
    }
    checkDurations(report, `${path}.http`, fields, ['idleTimeout'])
    if (fields['h2UpgradePolicy'] === 'UPGRADE' && fields['useClientProtocol'] === true) {
      const message = 'use client protocol must not be true when H2UpgradePolicy is UPGRADE'
      report.error(`${path}.http.useClientProtocol`, message)
    }
    checkHttp2KeepAlive(report, `${path}.http.http2KeepAlive`, fields['http2KeepAlive'])
  }
  if (tcp !== undefined) checkTcpPool(report, `${path}.tcp`, fieldsOf(tcp))
}

function checkTcpPool(report: Report, path: string, tcp: Fields): void {
  if (numberOf(tcp['maxConnections']) < 0) report.error(`${path}.maxConnections`, 'max connections must be non-negative')
  checkDurations(report, path, tcp, ['connectTimeout', 'maxConnectionDuration'])
  // Zero switches the timeout off here, and only here.
  if (typeof tcp['idleTimeout'] === 'string' && parseDuration(tcp['idleTimeout']) !== 0) checkDurations(report, path, tcp, ['idleTimeout'])
  if (tcp['tcpKeepalive'] !== undefined) checkDurations(report, `${path}.tcpKeepalive`, fieldsOf(tcp['tcpKeepalive']), ['time', 'interval'])
}

function checkHttp2KeepAlive(report: Report, path: string, value: unknown): void {
  if (value === undefined) return
  const fields = fieldsOf(value)
  for (const name of ['interval', 'timeout']) {
    if (fields[name] === undefined) report.error(`${path}.${name}`, `http2KeepAlive ${name} must be set`)
  }
  checkDurations(report, path, fields, ['interval', 'timeout'])
}

function checkClientTls(report: Report, path: string, tls: Fields): void {
  const mode = tls['mode'] ?? 'DISABLE'
  const set = (name: string) => {
    const value = tls[name]
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== ''
  }
  if (tls['insecureSkipVerify'] === true) {
    if (mode === 'SIMPLE' || mode === 'MUTUAL') {
      const message = 'certificates are not checked: whoever answers is believed to be the destination'
      report.warning(`${path}.insecureSkipVerify`, message, 'set caCertificates to a file with the authority of the destination')
    }
    if (mode === 'SIMPLE' && (set('caCertificates') || set('credentialName') || set('subjectAltNames'))) {
      const message = 'cannot specify CaCertificates or CredentialName or SubjectAltNames when InsecureSkipVerify is set true'
      report.error(`${path}.insecureSkipVerify`, message)
    }
    if (mode === 'MUTUAL' && (set('caCertificates') || set('subjectAltNames'))) {
      const message = 'cannot specify CaCertificates or SubjectAltNames when InsecureSkipVerify is set true'
      report.error(`${path}.insecureSkipVerify`, message)
    }
  }
  if ((mode === 'SIMPLE' || mode === 'MUTUAL') && set('credentialName')) {
    checkCredentialName(report, `${path}.credentialName`, tls['credentialName'], 'connections that this policy governs are refused')
    if (set('clientCertificate') || set('caCertificates') || set('privateKey') || set('caCrl')) {
      const message = 'cannot specify client certificates or CA certificate or CA CRL If credentialName is set'
      report.error(`${path}.credentialName`, message)
    }
    return
  }
  if (mode !== 'MUTUAL') return
  if (!set('clientCertificate')) report.error(`${path}.clientCertificate`, 'client certificate required for mutual tls')
  if (!set('privateKey')) report.error(`${path}.privateKey`, 'private key required for mutual tls')
}

function checkDurations(report: Report, path: string, fields: Fields, names: readonly string[]): void {
  for (const name of names) {
    const value = fields[name]
    if (typeof value === 'string') report.check(`${path}.${name}`, durationProblem(value))
  }
}
