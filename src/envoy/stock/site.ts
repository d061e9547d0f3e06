// Says where an Envoy stands and what it has to tell us: everything about its resources that the declarations do not say.
import type { Cidr } from '../../base/index.ts'

/** How a sidecar's connections reach Envoy. */
export interface Capture {
  /** Unix socket, at which our process passes on what it accepts inside the seal, behind a PROXY protocol header. */
  readonly relay: string
  /** Envoy listens inside the workload's network namespace itself, which takes root. */
  readonly inside?: {
    /** File that names the namespace. */
    readonly namespace: string
    /** Where the capture leads. */
    readonly listens: readonly { readonly ip: string; readonly port: number }[]
    /** What the seal's self-test is answered with, at these addresses. */
    readonly probe: { readonly addresses: readonly { readonly ip: string; readonly port: number }[]; readonly nonce: string }
  }
}

export interface StockSite {
  readonly role: 'sidecar' | 'gateway'
  /** What its records are made of; absent where nobody makes any, and its own access logs stay as they are. */
  readonly records?: RecordedSite
  /** Of a sidecar; absent where connections are redirected to it as Istio does that. */
  readonly capture?: Capture
  /** Addresses that are reached only where a declaration names them: loopback, link-local, metadata, the own ones. */
  readonly neverReached: readonly Cidr[]
  /** Of a gateway: who may connect; absent = everybody. */
  readonly peers?: readonly Cidr[]
}

export interface RecordedSite {
  /** Where access log entries are written for us to read. */
  readonly log: string
  /** What the ids of requests begin with: another one for each start of Envoy, whose own numbers begin anew. */
  readonly idPrefix: string
  /** `NAMESPACE/WORKLOAD`, told to gateways. */
  readonly workload: string
}

/** The id of a request, in Envoy's format operators: what a refusal tells the client and a hop tells the next is what the record says. */
export function requestId({ idPrefix }: RecordedSite): string {
  return `${idPrefix}-%CONNECTION_ID%-%START_TIME(%s%9f)%`
}
