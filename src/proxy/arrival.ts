// Says what is known of a connection when it has been accepted, before anything is decided.
import { type Address, formatAddress } from '../base/index.ts'
import type { FlowSource, SecuredFacts } from '../flow/index.ts'
import { parseSpiffeId } from '../identity/index.ts'
import type { Context } from './context.ts'
import { isWorkload } from './proxy-protocol.ts'

export interface Arrival {
  /** The client's address; undefined over a Unix socket that told none. */
  readonly source: Address | undefined
  readonly destination: Address
  /** Name of the bound listener (gateway). */
  readonly listener?: string
  /** What DNS gave the destination out for. */
  readonly virtualName?: string
  /** One request and no more: a client of the door may ask for another host next. */
  readonly servesOne?: true
  /** Flow id that the hop before told. */
  readonly parent?: string
  /** `NAMESPACE/WORKLOAD` that the hop before told. */
  readonly workload?: string
  /** TLS has ended here. */
  readonly secured?: SecuredFacts
}

const noLabels = Object.freeze({})

/** At a gateway it is what the hop told, unproven; but a certificate of the mesh proves the identity, and the namespace with it. */
export function sourceOf(
  context: Pick<Context, 'role' | 'source'>,
  { source, workload: told = '', secured }: Pick<Arrival, 'source' | 'workload' | 'secured'>,
): FlowSource {
  const address = source ? formatAddress(source) : 'unix'
  if (context.role === 'sidecar') return { ...context.source, address, authenticated: false }
  const [namespace = '', workload = ''] = told.split('/')
  const principal = secured?.principal
  const proven = principal === undefined ? undefined : parseSpiffeId(principal)
  if (principal === undefined || proven === undefined) return { namespace, workload, labels: noLabels, address, authenticated: false }
  // Whoever tells another namespace than its own has no word in this.
  const name = namespace === proven.namespace ? workload : ''
  return { namespace: proven.namespace, workload: name, labels: noLabels, address, authenticated: true, principal }
}

/** Whose share of the proxy a connection takes: there is nothing but the address to tell peers apart that they could not make up. */
export function peerOf({ source }: Pick<Arrival, 'source'>): string {
  return source?.ip ?? 'unix'
}

/** `NAMESPACE/WORKLOAD` of the sidecar's own workload, for the next hop; undefined where it has no name. */
export function workloadName(context: Pick<Context, 'role' | 'source'>): string | undefined {
  const name = `${context.source.namespace}/${context.source.workload}`
  return context.role === 'sidecar' && isWorkload(name) ? name : undefined
}
