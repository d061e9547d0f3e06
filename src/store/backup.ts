// Writes all that a store holds into a stream of lines, and reads it back: each backup names its version, and ends with a sum over all of it.
import { createHash } from 'node:crypto'
import { SallyportError } from '../base/index.ts'
import type { ObjectStore, Stored } from './object-store.ts'

/** A file beside the objects, such as a key; its path is below the directory that was backed up. */
export interface BackupFile {
  readonly path: string
  readonly content: Buffer
}

export interface Backup {
  /** Of the last write that is in it. */
  readonly revision: number
  readonly objects: readonly Stored[]
  readonly files: readonly BackupFile[]
}

const kind = 'sallyport-backup'
const version = 1

/** What there is at this moment, whatever is written while it is read. */
export function* backupLines(store: Pick<ObjectStore, 'revision' | 'all'>, files: readonly BackupFile[] = []): Generator<string> {
  const sum = createHash('sha256')
  const line = (value: object): string => {
    const text = `${JSON.stringify(value)}\n`
    sum.update(text)
    return text
  }
  const objects = Array.from(store.all())
  yield line({ kind, version, revision: store.revision, objects: objects.length, files: files.length })
  for (const { path, content } of files) yield line({ path, content: content.toString('base64') })
  for (const { key, revision, value } of objects)
    yield line({ key: [key.resource, key.namespace, key.name], revision, value: value.toString('base64') })
  yield `${JSON.stringify({ sha256: sum.digest('hex') })}\n`
}

/** Throws SLP6005 for what is not whole, and for what a newer program has written. */
export function readBackup(text: Buffer): Backup {
  const end = text.lastIndexOf('\n', text.length - 2) + 1
  const [head, ...lines] = Array.from(linesOf(text.subarray(0, end)), fieldsOf)
  if (head?.['kind'] !== kind) throw unusable('it is no backup')
  const known = head['version']
  if (typeof known !== 'number' || known > version) throw unusable(`its version is ${String(known)}, and this one knows ${version}`)
  const sum = createHash('sha256').update(text.subarray(0, end)).digest('hex')
  if (fieldsOf(text.subarray(end).toString())['sha256'] !== sum) throw unusable('it is damaged, or its end is missing')
  const revision = Number(head['revision'])
  const files = lines.flatMap(({ path, content }) => (isText(path) && isText(content) ? [{ path, content: bytesOf(content) }] : []))
  const objects = lines.flatMap(storedIn)
  if (files.length !== head['files'] || objects.length !== head['objects'] || !Number.isSafeInteger(revision))
    throw unusable('it does not hold what its first line says')
  return { revision, objects, files }
}

/** One by one: the whole may be longer than a string can be. */
function* linesOf(text: Buffer): Generator<string> {
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf(10, from)
    yield text.subarray(from, end).toString()
    from = end + 1
  }
}

function storedIn({ key, revision, value }: Fields): readonly Stored[] {
  if (!Array.isArray(key) || typeof revision !== 'number' || !isText(value)) return []
  const [resource, namespace, name]: unknown[] = key
  if (!isText(resource) || !isText(namespace) || !isText(name)) return []
  return [{ key: { resource, namespace, name }, revision, value: bytesOf(value) }]
}

type Fields = Readonly<Record<string, unknown>>

function fieldsOf(line: string): Fields {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'base64')
}

function unusable(why: string): SallyportError {
  return new SallyportError('SLP6005', `the backup cannot be used: ${why}`)
}
