// Explains one question over declarations: the verdict, the declaration that decided, and each hop, by the proxy's own decision.
import { splitAuthority } from '../../base/index.ts'
import type { FlowPath, OriginRef, PlacedRef, ReasonCode, Verdict } from '../../flow/index.ts'
import { buildModel, type Model } from '../../model/index.ts'
import { compile, type Runtime, type Target, type TlsPlan } from '../../runtime/index.ts'
import { translate } from '../../translate/index.ts'
import type { ConfigSnapshot } from '../../config/index.ts'
import { describeChanges, forwarded } from './forwarded.ts'
import { judge, type Outcome, type Seat } from './judge.ts'
import type { Question } from './question.ts'

export interface Explanation {
  readonly verdict: Verdict
  readonly path: FlowPath
  readonly reason: ExplainedReason
  readonly hops: readonly Hop[]
}

export interface ExplainedReason {
  readonly code: ReasonCode
  readonly text: string
  readonly by?: PlacedRef
}

export interface Hop {
  readonly role: 'sidecar' | 'gateway'
  readonly name: string
  readonly verdict: Verdict
  readonly reason: ExplainedReason
  readonly cluster?: string
  readonly route?: string
  /** What would be dialled, in order of preference. */
  readonly targets: readonly string[]
  readonly status?: number
  /** What the hop changes of the request and its response, in words. */
  readonly changes?: readonly string[]
  /** TLS that is begun on the client's behalf. */
  readonly tls?: HopTls
}

export interface HopTls {
  /** Absent: none is asked for. */
  readonly serverName?: string
  /** Names of which the certificate has to have one. */
  readonly names: readonly string[]
  /** A file, `system`, or the name of a secret; absent: certificates are not checked. */
  readonly trusts?: string
}

/** Sockets of a gateway that does not run: only their names matter here. */
const socketDirectory = '/run/sallyport-explain'
/** A sidecar and a gateway; a third hop would be a gateway that sends to a gateway. */
const mostHops = 4

export function explainQuestion(config: ConfigSnapshot, question: Question): Explanation {
  return explainIn(buildModel(config.resources, config.settings), question)
}

export function explainIn(model: Model, question: Question): Explanation {
  const { workload } = question
  const hops: Hop[] = []
  let seat: Seat = { runtime: runtimeOf(model, { isEmbedded: true, proxy: { role: 'sidecar', ...workload } }) }
  let name = `${workload.namespace}/${workload.name}`
  let path: FlowPath = 'none'
  let asked = question
  for (;;) {
    const outcome = judge(seat, asked)
    const hop = hopOf(seat, { name, outcome, question: asked })
    hops.push(hop)
    if (outcome.verdict === 'deny') return { verdict: 'deny', path: 'none', reason: hop.reason, hops }
    if (outcome.verdict === 'answer') return { verdict: 'allow', path, reason: hop.reason, hops }
    if (path === 'none') path = outcome.path
    const next = outcome.cluster.gateway && hops.length < mostHops ? gatewayBehind(model, outcome) : undefined
    if (next === undefined) return { verdict: 'allow', path, reason: hops[0]?.reason ?? hop.reason, hops }
    asked = forwarded(asked, outcome.http)
    seat = { ...next.seat, ...(hop.tls && { hello: hop.tls.serverName ?? '' }) }
    name = next.name
  }
}

interface Seated {
  /** Runs beside the sidecar, behind Unix sockets. */
  readonly isEmbedded: boolean
  readonly proxy: Proxy
}

interface Proxy {
  readonly role: 'sidecar' | 'gateway'
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

function runtimeOf(model: Model, { proxy, isEmbedded }: Seated): Runtime {
  const { snapshot } = translate(model, proxy, isEmbedded ? { embeddedGateway: { socketDirectory } } : {})
  return compile(snapshot, { addresses: [] }).runtime
}

/** The gateway that answers at what the hop before would dial; undefined when nothing of the files listens there. */
function gatewayBehind(model: Model, outcome: Exclude<Outcome, { verdict: 'answer' | 'deny' }>): { seat: Seat; name: string } | undefined {
  const host = outcome.cluster.name.split('|')[3] ?? ''
  for (const seated of gatewayProxies(model, host)) {
    const { proxy } = seated
    const runtime = runtimeOf(model, seated)
    const listener = runtime.boundListeners.find((bound) => outcome.targets.some((target) => isSamePort(bound.bind, target)))
    if (listener !== undefined) return { seat: { runtime, listener: listener.name }, name: `${proxy.namespace}/${proxy.name}` }
  }
  return undefined
}

function gatewayProxies(model: Model, host: string): Seated[] {
  const synthesised = model.synthesised
    .filter((gateway) => gateway.serviceHosts.includes(host))
    .map(({ namespace, name, labels }) => ({ isEmbedded: true, proxy: { role: 'gateway' as const, namespace, name, labels } }))
  const name = host.split('.')[0] ?? host
  const declared = model.registry
    .of(host)
    .flatMap(({ namespace, endpoints }) =>
      endpoints.map(({ labels }) => ({ isEmbedded: false, proxy: { role: 'gateway' as const, namespace, name, labels } })),
    )
  return [...synthesised, ...declared]
}

function isSamePort(bound: Target, dialled: Target): boolean {
  if ('pipe' in bound || 'pipe' in dialled) return 'pipe' in bound && 'pipe' in dialled && bound.pipe === dialled.pipe
  return bound.port === dialled.port
}

interface Step {
  readonly name: string
  readonly outcome: Outcome
  readonly question: Question
}

function hopOf(seat: Seat, { name, outcome, question }: Step): Hop {
  const { code, text, by } = outcome.reason
  const reason = { code, text, ...(by === undefined ? {} : { by: placed(seat.runtime, by) }) }
  const role = seat.listener === undefined ? ('sidecar' as const) : ('gateway' as const)
  const route = outcome.route === undefined ? {} : { route: outcome.route }
  if (outcome.verdict === 'deny') {
    const cluster = outcome.cluster === undefined ? {} : { cluster: outcome.cluster }
    return {
      role,
      name,
      verdict: 'deny',
      reason,
      ...cluster,
      ...route,
      targets: [],
      ...(outcome.status === 0 ? {} : { status: outcome.status }),
    }
  }
  if (outcome.verdict === 'answer') {
    const changes = outcome.headers.map(([header, value]) => `${header}: ${value}`)
    return { role, name, verdict: 'allow', reason, ...route, targets: [], status: outcome.status, ...(changes.length > 0 && { changes }) }
  }
  const { cluster, http } = outcome
  const changes = describeChanges(http)
  const tls = cluster.tls && { tls: tlsOf(cluster.tls, forwarded(question, http)) }
  const targets = outcome.targets.map(textOfTarget)
  return { role, name, verdict: 'allow', reason, cluster: cluster.name, ...route, targets, ...tls, ...(changes.length > 0 && { changes }) }
}

/** As the proxy works it out for each connection. */
function tlsOf({ sni, autoSni, autoSan, sans, roots, host: own }: TlsPlan, { protocol, authority }: Question): HopTls {
  const host = protocol === 'http' ? splitAuthority(authority)?.host : own
  const serverName = sni ?? (autoSni ? host : undefined)
  const names =
    sans.length > 0 ? sans.map(({ value }) => value) : [(autoSan ? host : undefined) ?? sni].filter((name) => name !== undefined)
  return {
    ...(serverName !== undefined && { serverName }),
    names: roots === undefined ? [] : names,
    ...(roots !== undefined && { trusts: typeof roots === 'string' ? roots : roots.secret }),
  }
}

function placed(runtime: Runtime, ref: OriginRef): PlacedRef {
  return runtime.placed(ref)
}

function textOfTarget(target: Target): string {
  if ('pipe' in target) return target.pipe
  return target.ip.includes(':') ? `[${target.ip}]:${target.port}` : `${target.ip}:${target.port}`
}
