// Holds the rules that Istio applies to names, addresses, ports and labels, with its words for what breaks them.
import { parseCidr, parseDuration, parseIp } from '../base/index.ts'

// Every function returns what is wrong, or nothing. The rules are those of Istio's `pkg/config/validation/agent` and `pkg/config/labels`.

/** Letters of either case, digits and hyphens, at most 63; begins and ends with a letter or digit. */
export function isDnsLabel(text: string): boolean {
  return text.length <= 63 && /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(text)
}

export function domainProblem(name: string): string | undefined {
  return lengthProblem(name) ?? labelsProblem(name)
}

/** As a domain, and its first label may be `*`, `*-x` or `*x`. */
export function wildcardDomainProblem(name: string): string | undefined {
  const tooLong = lengthProblem(name)
  if (tooLong !== undefined) return tooLong
  const dot = name.indexOf('.')
  const first = dot < 0 ? name : name.slice(0, dot)
  if (!isWildcardLabel(first)) return `domain name ${quoted(name)} invalid (label ${quoted(first)} invalid)`
  return dot < 0 ? undefined : labelsProblem(name.slice(dot + 1))
}

/** Besides, names such as `outbound_.80_._.host`, by which gateways of two clusters speak to each other. */
export function gatewayDomainProblem(name: string, sni: boolean): string | undefined {
  if (sni && name.startsWith('outbound_.') && name.length <= 255) {
    return /outbound_.([0-8].*).*/.test(name) ? undefined : `domain name ${quoted(name)} invalid (label "outbound_" invalid)`
  }
  return wildcardDomainProblem(name)
}

export function partialWildcardProblem(name: string): string | undefined {
  const partial = name.includes('*') && name.length !== 1 && !name.startsWith('*.')
  return partial ? `partial wildcard ${quoted(name)} not allowed` : undefined
}

export function portProblem(port: number): string | undefined {
  return port >= 1 && port <= 65535 ? undefined : `port number ${port} must be in the range 1..65535`
}

export function portNameProblem(name: string): string | undefined {
  return isDnsLabel(name) ? undefined : `invalid port name: ${name}`
}

/** Names of protocols as Istio reads them, in any case. */
/** Istio has its proxies turn gRPC-Web into gRPC. */
export const grpcWebText = 'gRPC-Web is not translated into gRPC yet: it is passed on as it is, over HTTP/2'

export type Protocol = 'http' | 'http2' | 'grpc' | 'grpc-web' | 'http_proxy' | 'https' | 'tls' | 'tcp' | 'mongo' | 'redis' | 'mysql' | 'udp'

const protocols: ReadonlySet<string> = new Set('http http2 grpc grpc-web http_proxy https tls tcp mongo redis mysql udp'.split(' '))

export function protocolOf(text: string): Protocol | undefined {
  const name = text.toLowerCase()
  return isProtocol(name) ? name : undefined
}

export function isHttpFamily(protocol: Protocol | undefined): boolean {
  return protocol === 'http' || protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web' || protocol === 'http_proxy'
}

export function isTlsFamily(protocol: Protocol | undefined): boolean {
  return protocol === 'https' || protocol === 'tls'
}

/** TLS included, as Istio has it; unknown and UDP are not. */
export function isTcpFamily(protocol: Protocol | undefined): boolean {
  return isTlsFamily(protocol) || protocol === 'tcp' || protocol === 'mongo' || protocol === 'redis' || protocol === 'mysql'
}

export function ipProblem(text: string): string | undefined {
  return parseIp(text) === undefined ? `${text} is not a valid IP` : undefined
}

export function subnetProblem(text: string): string | undefined {
  if (!text.includes('/')) return ipProblem(text)
  return parseCidr(text) === undefined ? `${text} is not a valid CIDR block` : undefined
}

export function unixAddressProblem(path: string): string | undefined {
  if (path === '') return 'unix address must not be empty'
  if (path.startsWith('@')) return undefined
  return path.startsWith('/') && !path.endsWith('/') ? undefined : `${path} is not an absolute path to a file`
}

/** At least a millisecond, and a whole number of them. */
export function durationProblem(text: string): string | undefined {
  const ms = parseDuration(text)
  if (ms === undefined) return undefined
  if (ms < 1) return 'duration must be greater than 1ms'
  return Number.isInteger(ms) ? undefined : 'only durations to ms precision are supported'
}

/** A set of labels, as Kubernetes spells them. */
export function labelsOfProblem(labels: Readonly<Record<string, string>>): string | undefined {
  for (const [name, value] of Object.entries(labels)) {
    const problem = labelProblem(name, value)
    if (problem !== undefined) return problem
  }
  return undefined
}

export function labelProblem(name: string, value: string): string | undefined {
  return labelNameProblem(name) ?? (isLabelValue(value) ? undefined : `invalid tag value: ${quoted(value)}`)
}

export function labelNameProblem(name: string): string | undefined {
  const slash = name.indexOf('/')
  const prefix = slash < 0 ? undefined : name.slice(0, slash)
  const rest = name.slice(slash + 1)
  if (prefix !== undefined && domainProblem(prefix) !== undefined) return `invalid tag key: ${quoted(name)}`
  return rest.length <= 63 && labelPattern.test(rest) ? undefined : `invalid tag key: ${quoted(name)}`
}

/** Selectors compare whole values: an empty key or a `*` would never match what its author means. */
export function selectorProblems(labels: Readonly<Record<string, string>>): string[] {
  const problems: string[] = []
  for (const [name, value] of Object.entries(labels)) {
    if (name === '') problems.push(`empty key is not supported in selector: ${quoted(`${name}=${value}`)}`)
    if (name.includes('*') || value.includes('*')) problems.push(`wildcard is not supported in selector: ${quoted(`${name}=${value}`)}`)
  }
  return problems
}

/** Go's %q for the characters that occur in names. */
export function quoted(text: string): string {
  return JSON.stringify(text)
}

const labelPattern = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/

function isLabelValue(value: string): boolean {
  return value === '' || (value.length <= 63 && labelPattern.test(value))
}

function isProtocol(name: string): name is Protocol {
  return protocols.has(name)
}

function lengthProblem(name: string): string | undefined {
  if (name.length > 255) return `domain name ${quoted(name)} too long (max 255)`
  return name === '' ? 'empty domain name not allowed' : undefined
}

function labelsProblem(name: string): string | undefined {
  const parts = name.split('.')
  const last = parts.at(-1) ?? ''
  if (/^[-+]?\d+$/.test(last)) return `domain name ${quoted(name)} invalid (top level domain ${quoted(last)} cannot be all-numeric)`
  for (const [i, label] of parts.entries()) {
    // `istio.io.` says that nothing is to be appended.
    if (i === parts.length - 1 && label === '') return undefined
    if (!isDnsLabel(label)) return `domain name ${quoted(name)} invalid (label ${quoted(label)} invalid)`
  }
  return undefined
}

function isWildcardLabel(label: string): boolean {
  if (label === '*') return true
  const rest = label.startsWith('*-') ? label.slice(2) : label.replace(/^\*/, '')
  return isDnsLabel(rest)
}
