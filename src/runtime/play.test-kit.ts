// Plays the executor for tests: learns the facts that a decision asks for, and asks again, until there is a verdict.
import { formatAddress } from '../base/index.ts'
import type { FirstBytes, SecuredFacts } from '../flow/index.ts'
import type { Runtime } from './compiled.ts'
import { decide } from './decide.ts'
import { decideRequest } from './decide-request.ts'
import type { Answer, ConnectionDecision, Deny, Forward, Passthrough, RequestDecision } from './decision.ts'
import { connection, type Lines, request } from './snapshot-builder.test-kit.ts'

export interface Call {
  readonly to: string
  /** What the client says first, once it is asked. */
  readonly says?: FirstBytes
  readonly virtualName?: string
  readonly listener?: string
  /** What the resolver says when it is asked. */
  readonly resolver?: Readonly<Record<string, readonly string[] | string>>
  readonly random?: number
  /** Of the request, when the connection turns out to be HTTP; the authority is the first bytes' host. */
  readonly method?: string
  /** Of the request inside of TLS that ends here. */
  readonly host?: string
  readonly path?: string
  /** `http` unless said. */
  readonly scheme?: 'http' | 'https'
  readonly headers?: Lines
  readonly chance?: Readonly<Record<string, number>>
}

export interface Played {
  readonly end: Answer | Deny | Forward | Passthrough
  /** Every question in order: `first-bytes 250`, `addresses a.com`. */
  readonly asked: readonly string[]
  readonly wasHttp: boolean
}

const longest = 20

export function play(runtime: Runtime, call: Call): Played {
  const { to, says, resolver = {}, method = 'GET', path = '/', random = 0, headers = {}, chance = {}, scheme = 'http' } = call
  const asked: string[] = []
  const known: Record<string, readonly string[] | string> = {}
  let first: FirstBytes | undefined
  let secured: SecuredFacts | undefined
  const facts = () =>
    connection({
      to,
      names: known,
      random,
      ...(first && { first }),
      ...(secured && { secured }),
      ...(call.virtualName !== undefined && { virtualName: call.virtualName }),
      ...(call.listener !== undefined && { listener: call.listener }),
    })
  const host = says?.protocol === 'http1' ? (says.host ?? '') : (call.host ?? '')
  for (let round = 0; round < longest; round++) {
    const decision: ConnectionDecision = decide(runtime, facts())
    if (decision.verdict === 'end-tls') {
      asked.push('end-tls')
      secured = { by: decision.tls }
      continue
    }
    const wasHttp = decision.verdict === 'http'
    const end: RequestDecision =
      decision.verdict === 'http'
        ? decideRequest(runtime, decision.manager, request(facts(), host, { method, path, headers, chance, scheme }))
        : decision
    if (end.verdict !== 'gather') return { end, asked, wasHttp }
    asked.push(end.need === 'first-bytes' ? `first-bytes ${end.until}` : `addresses ${end.name}`)
    if (end.need === 'first-bytes') first = says ?? { protocol: 'silent' }
    else if (end.name !== undefined) known[end.name] = resolver[end.name] ?? 'no such name'
  }
  throw new Error(`no verdict after ${longest} questions: ${asked.join(', ')}`)
}

/** The verdict in a few words: `forward CLUSTER -> ADDRESSES`, `deny CODE STATUS FLAG`. */
export function tell({ end }: Played): string {
  if (end.verdict === 'deny') return `deny ${end.reason.code} ${end.status} ${end.flag}`
  if (end.verdict === 'answer') return `answer ${end.status} ${end.flag}`
  const targets = end.targets.map((target) => ('pipe' in target ? target.pipe : formatAddress(target)))
  return `${end.verdict} ${end.cluster.name} -> ${targets.join(' ')}`
}
