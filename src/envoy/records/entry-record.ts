// Makes a flow record of an access log entry.
import type { AccessDetails, FlowProtocol, FlowRecord, FlowSource, OriginRef, PlacedRef, ResponseFlag } from '../../flow/index.ts'
import { responseFlags } from '../../flow/index.ts'
import { parseSpiffeId } from '../../identity/index.ts'
import type { Entry } from './entry.ts'
import { judgeEntry, type VerdictSite } from './verdict.ts'

export interface RecordSite extends VerdictSite {
  /** Whose flows these are (sidecar). */
  readonly source: Pick<FlowSource, 'namespace' | 'workload' | 'labels'>
  /** Joins a reference with the place that it has now. */
  readonly placed: (ref: OriginRef) => PlacedRef
  /** What DNS gave an address out for. */
  readonly nameOf: (address: string) => string | undefined
}

export function recordOf(entry: Entry, id: string, site: RecordSite): FlowRecord {
  const { verdict, reason, path } = judgeEntry(entry, site)
  const destination = entry.text('destination') ?? '-'
  const upstream = verdict === 'allow' ? entry.text('upstream') : undefined
  const opened = entry.number('start')
  const durationMs = entry.number('duration')
  const details = detailsOf(entry)
  return {
    id,
    kind: entry.kind,
    role: site.role,
    opened,
    closed: opened + durationMs,
    durationMs,
    source: sourceOf(entry, site),
    destination,
    protocol: protocolOf(entry),
    ...hostOf(entry, destination, site),
    ...optional('sni', entry.text('sni')),
    ...(entry.kind === 'request' && {
      ...optional('method', entry.text('method')),
      ...optional('requestPath', entry.text('originalPath')),
    }),
    verdict,
    reason: { code: reason.code, text: reason.text },
    ...(reason.by && { by: site.placed(reason.by) }),
    path,
    ...(reason.code !== 'answered' && optional('cluster', entry.text('cluster'))),
    ...optional('upstream', upstream),
    ...(upstream !== undefined && optional('upstreamLocal', entry.text('upstreamLocal'))),
    ...optional('upstreamPrincipal', provenBy(entry, 'clusterMetadata', 'upstreamPeer')?.principal),
    redialled: upstream !== undefined && upstream !== destination,
    bytesSent: entry.number('received'),
    bytesReceived: entry.number('sent'),
    ...(entry.number('status') > 0 && { status: entry.number('status') }),
    flag: flagOf(entry),
    ...optional('details', details),
    ...optional('parent', parentOf(entry, site)),
  }
}

export function accessOf(entry: Entry): AccessDetails {
  const say = (field: Parameters<Entry['text']>[0]): string => entry.text(field) ?? '-'
  return {
    httpVersion: say('protocol'),
    originalPath: say('originalPath'),
    xForwardedFor: say('forwardedFor'),
    userAgent: say('userAgent'),
    requestId: say('requestId'),
    authority: say('authority'),
    upstreamServiceTime: say('serviceTime'),
    downstreamLocal: say('destination'),
    downstreamRemote: say('source'),
    routeName: say('route'),
    transportFailure: say('failure'),
  }
}

function optional<K extends string>(key: K, value: string | undefined): { readonly [N in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [N in K]?: string })
}

/** At a gateway it is what the hop told, unproven. */
function sourceOf(entry: Entry, { role, source }: RecordSite): FlowSource {
  const address = entry.text('source') ?? '-'
  if (role === 'sidecar') {
    const own = provenBy(entry, 'clusterMetadata', 'ownName')
    return { ...source, address, authenticated: false, ...(own && { principal: own.principal }) }
  }
  const [namespace = '', workload = ''] = (entry.text('workload') ?? '').split('/')
  const proven = provenBy(entry, 'chainMetadata', 'peer')
  if (proven === undefined) return { namespace, workload, labels: {}, address, authenticated: false }
  const { id, principal } = proven
  // Whoever tells another namespace than its own has no word in this.
  return {
    namespace: id.namespace,
    workload: namespace === id.namespace ? workload : '',
    labels: {},
    address,
    authenticated: true,
    principal,
  }
}

/** What a certificate says counts only where the mesh vouches for it. */
function provenBy(entry: Entry, metadata: 'chainMetadata' | 'clusterMetadata', name: 'peer' | 'upstreamPeer' | 'ownName') {
  const principal = entry.metadata(metadata).mesh === true ? entry.text(name) : undefined
  const id = principal === undefined ? undefined : parseSpiffeId(principal)
  return principal === undefined || id === undefined ? undefined : { id, principal }
}

function parentOf(entry: Entry, { role }: RecordSite): string | undefined {
  const told = role === 'gateway' ? entry.text('parent') : undefined
  return told !== undefined && /^[0-9A-Za-z-]{1,64}$/.test(told) ? told : undefined
}

function protocolOf(entry: Entry): FlowProtocol {
  if (entry.kind === 'request') return entry.text('protocol') === 'HTTP/2' ? 'http2' : 'http'
  return entry.text('sni') === undefined ? 'tcp' : 'tls'
}

function hostOf(entry: Entry, destination: string, site: RecordSite): { readonly host?: string } {
  const authority = entry.kind === 'request' ? (entry.text('originalHost') ?? entry.text('authority')) : undefined
  if (authority !== undefined) return { host: authority.replace(/:\d+$/, '') }
  return optional('host', site.nameOf(destination.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '')))
}

/** Envoy orders several flags by their numbers; ours are in the order that its documentation has for the kind of flow. */
function flagOf(entry: Entry): ResponseFlag {
  const names = (entry.text('flags') ?? '-').split(',')
  const others = names.filter((name) => name !== 'DI')
  const end = [others.join(), others.toReversed().join()].find((text) => isFlag(text)) ?? others.find((name) => isFlag(name)) ?? '-'
  const flag = end === 'UF,URX' || end === 'URX,UF' ? (entry.kind === 'request' ? 'URX,UF' : 'UF,URX') : end
  return (names.includes('DI') ? (flag === '-' ? 'DI' : `DI,${flag}`) : flag) as ResponseFlag
}

function isFlag(text: string): boolean {
  return Object.hasOwn(responseFlags, text)
}

function detailsOf(entry: Entry): string | undefined {
  return entry.text('failure') ?? (entry.kind === 'request' ? entry.text('details') : entry.text('ended'))
}
