// Writes the body of a refusal: what was refused, by what, and what would allow it, as text or JSON.
import { parseHostname } from '../../base/index.ts'
import type { PlacedRef, Reason } from '../../flow/index.ts'

export interface Refused {
  readonly reason: Reason
  readonly by: PlacedRef | undefined
  readonly decision: string
  /** Absent when the request could not be read. */
  readonly request?: { readonly method: string; readonly authority: string; readonly path: string }
  /** Where the client had connected to, `ip:port`. */
  readonly destination: string
  readonly port: number
  readonly source: string
  readonly status: number
}

export interface Explanation {
  readonly body: string
  readonly contentType: string
}

/** JSON for those who prefer it (RFC 9110 §12.5.1, without weights: clients that want JSON name it first). */
export function explain(refused: Refused, accept: string | undefined): Explanation {
  return prefersJson(accept) ? explainAsJson(refused) : explainAsText(refused)
}

function prefersJson(accept: string | undefined): boolean {
  for (const part of (accept ?? '').split(',')) {
    const type = (part.split(';')[0] ?? '').trim().toLowerCase()
    if (type === 'application/json' || type.endsWith('+json')) return true
    if (type.startsWith('text/')) return false
  }
  return false
}

function explainAsText(refused: Refused): Explanation {
  const { request, by } = refused
  const allow = whatWouldAllow(refused)
  const lines = [
    `Sallyport refused this request (${refused.status}).`,
    '',
    ...(request ? [`what:     ${request.method} ${urlOf(request)}`] : []),
    `from:     ${refused.source}`,
    `to:       ${refused.destination}`,
    `why:      ${refused.reason.text} [${refused.reason.code}]`,
    ...(by ? [`by:       ${describe(by)}`] : []),
    `decision: ${refused.decision}`,
    '',
    'Retrying will not help.',
    ...(allow === undefined ? [] : ['This would allow it:', '', allow]),
  ]
  return { body: `${lines.join('\n').trimEnd()}\n`, contentType: 'text/plain; charset=utf-8' }
}

function explainAsJson(refused: Refused): Explanation {
  const { request, by, reason } = refused
  const allow = whatWouldAllow(refused)
  const content = {
    error: 'refused',
    status: refused.status,
    code: reason.code,
    reason: reason.text,
    ...(request && { method: request.method, url: urlOf(request) }),
    source: refused.source,
    destination: refused.destination,
    ...(by && { by: { ...by } }),
    decision: refused.decision,
    retry: false,
    hint: 'retrying will not help',
    ...(allow !== undefined && { allow }),
  }
  return { body: `${JSON.stringify(content, null, 2)}\n`, contentType: 'application/json' }
}

function urlOf(request: { readonly authority: string; readonly path: string }): string {
  return request.path.startsWith('/') ? `http://${request.authority}${request.path}` : request.path
}

/** `ServiceEntry default/d2iq (egress.yaml:4) spec.hosts[0]` */
function describe(by: PlacedRef): string {
  const name = by.namespace === '' ? by.name : `${by.namespace}/${by.name}`
  const place = by.file === undefined ? '' : ` (${by.file}${by.line === undefined ? '' : `:${by.line}`})`
  return `${by.kind} ${name}${place}${by.field === undefined ? '' : ` ${by.field}`}`
}

/** The smallest declaration that would have let this very request through. The host is a client's word: only a valid name is repeated. */
function whatWouldAllow(refused: Refused): string | undefined {
  const { code } = refused.reason
  if ((code !== 'not-declared' && code !== 'not-visible') || !refused.request) return undefined
  const host = parseHostname(refused.request.authority.replace(/:[0-9]*$/, ''))
  if (host === undefined) return undefined
  const isTunnel = refused.request.method === 'CONNECT'
  if (code === 'not-visible') return ['spec:', '  egress:', '  - hosts:', `    - "*/${host}"`, ''].join('\n')
  return [
    'apiVersion: networking.istio.io/v1',
    'kind: ServiceEntry',
    'metadata:',
    `  name: ${host.replaceAll('.', '-').replaceAll('_', '-')}`,
    'spec:',
    '  hosts:',
    `  - ${host}`,
    '  location: MESH_EXTERNAL',
    '  resolution: DNS',
    '  ports:',
    `  - number: ${refused.port}`,
    `    name: ${isTunnel ? 'tls' : 'http'}`,
    `    protocol: ${isTunnel ? 'TLS' : 'HTTP'}`,
    '',
  ].join('\n')
}
