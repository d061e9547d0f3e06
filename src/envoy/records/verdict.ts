// Tells from an access log entry what was decided and who declared it: by the metadata that travelled with the resources, never by their names.
import { type OriginRef, type ReasonCode, reasonCodes, type FlowPath, type Reason, type Verdict } from '../../flow/index.ts'
import type { SallyportMetadata } from '../../xds/index.ts'
import type { Entry } from './entry.ts'

export interface Judgement {
  readonly verdict: Verdict
  readonly reason: Reason
  readonly path: FlowPath
}

export interface VerdictSite {
  readonly role: 'sidecar' | 'gateway'
  /** Gateway: whether the peer at this address is served. */
  readonly serves: (address: string) => boolean
}

export function judgeEntry(entry: Entry, site: VerdictSite): Judgement {
  const layers = layersOf(entry)
  const by = layers.map(refOf).find((ref) => ref !== undefined)
  const refusing = layers.find(({ refuse }) => refuse !== undefined)
  if (refusing !== undefined) return deny(codeOf(refusing.refuse), refusing.refuseText, refOf(refusing) ?? by)
  if (isUndecided(entry)) return deny('no-filter-chain', 'the client left before it was decided', by)
  const failed = failureOf(entry, site)
  // What no chain of a gateway's port takes is refused by whoever declares the port.
  if (failed !== undefined)
    return deny(failed, undefined, by ?? (failed === 'no-filter-chain' ? refOf(entry.metadata('listenerMetadata')) : undefined))
  if (isAnswered(entry)) return { ...allow('answered', by), path: 'none' }
  const path = pathOf(entry)
  if (path === 'none') return { ...allow('answered', by), path }
  return path === 'passthrough' ? { ...allow('allow-any', by), path } : { ...allow('declared', by), path }
}

/** From the narrowest to the widest; the cluster last, because rules stand over what they lead to. */
function layersOf(entry: Entry): readonly SallyportMetadata[] {
  const fields = ['routeMetadata', 'hostMetadata', 'chainMetadata', 'clusterMetadata'] as const
  const taken = entry.kind === 'request' ? fields : fields.slice(2)
  return taken.map((field) => entry.metadata(field)).filter((said) => Object.keys(said).length > 0)
}

function refOf({ kind, namespace = '', name, field }: SallyportMetadata): OriginRef | undefined {
  return kind === undefined || name === undefined ? undefined : { kind, namespace, name, ...(field !== undefined && { field }) }
}

function codeOf(refuse: string | undefined): ReasonCode {
  return refuse !== undefined && isDenial(refuse) ? refuse : 'not-supported'
}

function isDenial(code: string): code is ReasonCode {
  return Object.hasOwn(reasonCodes, code) && !reasonCodes[code as ReasonCode].allow
}

function deny(code: ReasonCode, text: string | undefined, by: OriginRef | undefined): Judgement {
  return { verdict: 'deny', reason: { code, text: text ?? reasonCodes[code].text, ...(by && { by }) }, path: 'none' }
}

function allow(code: ReasonCode, by: OriginRef | undefined): Pick<Judgement, 'verdict' | 'reason'> {
  const { text } = reasonCodes[code]
  const said =
    by === undefined || code !== 'declared'
      ? text
      : `${by.kind === 'ServiceEntry' || by.kind === 'Service' ? 'declared' : 'routed'} by ${describe(by)}`
  return { verdict: 'allow', reason: { code, text: said, ...(by && { by }) } }
}

function describe({ kind, namespace, name, field }: OriginRef): string {
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`}${field === undefined ? '' : ` (${field})`}`
}

/** The rule answered by itself, whatever cluster it would have led to. */
function isAnswered(entry: Entry): boolean {
  const details = entry.text('details')
  return details === 'direct_response' || details === 'fault_filter_abort' || details === 'cors_response'
}

/** It ended while its first bytes were awaited: no filter has seen it. */
function isUndecided(entry: Entry): boolean {
  return entry.kind === 'connection' && entry.text('cluster') === undefined && entry.text('flags') === undefined
}

function failureOf(entry: Entry, site: VerdictSite): ReasonCode | undefined {
  const flags = (entry.text('flags') ?? '').split(',')
  const cluster = entry.text('cluster')
  if (cluster === 'BlackHoleCluster') return 'not-declared'
  if (flags.includes('NC')) return 'no-cluster'
  if (entry.kind === 'request') return failureOfRequest(entry, flags)
  if (flags.includes('NR')) return failureOfMatching(entry, site)
  return flags.includes('UH') ? 'no-endpoints' : undefined
}

function failureOfMatching(entry: Entry, site: VerdictSite): ReasonCode {
  if (site.role === 'sidecar') return 'not-declared'
  return site.serves(entry.text('source') ?? '') ? 'no-filter-chain' : 'peer-not-allowed'
}

function failureOfRequest(entry: Entry, flags: readonly string[]): ReasonCode | undefined {
  const details = entry.text('details') ?? ''
  if (details.startsWith('rbac_access_denied')) return 'private-address'
  if (details === 'route_not_found') return 'no-route'
  if (details.startsWith('dns_resolution_failure')) return 'name-unresolved'
  if (flags.includes('UH')) return 'no-endpoints'
  if (details === 'direct_response' && entry.text('route') === 'block_all') return 'not-declared'
  if (flags.includes('DPE') || badRequests.some((start) => details.startsWith(start))) return 'bad-request'
  return undefined
}

/** Response code details of requests that no route has seen. */
const badRequests = [
  'http1.',
  'http2.',
  'missing_host',
  'absolute_path_rejected',
  'low_version',
  'path_normalization_failed',
  'invalid_',
  'request_headers_',
]

function pathOf(entry: Entry): FlowPath {
  const cluster = entry.text('cluster')
  if (cluster === undefined) return 'none'
  if (cluster === 'PassthroughCluster') return 'passthrough'
  return entry.metadata('clusterMetadata').gateway === true ? 'gateway' : 'direct'
}
