// Puts stock Envoy in the place of a data plane: its process, its resources and its records.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { JsonObject } from '@bufbuild/protobuf'
import { type Cidr, inSlices, messageOf } from '../base/index.ts'
import { secretsNamedBy, type Snapshot } from '../xds/index.ts'
import type { EnvoyBinary } from './binary.ts'
import type { BootstrapInit } from './bootstrap.ts'
import type { RecordSite } from './records/entry-record.ts'
import { FileSecrets } from './file-secrets.ts'
import { Ledger } from './records/ledger.ts'
import { readLog } from './records/log-reader.ts'
import type { ResourceFeed } from './resource-feed.ts'
import type { Capture } from './stock/site.ts'
import { StockSnapshots } from './stock/stock-snapshot.ts'
import { type Envoy, startEnvoy } from './supervisor.ts'

export interface EngineOptions extends RecordSite {
  readonly binary: EnvoyBinary
  /** Of this user alone, and not visible to the workload. */
  readonly folder: string
  readonly node: JsonObject
  readonly resolver: BootstrapInit['resolver']
  readonly feed: ResourceFeed
  readonly neverReached: readonly Cidr[]
  /** Sidecar. */
  readonly capture?: Capture
  /** The cluster name by which the relay's own records are known. */
  readonly relay?: string
  /** Gateway: who may connect; absent = everybody. */
  readonly peers?: readonly Cidr[]
  readonly onNote: (text: string) => void
}

export interface Engine {
  readonly ledger: Ledger
  /** Resolves when Envoy serves by it. */
  put(snapshot: Snapshot): Promise<void>
  /** What was refused of the present configuration. */
  refused(): readonly string[]
  drain(ms: number): Promise<void>
  close(): Promise<void>
}

export function startEngine(options: EngineOptions): Engine {
  return new EnvoyEngine(options)
}

class EnvoyEngine implements Engine {
  readonly ledger: Ledger
  readonly #options: EngineOptions
  readonly #envoy: Envoy
  readonly #stock: StockSnapshots
  readonly #log: { close(): void }
  #refused: readonly string[] = []
  readonly #files: FileSecrets
  /** As it was asked for last. */
  #asked: Snapshot | undefined
  #waiting: Snapshot | undefined
  #putting: Promise<void> | undefined
  #isClosing = false

  constructor(options: EngineOptions) {
    const { role, source, folder, capture, peers, neverReached, relay, onNote } = options
    const idPrefix = `e${randomBytes(6).toString('hex')}`
    const log = join(folder, 'records')
    this.#options = options
    this.ledger = new Ledger({ ...options, idPrefix, ...(relay !== undefined && { relay }) })
    this.#stock = new StockSnapshots({
      role,
      neverReached,
      records: { log, idPrefix, workload: `${source.namespace}/${source.workload}` },
      ...(capture && { capture }),
      ...(peers && { peers }),
    })
    this.#files = new FileSecrets({ onChange: () => this.#again(), onNote })
    this.#log = readLog(log, (line) => this.ledger.hear(line), onNote)
    this.#envoy = startEnvoy({ ...options, ads: options.feed.path, onNote, onGone: () => this.ledger.forget() })
  }

  refused(): readonly string[] {
    return this.#refused
  }

  /** Of several that come while one is under way only the last is put in force. */
  put(snapshot: Snapshot): Promise<void> {
    this.#asked = snapshot
    this.#waiting = snapshot
    this.#putting ??= this.#putAll()
      .catch((error: unknown) => {
        // What comes while Envoy is ended is for nobody.
        if (!this.#isClosing) throw error
      })
      .finally(() => {
        this.#putting = undefined
      })
    return this.#putting
  }

  async drain(ms: number): Promise<void> {
    this.#isClosing = true
    await this.#envoy.drain(ms)
    await this.close()
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#asked = undefined
    this.#files.close()
    await this.#envoy.close()
    // What it wrote last is in the pipe still.
    await new Promise((resolve) => setImmediate(resolve))
    this.ledger.forget()
    this.#log.close()
  }

  /** Certificates in files are secrets to Envoy. */
  #withFiles(snapshot: Snapshot): Snapshot {
    const names = secretsNamedBy({ clusters: snapshot.clusters.values(), listeners: snapshot.listeners.values() })
    const files = this.#files.of(names)
    return files.length === 0 ? snapshot : { ...snapshot, secrets: new Map([...snapshot.secrets, ...files]) }
  }

  /** Files have changed. */
  #again(): void {
    const { onNote } = this.#options
    if (this.#asked !== undefined) this.put(this.#asked).catch((error: unknown) => onNote(messageOf(error)))
  }

  /** Connections are relayed meanwhile. */
  #made(snapshot: Snapshot): Promise<Snapshot> {
    return new Promise((done, failed) => inSlices(this.#stock.making(snapshot), { done, failed }))
  }

  async #putAll(): Promise<void> {
    for (let snapshot = this.#waiting; snapshot !== undefined && !this.#isClosing; snapshot = this.#waiting) {
      this.#waiting = undefined
      const refused = await this.#options.feed.put(this.#withFiles(await this.#made(snapshot)))
      await this.#envoy.ready()
      const waiting = await this.#envoy.settled()
      if (waiting.length > 0 && !this.#isClosing)
        this.#options.onNote(`Envoy has not put in force all that it was given, and goes on with what was before: ${waiting.join(', ')}`)
      for (const text of refused) if (!this.#refused.includes(text)) this.#options.onNote(`Envoy refuses what it was given: ${text}`)
      this.#refused = refused
    }
  }
}
