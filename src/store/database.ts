// One LevelDB of records: opens it with our own words for what can go wrong, reads all that it holds, and writes batches that are on disk when they are answered.
import { ClassicLevel } from 'classic-level'
import { messageOf } from '../base/index.ts'
import { damaged, locked, prepareDirectory, unusable } from './directory.ts'
import { type Format, migrate, type RecordChange, type Records } from './format.ts'
import type { Stored } from './object-store.ts'
import {
  decodeRecord,
  decodeState,
  emptyState,
  encodeState,
  objectEnd,
  objectPrefix,
  type ReadRecord,
  stateOf,
  type StoreState,
} from './record.ts'

export interface DatabaseContent {
  readonly objects: readonly Stored[]
  readonly state: StoreState
}

const stateKey = 'm/state'

export class Database implements Records {
  readonly #directory: string
  readonly #level: ClassicLevel<string, Buffer>

  private constructor(directory: string, level: ClassicLevel<string, Buffer>) {
    this.#directory = directory
    this.#level = level
  }

  /** Rejects with a `SallyportError` that says what to do. */
  static async open(directory: string, format: Format): Promise<Database> {
    prepareDirectory(directory)
    const level = new ClassicLevel<string, Buffer>(directory, { keyEncoding: 'utf8', valueEncoding: 'buffer' })
    try {
      await level.open()
    } catch (error) {
      throw openingFailed(directory, error)
    }
    const database = new Database(directory, level)
    try {
      await migrate(database, format, directory)
      return database
    } catch (error) {
      await database.close()
      throw error
    }
  }

  get(key: string): Promise<Buffer | undefined> {
    return this.#level.get(key)
  }

  async *all(): AsyncIterable<readonly [string, Buffer]> {
    yield* this.#level.iterator()
  }

  async write(changes: readonly RecordChange[]): Promise<void> {
    const operations = changes.map(({ key, value }) =>
      value === undefined ? ({ type: 'del', key } as const) : ({ type: 'put', key, value } as const),
    )
    await this.#level.batch(operations, { sync: true })
  }

  /** Rejects when something is damaged, or missing. */
  async read(): Promise<DatabaseContent> {
    const records: ReadRecord[] = []
    try {
      for (const [key, record] of await this.#level.iterator({ gte: objectPrefix, lt: objectEnd }).all()) {
        // Of the records that were read together, each has its own bytes.
        const read = decodeRecord(key, record)
        if (read === undefined) throw damaged(this.#directory, `${key.slice(objectPrefix.length)} is not what was written`)
        records.push(read)
      }
      const state = this.#checked(await this.get(stateKey), stateOf(records))
      return { objects: records.map(({ stored }) => stored), state }
    } catch (error) {
      if (isDamage(error)) throw damaged(this.#directory, messageOf(error), error)
      throw error
    }
  }

  close(): Promise<void> {
    return this.#level.close()
  }

  #checked(text: Buffer | undefined, found: StoreState): StoreState {
    if (text === undefined && found.count === 0) return emptyState
    const state = text === undefined ? undefined : decodeState(text.toString())
    if (state === undefined) throw damaged(this.#directory, 'its state cannot be read')
    if (state.count !== found.count || !state.sum.equals(found.sum))
      throw damaged(this.#directory, `${state.count} objects were written, and ${found.count} are there or some of them are older`)
    return state
  }
}

export function stateRecord(state: StoreState): RecordChange {
  return { key: stateKey, value: Buffer.from(encodeState(state)) }
}

function openingFailed(directory: string, error: unknown): Error {
  const text = messageOf(error)
  if (codeOf(error) === 'LEVEL_LOCKED') return locked(directory, error)
  if (isDamage(error)) return damaged(directory, text, error)
  return unusable(directory, error)
}

function isDamage(error: unknown): boolean {
  return codeOf(error) === 'LEVEL_CORRUPTION' || /corruption|missing files|CURRENT|MANIFEST|\.ldb/i.test(messageOf(error))
}

function codeOf(error: unknown): unknown {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}
