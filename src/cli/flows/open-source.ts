// Opens what the command line names as a source of flow records.
import { statSync } from 'node:fs'
import { messageOf } from '../../base/index.ts'
import { type AdminTarget, openAdminRecords } from './admin-records.ts'
import { openFileRecords } from './file-records.ts'
import { type RecordSource, SourceError } from './record-source.ts'
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
  const address = adminAddressOf(name)
  if (address !== undefined) return openAdminRecords(name, address, options)
  return openFileRecords(name, options)
}

/** Undefined for what is a file. A path is a file unless a socket stands there. */
function adminAddressOf(name: string): AdminTarget | undefined {
  const text = name.replace(/^http:\/\//, '').replace(/\/$/, '')
  if (name.startsWith('unix:')) return { socketPath: name.slice('unix:'.length) }
  const match = /^(\[[0-9a-fA-F:.]+\]|[\w.-]*):(\d{1,5})$/.exec(text)
  if (match && Number(match[2]) <= 65_535) return { host: hostOf(match[1] ?? ''), port: Number(match[2]) }
  if (name.startsWith('http://')) return { host: hostOf(text), port: 80 }
  return isSocket(name) ? { socketPath: name } : undefined
}

function hostOf(text: string): string {
  return text === '' || text === 'localhost' ? '127.0.0.1' : text.replace(/^\[(.*)\]$/, '$1')
}

function isSocket(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false
  } catch (error) {
    throw new SourceError(4, `cannot read ${path}: ${messageOf(error)}`, 'name a file that may be read')
  }
}
