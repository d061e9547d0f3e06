// Holds everything that was compiled from one snapshot: what decisions look things up in, and what the executor may read.
import type { Ip } from '../base/index.ts'
import { type OriginRef, type PlacedRef, type Reason, reasonCodes } from '../flow/index.ts'
import type { Snapshot } from '../xds/index.ts'
import type { ClusterTable } from './cluster-table.ts'
import type { BoundListener, DeclaredName, Runtime } from './compiled.ts'
import type { HiddenNames } from './hidden-names.ts'
import type { Taken } from './declared-address.ts'
import { JudgedNames } from './judged-names.ts'
import type { Leg } from './leg.ts'
import type { CompiledListener } from './listener.ts'
import type { ListenerTable } from './listener-match.ts'
import type { NameTable } from './name-table.ts'
import { makeReason } from './reasons.ts'
import type { CompiledRouteConfig } from './route-config.ts'

/** What is kept of the reports, so that the next runtime's need not look at everything. */
export interface Reported {
  /** Listeners and route tables that lead to what is not there. */
  readonly incomplete: ReadonlySet<object>
  /** Names of those about which there was anything to say. */
  readonly listeners: ReadonlySet<string>
  readonly routes: ReadonlySet<string>
}

/** Where connections go that nothing declares, and that the outbound policy allows. */
export interface OpenWay {
  readonly taken: Taken
  readonly leg: Leg
}

export interface RuntimeParts {
  readonly snapshot: Snapshot
  readonly strict: boolean
  readonly outboundPolicy: 'REGISTRY_ONLY' | 'ALLOW_ANY'
  readonly openWay: OpenWay | undefined
  readonly knowsNames: boolean
  readonly policyRef: OriginRef | undefined
  readonly hidden: HiddenNames | undefined
  readonly boundListeners: readonly BoundListener[]
  readonly listeners: ListenerTable
  readonly routes: ReadonlyMap<string, CompiledRouteConfig>
  readonly clusters: ClusterTable
  /** By name, whatever they listen on. */
  readonly compiledListeners: ReadonlyMap<string, CompiledListener>
  readonly names: NameTable
  readonly own: ReadonlySet<Ip>
}

export class CompiledRuntime implements Runtime {
  readonly version: number
  readonly strict: boolean
  readonly outboundPolicy: 'REGISTRY_ONLY' | 'ALLOW_ANY'
  readonly openWay: OpenWay | undefined
  readonly knowsNames: boolean
  readonly boundListeners: readonly BoundListener[]
  /** Who set the outbound policy: every refusal for want of a declaration names it. */
  readonly policyRef: OriginRef | undefined
  /** What a Sidecar hides. */
  readonly hidden: HiddenNames | undefined
  readonly listeners: ListenerTable
  readonly routes: ReadonlyMap<string, CompiledRouteConfig>
  readonly clusters: ClusterTable
  /** By name, whatever they listen on. */
  readonly compiledListeners: ReadonlyMap<string, CompiledListener>
  /** Undefined until it is known what is to be reported. */
  reported: Reported | undefined
  readonly names: NameTable
  readonly own: ReadonlySet<Ip>
  readonly judged: JudgedNames
  readonly passthrough: Reason
  /** What all this was compiled from. */
  readonly snapshot: Snapshot
  /** A runtime and its places last until the next change: each reference is joined once. */
  readonly #placed = new WeakMap<OriginRef, PlacedRef>()

  constructor(parts: RuntimeParts) {
    this.version = parts.snapshot.version
    this.strict = parts.strict
    this.outboundPolicy = parts.outboundPolicy
    this.openWay = parts.openWay
    this.knowsNames = parts.knowsNames
    this.boundListeners = parts.boundListeners
    this.policyRef = parts.policyRef
    this.hidden = parts.hidden
    this.listeners = parts.listeners
    this.routes = parts.routes
    this.clusters = parts.clusters
    this.names = parts.names
    this.own = parts.own
    this.judged = new JudgedNames(parts.own)
    this.passthrough = makeReason('allow-any', reasonCodes['allow-any'].text, parts.policyRef)
    this.snapshot = parts.snapshot
    this.compiledListeners = parts.compiledListeners
  }

  /** There is nothing to report. `owners`: whose an address is, where that is known. */
  isGood(owners: (() => ReadonlyMap<string, string>) | undefined): void {
    this.reported = { incomplete: new Set(), listeners: new Set(), routes: new Set() }
    this.clusters.isGood()
    this.names.isGood(owners)
  }

  declaredName(name: string): DeclaredName | undefined {
    return this.names.covering(name)
  }

  nameOfAddress(ip: Ip): string | undefined {
    return this.names.ofAddress(ip)
  }

  placed(ref: OriginRef): PlacedRef {
    let placed = this.#placed.get(ref)
    if (placed === undefined) {
      placed = this.#place(ref)
      this.#placed.set(ref, placed)
    }
    return placed
  }

  #place(ref: OriginRef): PlacedRef {
    const origin = this.snapshot.origins.get(`${ref.kind}/${ref.namespace}/${ref.name}`)
    if (!origin) return ref
    // What is no text of anybody's has no lines.
    if (origin.line === 0) return { ...ref, file: origin.source }
    if (ref.field === undefined) return { ...ref, file: origin.source, line: origin.line }
    return { ...ref, file: origin.source, ...origin.placeOf(ref.field) }
  }
}
