// Writes the sentence of every verdict with the names of the very flow in it, and says which status and flag stand for it.
import { formatAddress } from '../base/index.ts'
import { type ConnectionFacts, type OriginRef, type Reason, type ReasonCode, type ResponseFlag, reasonCodes } from '../flow/index.ts'
import type { Deny } from './decision.ts'
import type { HiddenNames } from './hidden-names.ts'

export function formatRef(ref: OriginRef): string {
  const name = ref.namespace === '' ? ref.name : `${ref.namespace}/${ref.name}`
  return ref.field === undefined ? `${ref.kind} ${name}` : `${ref.kind} ${name} (${ref.field})`
}

export function makeReason(code: ReasonCode, text: string, by: OriginRef | undefined): Reason {
  return by ? { code, text, by } : { code, text }
}

/** The reason of an allow, prepared when the resource is compiled. */
export function declaredBy(ref: OriginRef | undefined): Reason {
  if (!ref) return { code: 'declared', text: reasonCodes.declared.text }
  const verb = ref.kind === 'ServiceEntry' || ref.kind === 'Service' ? 'declared' : 'routed'
  return { code: 'declared', text: `${verb} by ${formatRef(ref)}`, by: ref }
}

/** Who is asked about: what the texts below need to know of the runtime. */
export interface Declarations {
  readonly strict: boolean
  readonly outboundPolicy: 'REGISTRY_ONLY' | 'ALLOW_ANY'
  readonly policyRef: OriginRef | undefined
  readonly hidden: HiddenNames | undefined
  declaredName(name: string): unknown
}

/** Nothing takes a request for this host: because nothing declares it, or because a Sidecar hides what does. */
export function undeclaredHost(runtime: Declarations, host: string, use: string, by?: OriginRef): Reason {
  return hiddenBy(runtime, host) ?? makeReason('not-declared', notDeclaredHost(runtime, host, use), by ?? runtime.policyRef)
}

/** As `undeclaredHost`, of a connection: by the name that it carries, or by its address. */
export function undeclared(runtime: Declarations, facts: ConnectionFacts, by?: OriginRef): Reason {
  const name = nameIn(facts)
  const hidden = hiddenBy(runtime, name ?? facts.destination.ip)
  return hidden ?? makeReason('not-declared', notDeclared(runtime, facts, name), by ?? runtime.policyRef)
}

function hiddenBy({ hidden }: Declarations, name: string): Reason | undefined {
  if (hidden === undefined || !hidden.has(name)) return undefined
  const { namespace, name: sidecar } = hidden.ref
  const where = `Sidecar ${namespace}/${sidecar}`
  const isHost = /[a-z]/i.test(name) && !name.includes(':')
  const what = isHost ? `host "${name}"` : name
  const fix = isHost ? `"*/${name}"` : 'the host that has it, with its namespace,'
  return makeReason(
    'not-visible',
    `${what} is declared, but ${where} hides it from this workload: add ${fix} to its egress hosts`,
    hidden.ref,
  )
}

/** "no ServiceEntry declares host "d2iq.com" for HTTP on port 80 and the outbound policy is REGISTRY_ONLY". */
function notDeclaredHost(runtime: Declarations, host: string, use: string): string {
  const policy = policyText(runtime)
  const isKnown = runtime.declaredName(host) !== undefined
  return isKnown
    ? `host "${host}" is declared, but not ${use}${policy === '' ? '' : `,${policy}`}`
    : `no ServiceEntry declares host "${host}" ${use}${policy}`
}

/** Server name, Host, or the name whose address was dialled. */
function nameIn({ first, virtualName }: ConnectionFacts): string | undefined {
  if (first?.protocol === 'tls') return first.sni ? first.sni.toLowerCase() : undefined
  return first?.protocol === 'http1' && first.host ? hostOf(first.host) : virtualName
}

function notDeclared(runtime: Declarations, { first, destination }: ConnectionFacts, name: string | undefined): string {
  const on = `on port ${destination.port}`
  const note = first?.protocol === 'other' && first.note ? ` (${first.note})` : ''
  if (first?.protocol === 'tls' && name === undefined) {
    return `TLS without a server name to ${formatAddress(destination)} is covered by no ServiceEntry${policyText(runtime)}`
  }
  if (name === undefined) return `no ServiceEntry declares ${formatAddress(destination)}${note}${policyText(runtime)}`
  const what = first?.protocol === 'tls' ? 'for TLS' : first?.protocol === 'http1' ? 'for HTTP' : `for TCP${note}`
  return notDeclaredHost(runtime, name, `${what} ${on}`)
}

function policyText(runtime: Declarations): string {
  return runtime.outboundPolicy === 'REGISTRY_ONLY' ? ' and the outbound policy is REGISTRY_ONLY' : ''
}

/** The host of an authority: lower case, without port, brackets or one trailing dot. */
export function hostOf(authority: string): string {
  const host = withoutPort(authority).toLowerCase()
  if (host.startsWith('[') && host.endsWith(']')) return host.slice(1, -1)
  return host.endsWith('.') ? host.slice(0, -1) : host
}

/** Cuts `:port`, whatever stands there, as Envoy does (HeaderUtility::getPortStart): `:http` and an empty port too. */
export function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':')
  return colon < 0 || authority.indexOf(']', colon) >= 0 ? authority : authority.slice(0, colon)
}

/** What the reason's code does not say by itself. */
export interface DenyExtras {
  readonly status?: number | undefined
  readonly flag?: ResponseFlag | undefined
  readonly details?: string | undefined
  readonly cluster?: string | undefined
  readonly route?: string | undefined
}

/** A denial as an HTTP client sees it; a connection's executor gets it with the status its protocol can carry. */
export function deny(strict: boolean, reason: Reason, extras: DenyExtras): Deny {
  const { flag, details, status } = (strict ? undefined : answersOfIstio[reason.code]) ?? answers[reason.code] ?? fallback
  return {
    verdict: 'deny',
    reason,
    flag: extras.flag ?? flag,
    status: extras.status ?? status,
    explain: strict,
    details: extras.details ?? details,
    cluster: extras.cluster,
    route: extras.route,
  }
}

interface Answer {
  readonly status: number
  readonly flag: ResponseFlag
  readonly details: string
}

const forbidden: Answer = { status: 403, flag: '-', details: 'denied_by_sallyport' }
const unhealthy: Answer = { status: 503, flag: 'UH', details: 'no_healthy_upstream' }
const fallback: Answer = { status: 500, flag: '-', details: 'internal_error' }

/** 403 where retrying will not help; Envoy's own answer where Envoy has the same case. */
const answers: Partial<Record<ReasonCode, Answer>> = {
  'not-declared': forbidden,
  'not-visible': forbidden,
  'not-supported': forbidden,
  'name-mismatch': forbidden,
  'destination-mismatch': forbidden,
  'ambiguous-destination': forbidden,
  'private-address': { ...forbidden, flag: 'UH' },
  'name-unresolved': unhealthy,
  'no-endpoints': unhealthy,
  'no-cluster': { status: 503, flag: 'NC', details: 'cluster_not_found' },
  'no-route': { status: 404, flag: 'NR', details: 'route_not_found' },
  'no-filter-chain': { status: 403, flag: 'NR', details: 'filter_chain_not_found' },
  'protocol-not-supported': { status: 403, flag: '-', details: 'protocol_not_supported' },
  'no-configuration': { status: 503, flag: '-', details: 'no_configuration' },
  'internal-error': fallback,
}

/** Envoy has no such case: for it, a name whose addresses are left out has none. */
const answersOfIstio: Partial<Record<ReasonCode, Answer>> = { 'private-address': unhealthy }
