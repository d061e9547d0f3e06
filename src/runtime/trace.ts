// Names the steps of a decision, so that whoever asks "why?" sees the very path that was taken.
import type { Ip } from '../base/index.ts'
import type { OriginRef } from '../flow/index.ts'
import type { AddressClass } from './address-class.ts'

export type TraceStep =
  | { readonly step: 'listener'; readonly name: string; readonly how: 'bound' | 'address' | 'port' | 'catch-all'; readonly ref?: OriginRef }
  | { readonly step: 'chain'; readonly name: string; readonly how: 'match' | 'resolves-to' | 'default'; readonly ref?: OriginRef }
  | { readonly step: 'no-chain' }
  | { readonly step: 'virtual-host'; readonly name: string; readonly host: string; readonly ref?: OriginRef }
  | { readonly step: 'no-virtual-host'; readonly host: string }
  | { readonly step: 'route'; readonly name: string; readonly ref?: OriginRef }
  | { readonly step: 'no-route'; readonly method: string; readonly path: string }
  | { readonly step: 'cluster'; readonly name: string; readonly kind: string; readonly ref?: OriginRef }
  | { readonly step: 'name'; readonly name: string; readonly addresses?: readonly Ip[]; readonly failed?: string }
  /** Every address of a name, in the resolver's order: taken, or left out because of its class. */
  | { readonly step: 'address'; readonly ip: Ip; readonly taken: boolean; readonly class: AddressClass }

/** Steps are appended as they are taken. A decision without a trace pays nothing for it. */
export type Trace = TraceStep[]
