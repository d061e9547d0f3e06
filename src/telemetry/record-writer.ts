// Writes flow records as one JSON line each, to a file or stdout.
import type { FlowRecord } from '../flow/index.ts'
import { openLineWriter } from './line-writer.ts'
import { formatRecord } from './record-line.ts'

export interface RecordWriter {
  write(record: FlowRecord): void
  flush(): Promise<void>
  close(): Promise<void>
}

/** A line in the place of records that the output could not take. */
export interface LostRecords {
  readonly kind: 'lost'
  readonly count: number
  /** When this was written, milliseconds since the epoch. */
  readonly closed: number
}

/** `target` is a path, or `-` for stdout. Throws SLP4001 when it cannot be opened. */
export function openRecordWriter(target: string): RecordWriter {
  const lines = openLineWriter(target, { describeLoss: (count) => JSON.stringify(lost(count)), isAscii: true })
  return {
    write: (record) => lines.write(formatRecord(record)),
    flush: () => lines.flush(),
    close: () => lines.close(),
  }
}

function lost(count: number): LostRecords {
  return { kind: 'lost', count, closed: Date.now() }
}
