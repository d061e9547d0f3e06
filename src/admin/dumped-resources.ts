// Writes resources of a dump as Envoy does: each with the version and time at which it came, and with the failure of a newer one beside it.
import type { JsonObject, Message } from '@bufbuild/protobuf'
import { type Failure, type ResourceState, resourceToJson } from '../xds/index.ts'
import type { ConfigView, DiscoveryView } from './proxy-view.ts'

/** One element of a list of the dump. */
export interface Entry {
  readonly name: string
  write(): JsonObject
}

type Dumped = 'clusters' | 'listeners' | 'routes' | 'endpoints' | 'names'

/** Makes an element of a list out of the state of a resource: `version_info`, `last_updated`, and the resource under its field. */
type Wrap = (state: JsonObject, name: string) => JsonObject

export interface DumpedList {
  readonly key: Dumped
  /** Where the resource stands in its state. */
  readonly field: string
  /** The resource itself; as it is when left out. */
  readonly resource?: (json: JsonObject, name: string) => JsonObject
  /** The state itself is the element when left out. */
  readonly wrap?: Wrap
}

export class DumpedResources {
  readonly #config: ConfigView
  readonly #discovery: DiscoveryView | undefined
  /** By part and name. */
  readonly #failures: ReadonlyMap<string, Failure>
  readonly #warming: ReadonlySet<string>

  constructor(config: ConfigView, discovery: DiscoveryView | undefined) {
    this.#config = config
    this.#discovery = discovery
    this.#failures = new Map(Array.from(discovery?.failures ?? [], (failure) => [`${failure.key} ${failure.name}`, failure]))
    this.#warming = new Set(discovery?.warming.map(({ key, name }) => `${key} ${name}`))
  }

  /** Of what comes from files, all has the version and time of the whole. */
  stateOf(resource: object): ResourceState {
    return this.#discovery?.stateOf(resource) ?? { version: this.#config.version, updated: this.#config.updated }
  }

  entriesOf(list: DumpedList): readonly Entry[] {
    const { key, wrap = (state) => state } = list
    const all: ReadonlyMap<string, Message> = this.#config.snapshot[key]
    const active = Array.from(all, ([name, resource]) => ({
      name,
      write: () => ({ ...wrap(this.#state(list, name, resource), name), ...this.#news(key, name) }),
    }))
    const refused = Array.from(this.#failures.values()).filter((failure) => failure.key === key && !all.has(failure.name))
    return [...active, ...refused.map(({ name }) => ({ name, write: () => ({ name, ...this.#news(key, name) }) }))]
  }

  #state({ field, resource: change = (json) => json }: DumpedList, name: string, resource: Message): JsonObject {
    const { version, updated } = this.stateOf(resource)
    return { version_info: version, [field]: change(resourceToJson(resource), name), last_updated: isoTime(updated) }
  }

  /** Of a newer version: Envoy's UpdateFailureState, or a word that it waits. */
  #news(key: Dumped, name: string): JsonObject {
    if (this.#discovery === undefined) return {}
    const failure = this.#failures.get(`${key} ${name}`)
    if (failure !== undefined) {
      const { details, version, at } = failure
      return { error_state: { last_update_attempt: isoTime(at), details, version_info: version }, client_status: 'NACKED' }
    }
    return { client_status: this.#warming.has(`${key} ${name}`) ? 'REQUESTED' : 'ACKED' }
  }
}

export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
