// Opens what the command line names as a source of flow records.
import { adminTargetOf } from '../admin-target.ts'
import { openAdminRecords } from './admin-records.ts'
import { openFileRecords } from './file-records.ts'
import type { RecordSource } from './record-source.ts'
import { openStreamRecords } from './stream-records.ts'

/** All of them or none. */
export async function openSources(names: readonly string[], options: { readonly follow: boolean }): Promise<readonly RecordSource[]> {
  const opened: RecordSource[] = []
  try {
    for (const name of names) opened.push(await openSource(name, options))
    return opened
  } catch (error) {
    for (const source of opened) source.close()
    throw error
  }
}

function openSource(name: string, options: { readonly follow: boolean }): Promise<RecordSource> | RecordSource {
  if (name === '-') return openStreamRecords('standard input', process.stdin, options)
  const address = adminTargetOf(name)
  if (address !== undefined) return openAdminRecords(name, address, options)
  return openFileRecords(name, options)
}
