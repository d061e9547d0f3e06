// The version of what is on disk: refuses what a newer program wrote, and brings what an older one wrote up to date, step by step.
import { SallyportError } from '../base/index.ts'

/** What a migration may do: it sees keys and values as they are, and its writes come in one batch with the new version. */
export interface Migration {
  (records: AsyncIterable<readonly [key: string, value: Buffer]>): Promise<readonly RecordChange[]> | readonly RecordChange[]
}

/** A value that is absent deletes the record. */
export interface RecordChange {
  readonly key: string
  readonly value?: Buffer
}

export interface Format {
  readonly version: number
  /** From the version that is the key to the next. */
  readonly migrations: Readonly<Record<number, Migration>>
}

/** Version 1: objects below `o/`, their state at `m/state`, this version at `m/format`. */
export const currentFormat: Format = { version: 1, migrations: {} }

export const formatKey = 'm/format'

/** What migrations need of a database. */
export interface Records {
  get(key: string): Promise<Buffer | undefined>
  all(): AsyncIterable<readonly [string, Buffer]>
  write(changes: readonly RecordChange[]): Promise<void>
}

/** Each step is one batch: whoever is killed between two goes on with the next. */
export async function migrate(records: Records, format: Format, where: string): Promise<void> {
  for (;;) {
    const written = await records.get(formatKey)
    if (written === undefined) {
      for await (const [key] of records.all()) throw strange(where, `it holds ${JSON.stringify(key.slice(0, 40))} and no format version`)
      await records.write([{ key: formatKey, value: Buffer.from(String(format.version)) }])
      return
    }
    const version = Number(written.toString())
    if (version === format.version) return
    if (!Number.isInteger(version) || version < 1) throw strange(where, 'its format version cannot be read')
    if (version > format.version) throw newer(where, version, format.version)
    const step = format.migrations[version]
    if (step === undefined) throw strange(where, `nothing is known of its format version ${version}`)
    const changes = await step(records.all())
    await records.write([...changes, { key: formatKey, value: Buffer.from(String(version + 1)) }])
  }
}

function strange(where: string, why: string): SallyportError {
  return new SallyportError('SLP6003', `${where} is not a store of Sallyport's: ${why}`, {
    fix: 'name an empty directory, or one that serve has made',
  })
}

function newer(where: string, version: number, known: number): SallyportError {
  const message = `${where} was written by a newer Sallyport: its format is ${version}, and this one knows ${known}`
  return new SallyportError('SLP6003', message, { fix: 'use the newer Sallyport' })
}
