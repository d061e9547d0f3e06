// Runs declarations through the whole pure pipeline and plays one connection against the result, so that a test is YAML in, verdict out.
import { formatAddress, type Ip, parseAddress } from '../../src/base/index.ts'
import { readText } from '../../src/config/index.ts'
import type { ConnectionFacts, FirstBytes, RequestFacts, Resolution, SecuredFacts } from '../../src/flow/index.ts'
import { buildModel, type Model } from '../../src/model/index.ts'
import { compile, type ConnectionDecision, decide, decideRequest, type RequestDecision, type Runtime } from '../../src/runtime/index.ts'
import { type Proxy, translate, type TranslateOptions, type Translation } from '../../src/translate/index.ts'
import { classifyFirstBytes } from '../../src/proxy/sniff/first-bytes.ts'
import { keepCall, keepRuntime } from '../support/simulation.ts'

export interface MeshPlan {
  readonly strictness?: 'strict' | 'istio'
  readonly policy?: 'ALLOW_ANY' | 'REGISTRY_ONLY'
  readonly proxy?: Partial<Proxy>
  readonly options?: TranslateOptions
  /** Outbound policy and strictness are those of the text. */
  readonly isDeclared?: true
}

export interface Played {
  readonly model: Model
  readonly translation: Translation
  readonly runtime: Runtime
}

export const sidecar: Proxy = { role: 'sidecar', namespace: 'default', name: 'client', labels: { app: 'client' } }
export const gateway: Proxy = {
  role: 'gateway',
  namespace: 'istio-system',
  name: 'istio-egressgateway',
  labels: { istio: 'egressgateway', app: 'istio-egressgateway' },
}

/** REGISTRY_ONLY and strict, unless the plan or the text says otherwise. */
export function pipeline(yaml: string, plan: MeshPlan = {}): Played {
  const said = { outboundPolicy: plan.policy ?? 'REGISTRY_ONLY', ...(plan.strictness && { strictness: plan.strictness }) } as const
  const overrides = plan.isDeclared ? {} : said
  const { resources, settings, issues } = readText(yaml, 'test.yaml', overrides)
  const broken = issues.filter((issue) => issue.level === 'error' && issue.code !== 'SLP1201' && issue.code !== 'SLP1204')
  if (broken.length > 0) throw new Error(broken.map((issue) => `${issue.path}: ${issue.message}`).join('\n'))
  const model = buildModel(resources, settings)
  const base = plan.proxy?.role === 'gateway' ? gateway : sidecar
  const translation = translate(model, { ...base, ...plan.proxy }, plan.options)
  const compiled = compile(translation.snapshot, { addresses: [] })
  return { model, translation, runtime: keepRuntime(compiled, base.role, translation.snapshot) }
}

export interface Call {
  /** Destination, or the local address at a gateway. */
  readonly to: string
  /** Name of the bound listener (gateway). */
  readonly listener?: string
  /** Host of an HTTP/1.1 request, or the server name of a ClientHello, or both: a request inside of TLS; neither: the client is silent unless `bytes`. */
  readonly host?: string
  readonly path?: string
  readonly method?: string
  readonly sni?: string
  readonly bytes?: true
  /** The very bytes, in the place of what `host`, `sni` and `bytes` say of a connection. */
  readonly says?: Buffer
  readonly names?: Readonly<Record<string, readonly string[]>>
  /** Lines of headers, by name in lower case. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** By purpose (`delay`, `abort`, `mirror 0`); 0 where nothing is said. */
  readonly chance?: Readonly<Record<string, number>>
  readonly random?: number
}

/** `CLUSTER -> TARGETS`, or `REASON STATUS FLAG`. */
export function verdict(runtime: Runtime, call: Call): string {
  const decision = play(runtime, call)
  if (decision.verdict === 'deny') return `${decision.reason.code} ${decision.status} ${decision.flag}`
  if (decision.verdict === 'gather' || decision.verdict === 'http') return decision.verdict
  if (decision.verdict === 'answer') return `answer ${decision.status} ${decision.flag}`
  const targets = decision.targets.map((target) => ('pipe' in target ? target.pipe : formatAddress(target)))
  return `${decision.cluster.name} -> ${targets.join(' ')}`
}

/** The field that decided, as `Kind namespace/name field`. */
export function decidedBy(runtime: Runtime, call: Call): string {
  const decision = play(runtime, call)
  const by = decision.verdict === 'gather' || decision.verdict === 'http' ? undefined : decision.reason.by
  return by === undefined ? '-' : `${by.kind} ${by.namespace}/${by.name} ${by.field ?? ''}`.trim()
}

type Verdict = Exclude<ConnectionDecision, { verdict: 'end-tls' }> | RequestDecision

export function play(runtime: Runtime, call: Call): Verdict {
  const { decision, isInside } = playOnce(runtime, call)
  // What is inside of TLS that ends is played with real handshakes elsewhere.
  if (!isInside) keepCall(runtime, call, decision)
  return decision
}

function playOnce(runtime: Runtime, call: Call): { readonly decision: Verdict; readonly isInside: boolean } {
  const known = new Map<string, Resolution>()
  let first: FirstBytes | undefined
  let secured: SecuredFacts | undefined
  for (let round = 0; round < 10; round++) {
    const facts = { ...connection(call, first, known), ...(secured && { secured }) }
    const onConnection = decide(runtime, facts)
    if (onConnection.verdict === 'end-tls') {
      secured = { by: onConnection.tls }
      continue
    }
    const decision = onConnection.verdict === 'http' ? decideRequest(runtime, onConnection.manager, request(call, facts)) : onConnection
    if (decision.verdict !== 'gather') return { decision, isInside: secured !== undefined }
    if (decision.need === 'first-bytes') first = firstBytes(call)
    else if (decision.name !== undefined) known.set(decision.name, resolution(call, decision.name))
  }
  throw new Error('no verdict after ten questions')
}

function connection(call: Call, first: FirstBytes | undefined, known: ReadonlyMap<string, Resolution>): ConnectionFacts {
  const source = parseAddress('198.18.0.11:40000')
  const destination = parseAddress(call.to)
  if (source === undefined || destination === undefined) throw new Error(`not an address: ${call.to}`)
  return {
    kind: 'connection',
    source,
    destination,
    names: (name) => known.get(name),
    random: call.random ?? 0,
    ...(call.listener !== undefined && { listener: call.listener }),
    ...(first !== undefined && { first }),
  }
}

function request(call: Call, facts: ConnectionFacts): RequestFacts {
  const { method = 'GET', host = '', path = '/', headers = {}, chance = {} } = call
  return {
    kind: 'request',
    connection: facts,
    method,
    authority: host,
    path,
    scheme: facts.secured ? 'https' : 'http',
    headers: (name) => [headers[name] ?? []].flat(),
    chance: (purpose) => chance[purpose] ?? 0,
    names: facts.names,
    random: facts.random,
  }
}

function firstBytes(call: Call): FirstBytes {
  if (call.says !== undefined) {
    const first = classifyFirstBytes(call.says, 0, call.says.length)
    return first === 'more' ? { protocol: 'other' } : first
  }
  if (call.host !== undefined && call.sni === undefined)
    return { protocol: 'http1', method: call.method ?? 'GET', target: call.path ?? '/', host: call.host }
  if (call.sni !== undefined) return { protocol: 'tls', sni: call.sni, alpn: [] }
  return call.bytes === true ? { protocol: 'other' } : { protocol: 'silent' }
}

function resolution(call: Call, name: string): Resolution {
  const addresses = call.names?.[name]
  return addresses === undefined ? { failed: 'no such name', expires: 0 } : { addresses: addresses as readonly Ip[], expires: 0 }
}
