// Judges what Gateway means, rule by rule as Istio does and with Istio's words.
import { parseIp } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import type { GatewayServer, GatewaySpec, ServerTls } from './gateway.ts'
import type { Meta } from './meta.ts'
import {
  ipProblem,
  isDnsLabel,
  grpcWebText,
  isHttpFamily,
  isTlsFamily,
  partialWildcardProblem,
  portProblem,
  protocolOf,
  quoted,
  unixAddressProblem,
  wildcardDomainProblem,
} from './names.ts'
import { checkCredentialName, checkSpelling } from './shared-rules.ts'

export function checkGateway(spec: GatewaySpec, meta: Meta, report: Report): void {
  if (!isDnsLabel(meta.name)) report.error('metadata.name', `invalid gateway name: ${quoted(meta.name)}`, 'use letters, digits and hyphens')
  const servers = spec.servers ?? []
  if (servers.length === 0) report.error('spec.servers', 'gateway must have at least one server')
  const portNames = new Set<string>()
  for (const [i, server] of servers.entries()) {
    const path = fieldAt('spec.servers', i)
    checkServer(report, path, server)
    const name = server.port?.name ?? ''
    if (server.port && portNames.has(name)) {
      report.error(`${path}.port.name`, `port names in servers must be unique: duplicate name ${name}`)
    }
    portNames.add(name)
  }
}

function checkServer(report: Report, path: string, server: GatewayServer): void {
  if ((server.hosts ?? []).length === 0) report.error(`${path}.hosts`, 'server config must contain at least one host')
  for (const [i, host] of (server.hosts ?? []).entries()) checkHost(report, fieldAt(`${path}.hosts`, i), host)
  if (!server.port) {
    report.error(`${path}.port`, 'port is required')
    return
  }
  checkPort(report, path, server)
  checkBind(report, path, server)
  if (server.tls) checkTls(report, `${path}.tls`, server.tls)
  checkTlsOfProtocol(report, path, server)
}

/** `[namespace/]host` */
function checkHost(report: Report, path: string, entry: string): void {
  const slash = entry.indexOf('/')
  const host = entry.slice(slash + 1)
  if (slash >= 0) {
    const namespace = entry.slice(0, slash)
    if (namespace === '' || host === '') report.error(path, 'config namespace and dnsName in host entry cannot be empty')
    else if (namespace !== '*' && namespace !== '.' && !isDnsLabel(namespace)) {
      report.error(path, `invalid namespace value ${quoted(namespace)} in gateway`)
    }
  }
  if (host !== '*' && !host.includes('.') && parseIp(host) === undefined) {
    report.error(path, 'short names (non FQDN) are not allowed', 'write the whole name, or `*`')
    return
  }
  const problem = parseIp(host) === undefined ? wildcardDomainProblem(host) : undefined
  report.check(path, problem)
  const partial = partialWildcardProblem(host)
  report.check(path, partial, 'begin with `*.`')
  if (problem === undefined && partial === undefined && parseIp(host) === undefined) checkSpelling(report, path, host)
}

function checkPort(report: Report, path: string, server: GatewayServer): void {
  const { number, name, protocol, targetPort } = server.port
  const known = protocolOf(protocol ?? '')
  if (known === undefined) {
    const message = `invalid protocol ${quoted(protocol ?? '')}, supported protocols are HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP`
    report.error(`${path}.port.protocol`, message, 'write HTTP, HTTPS, TLS or TCP')
  } else if (known === 'udp' || known === 'http_proxy') {
    const message = `protocol ${protocol} is understood but not carried out yet: what arrives at this server is refused`
    report.unsupported(`${path}.port.protocol`, message)
  } else if (known === 'grpc-web') {
    report.add({ level: 'warning', code: 'SLP1202', path: `${path}.port.protocol`, message: grpcWebText })
  }
  if ((number ?? 0) > 0 || !server.bind?.startsWith('unix://')) report.check(`${path}.port.number`, portProblem(number ?? 0))
  if ((targetPort ?? 0) > 0) {
    report.error(`${path}.port.targetPort`, 'targetPort has no impact on Gateways', "put it into the gateway's Service or ServiceEntry")
  }
  if ((name ?? '') === '') report.error(`${path}.port.name`, 'port name must be set')
}

function checkBind(report: Report, path: string, server: GatewayServer): void {
  const bind = server.bind ?? ''
  if (bind === '') return
  if (!bind.startsWith('unix://')) {
    report.check(`${path}.bind`, ipProblem(bind))
    return
  }
  report.check(`${path}.bind`, unixAddressProblem(bind.slice('unix://'.length)))
  if ((server.port.number ?? 0) !== 0) report.error(`${path}.port.number`, 'port number must be 0 for unix domain socket')
  report.unsupported(`${path}.bind`, 'listening on sockets of the file system is not carried out yet: the server is not opened')
}

function checkTlsOfProtocol(report: Report, path: string, server: GatewayServer): void {
  const protocol = protocolOf(server.port.protocol ?? '')
  const { tls } = server
  if (protocol === undefined) return
  if (isTlsFamily(protocol)) {
    const fix = 'to look at the server name only: `tls: {mode: PASSTHROUGH}`'
    if (!tls) report.error(`${path}.tls`, 'server must have TLS settings for HTTPS/TLS protocols', fix)
    return
  }
  if (!tls) return
  if (tls.httpsRedirect && !isHttpFamily(protocol)) {
    report.warning(`${path}.tls.httpsRedirect`, 'tls.httpsRedirect should only be used with http servers')
  }
  if (!isHttpFamily(protocol)) {
    report.error(`${path}.tls`, 'server cannot have TLS settings for non HTTPS/TLS ports', 'write `protocol: TLS`')
    return
  }
  const passes = (tls.mode ?? 'PASSTHROUGH') === 'PASSTHROUGH' || tls.mode === 'AUTO_PASSTHROUGH'
  if (!passes || isSet(tls, 'caCertificates') || isSet(tls, 'privateKey') || isSet(tls, 'serverCertificate')) {
    report.error(`${path}.tls`, 'server cannot have TLS settings for plain text HTTP ports', 'write `protocol: HTTPS`')
  }
}

function checkTls(report: Report, path: string, tls: ServerTls): void {
  warnOfCiphers(report, path, tls)
  const mode = tls.mode ?? 'PASSTHROUGH'
  if (mode === 'ISTIO_MUTUAL') {
    checkNothingElse(report, path, tls)
    return
  }
  const certificates = [
    'caCrl',
    'serverCertificate',
    'privateKey',
    'caCertificates',
    'credentialName',
    'credentialNames',
    'tlsCertificates',
  ]
  if (mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH') {
    if (certificates.some((name) => isSet(tls, name))) {
      report.warning(path, `${mode} mode does not use certificates, they will be ignored`)
    }
    return
  }
  checkCertificates(report, path, tls)
  checkCredentialName(report, `${path}.credentialName`, tls.credentialName, 'what arrives at this server is refused')
}

function checkNothingElse(report: Report, path: string, tls: ServerTls): void {
  const names: Readonly<Record<string, string>> = {
    serverCertificate: 'server certificate',
    privateKey: 'private key',
    caCertificates: 'CA bundle',
    credentialName: 'credentialName',
    credentialNames: 'credentialNames',
    tlsCertificates: 'tlsCertificates',
  }
  for (const [field, words] of Object.entries(names)) {
    if (isSet(tls, field)) report.error(`${path}.${field}`, `ISTIO_MUTUAL TLS cannot have associated ${words}`)
  }
}

/** For SIMPLE, MUTUAL and OPTIONAL_MUTUAL. */
function checkCertificates(report: Report, path: string, tls: ServerTls): void {
  const files = isSet(tls, 'serverCertificate') || isSet(tls, 'privateKey')
  const ways = [isSet(tls, 'credentialName'), isSet(tls, 'credentialNames'), files, isSet(tls, 'tlsCertificates')].filter(Boolean).length
  if (ways > 1) {
    const message = 'only one of credentialName, credentialNames, serverCertificate with privateKey, and tlsCertificates may be set'
    report.error(path, message)
  }
  const simple = tls.mode === 'SIMPLE'
  if (isSet(tls, 'caCrl') && isSet(tls, 'credentialName')) {
    report.error(`${path}.caCrl`, 'CRL is not supported with credentialName. CRL has to be specified in the credential')
  }
  if (isSet(tls, 'caCrl') && simple) report.error(`${path}.caCrl`, 'CRL is not supported with SIMPLE TLS')
  if (isSet(tls, 'credentialName') || isSet(tls, 'credentialNames')) return
  const words = simple ? 'SIMPLE' : 'MUTUAL'
  if (!isSet(tls, 'tlsCertificates')) {
    if (!isSet(tls, 'serverCertificate')) report.error(`${path}.serverCertificate`, `${words} TLS requires a server certificate`)
    if (!isSet(tls, 'privateKey')) report.error(`${path}.privateKey`, `${words} TLS requires a private key`)
  }
  if (!simple && !isSet(tls, 'caCertificates') && !isSet(tls, 'caCertCredentialName')) {
    report.error(`${path}.caCertificates`, 'MUTUAL TLS requires a client CA bundle')
  }
}

const ciphers: ReadonlySet<string> = new Set([
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
  'DES-CBC3-SHA',
])

/** Whether it can be asked for: of Istio's list all but the one that OpenSSL has given up. */
export function isServedCipher(name: string): boolean {
  return ciphers.has(name) && name !== 'DES-CBC3-SHA'
}

function warnOfCiphers(report: Report, path: string, tls: ServerTls): void {
  const given = Array.isArray(tls['cipherSuites']) ? tls['cipherSuites'].map(String) : []
  const old = tls['minProtocolVersion'] === 'TLSV1_0' || tls['minProtocolVersion'] === 'TLSV1_1'
  if (old && given.length === 0) {
    const message = 'TLS version below TLSV1_2 require setting compatible ciphers as by default they no longer include compatible ciphers.'
    report.warning(`${path}.minProtocolVersion`, message)
  }
  const invalid = given.filter((cipher) => !ciphers.has(cipher))
  const twice = given.filter((cipher, i) => ciphers.has(cipher) && given.indexOf(cipher) !== i)
  if (invalid.length > 0) report.warning(`${path}.cipherSuites`, `ignoring invalid cipher suites: [${sorted(invalid)}]`)
  if (twice.length > 0) report.warning(`${path}.cipherSuites`, `ignoring duplicate cipher suites: [${sorted(twice)}]`)
}

function sorted(words: readonly string[]): string {
  return Array.from(new Set(words)).sort().join(' ')
}

function isSet(tls: ServerTls, field: string): boolean {
  const value = tls[field]
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== ''
}
