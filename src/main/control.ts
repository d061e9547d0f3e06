// Says what the data plane gets from the control side, wherever the configuration comes from, and keeps what is in force.
import { networkInterfaces } from 'node:os'
import type { ConfigView, DiscoveryView } from '../admin/index.ts'
import type { Issue, MeshSettings } from '../api/index.ts'
import { parseIp, warnOfListener, type Watchable } from '../base/index.ts'
import type { AccessLogPlan, SynthesisedGateway } from '../model/index.ts'
import type { SecretsByName } from '../identity/index.ts'
import type { NodeFacts, Runtime } from '../runtime/index.ts'
import { type ConfigPublished, configPublished } from '../telemetry/index.ts'
import type { Snapshot } from '../xds/index.ts'

export interface Control {
  readonly runtime: Watchable<Runtime | undefined>
  readonly synthesised: Watchable<readonly SynthesisedGateway[]>
  settings(): MeshSettings
  /** Where the declarations send the access log of this proxy. */
  readonly accessLogs: Watchable<readonly AccessLogPlan[]>
  /** Errors that keep documents from counting, as they are now. */
  errors(): readonly Issue[]
  /** What is in force, for people who look; undefined before anything is. */
  view(): ConfigView | undefined
  /** What passes between this proxy and its xDS server; undefined when there is none. */
  discovery(): DiscoveryView | undefined
  /**
   * Hands over what the proxy should have, now and after each change; resolves when the first is taken over. A change is told to have
   * been put in force when it is taken over.
   */
  handOver(take: (snapshot: Snapshot) => Promise<void>): Promise<void>
  /** Certificates and those to trust, by the names of secrets. */
  readonly secret: SecretsByName
  /** Resolves when the secrets that what is in force asks for are there, or cannot be had for now. */
  secretsReady(): Promise<void>
  /** What was told of it when it was put in force. */
  published(): ConfigPublished | undefined
  close(): Promise<void>
}

/** Puts another runtime into force, and says so when that opens what was closed. */
export function putInForce(runtime: Watchable<Runtime | undefined>, next: Runtime, isQuiet: boolean): void {
  if (!isQuiet && runtime.value?.outboundPolicy === 'REGISTRY_ONLY' && next.outboundPolicy === 'ALLOW_ANY')
    process.stderr.write('sallyport: the outbound policy is ALLOW_ANY from now on: what nothing declares may leave\n')
  runtime.set(next)
}

/** Tells of a configuration when whoever carries the traffic has taken it over. */
export class Handover {
  #take: ((snapshot: Snapshot) => Promise<void>) | undefined
  #last: Snapshot | undefined

  begin(take: (snapshot: Snapshot) => Promise<void>, now: Snapshot | undefined): Promise<void> {
    this.#take = take
    this.#last = now
    return now === undefined ? Promise.resolve() : take(now)
  }

  /** The same configuration, with other secrets. */
  again(): void {
    if (this.#take !== undefined && this.#last !== undefined) void this.#take(this.#last).catch(warnOfListener)
  }

  tell(published: ConfigPublished, snapshot: Snapshot): void {
    this.#last = snapshot
    if (this.#take === undefined) configPublished.publish(published)
    else
      void this.#take(snapshot)
        .catch(warnOfListener)
        .then(() => configPublished.publish(published))
  }
}

/** Addresses of this machine, which no name may lead to. */
export function nodeFacts(): NodeFacts {
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map(({ address }) => parseIp(address.split('%')[0] ?? '')),
  )
  return { addresses: addresses.filter((ip) => ip !== undefined) }
}
