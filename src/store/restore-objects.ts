// Makes the directory of a store from a backup.
import type { Backup } from './backup.ts'
import { Database, stateRecord } from './database.ts'
import { prepareDirectory } from './directory.ts'
import { currentFormat } from './format.ts'
import type { Stored } from './object-store.ts'
import { changedState, emptyState, encodeRecord, keyText } from './record.ts'

/** Whoever has seen later writes of the store that is gone must not take the next ones for those: they are told that it is too late. */
const REVISIONS_AHEAD = 1_000_000
const BATCH = 1000

/** The directory is new or empty. When this has not come to its end, nobody opens what is there: its state is missing. */
export async function restoreObjects(directory: string, { objects, revision }: Pick<Backup, 'objects' | 'revision'>): Promise<void> {
  prepareDirectory(directory)
  const database = await Database.open(directory, currentFormat)
  try {
    let state = emptyState
    for (let i = 0; i < objects.length; i += BATCH) {
      const part = objects.slice(i, i + BATCH)
      await database.write(part.map((stored) => ({ key: keyText(stored.key), value: encodeRecord(stored) })))
      state = part.reduce((sum: typeof state, after: Stored) => changedState(sum, revision, { after }), state)
    }
    await database.write([stateRecord({ ...state, revision: revision + REVISIONS_AHEAD })])
  } finally {
    await database.close()
  }
}
