// Tells the address of an admin server from the name of a file.
import { statSync } from 'node:fs'
import { messageOf } from '../base/index.ts'
import { SourceError } from './flows/record-source.ts'

export type AdminTarget = { readonly socketPath: string } | { readonly host: string; readonly port: number }

/** Undefined for what is a file. A path is a file unless a socket stands there. */
export function adminTargetOf(name: string): AdminTarget | undefined {
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
