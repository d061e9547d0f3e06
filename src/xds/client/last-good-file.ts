// Keeps a block of bytes in a file that is whole or not there: written beside it, synced, renamed, and checked when it is read again.
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeDirectory, messageOf } from '../../base/index.ts'

/** Whose configuration it is: nobody else's is taken. */
export interface LastGoodOwner {
  /** Id of the node. */
  readonly node: string
  /** Address of the server. */
  readonly server: string
}

export interface LastGoodContent {
  readonly body: Buffer
  /** When it was written, milliseconds since the epoch. */
  readonly savedAt: number
  /** The same program wrote it. */
  readonly isOwn: boolean
}

export type ReadLastGood =
  | { readonly kind: 'read'; readonly content: LastGoodContent }
  | { readonly kind: 'absent' }
  /** It is there and is not to be used: one sentence that says why. */
  | { readonly kind: 'refused'; readonly why: string }

const format = 2
const title = 'sallyport last good xDS configuration'
/** More is neither written nor read. */
export const mostBytes = 256 * 1024 * 1024
const longestHeader = 4096
const programVersion = process.env['SALLYPORT_VERSION'] ?? '0.1.0'

interface Header extends LastGoodOwner {
  readonly file: string
  readonly format: number
  readonly program: string
  readonly savedAt: string
  readonly bytes: number
  readonly sha256: string
}

/** Never throws. */
export function readLastGood(path: string, owner: LastGoodOwner): ReadLastGood {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    return isAbsent(error) ? { kind: 'absent' } : refused(`it cannot be opened: ${messageOf(error)}`)
  }
  try {
    return problemOfFile(file) ?? check(readFileSync(file), owner)
  } catch (error) {
    return refused(`it cannot be read: ${messageOf(error)}`)
  } finally {
    closeSync(file)
  }
}

/** Rejects when it cannot be written; what was there before is then still there. */
export async function writeLastGood(path: string, owner: LastGoodOwner, content: Iterable<Uint8Array>): Promise<void> {
  const { body, bytes, sha256 } = await digest(content)
  if (bytes > mostBytes) throw new Error(`it has more than ${mostBytes} bytes, which is the most that is kept`)
  const savedAt = new Date().toISOString()
  const header: Header = { file: title, format, program: programVersion, savedAt, ...owner, bytes, sha256 }
  makeDirectory(dirname(path))
  const fresh = `${path}.${randomBytes(6).toString('hex')}`
  try {
    const file = await open(fresh, 'wx', 0o600)
    try {
      await file.writev([Buffer.from(`${JSON.stringify(header)}\n`)])
      for (const chunk of inBlocks(body)) await file.writeFile(chunk)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(fresh, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  }
}

function refused(why: string): ReadLastGood {
  return { kind: 'refused', why }
}

/** What another user could have written is not what we wrote. */
function problemOfFile(file: number): ReadLastGood | undefined {
  const stats = fstatSync(file)
  if (!stats.isFile()) return refused('it is not a file')
  if (process.getuid !== undefined && stats.uid !== process.getuid()) return refused('it belongs to another user')
  if ((stats.mode & 0o022) !== 0) return refused('others may write to it')
  if (stats.size > mostBytes + longestHeader) return refused(`it has ${stats.size} bytes, and more than ${mostBytes} are not read`)
  return undefined
}

function check(whole: Buffer, owner: LastGoodOwner): ReadLastGood {
  const end = whole.subarray(0, longestHeader).indexOf('\n')
  const header = end < 0 ? undefined : parseHeader(whole.toString('utf8', 0, end))
  if (header === undefined) return refused('it was not written by sallyport')
  if (header.format !== format) return refused(`its format is ${String(header.format)}, and this program reads ${format}`)
  if (header.node !== owner.node) return refused(`it belongs to the node ${header.node}, and this one is ${owner.node}`)
  if (header.server !== owner.server) return refused(`it came from ${header.server}, and the server is ${owner.server}`)
  const body = whole.subarray(end + 1)
  if (body.length !== header.bytes) return refused(`it is damaged: ${body.length} bytes instead of ${header.bytes}`)
  if (createHash('sha256').update(body).digest('hex') !== header.sha256) return refused('it is damaged: its checksum is another')
  const savedAt = Date.parse(header.savedAt)
  return { kind: 'read', content: { body, savedAt: Number.isNaN(savedAt) ? 0 : savedAt, isOwn: header.program === programVersion } }
}

function parseHeader(line: string): Header | undefined {
  try {
    const header: unknown = JSON.parse(line)
    return isHeader(header) ? header : undefined
  } catch {
    // Not a line of ours.
    return undefined
  }
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== 'object' || value === null || !('file' in value) || value.file !== title) return false
  const texts = ['node', 'server', 'savedAt', 'sha256', 'program'].every(
    (name) => name in value && typeof Reflect.get(value, name) === 'string',
  )
  return texts && typeof Reflect.get(value, 'bytes') === 'number'
}

interface Digested {
  readonly body: readonly Uint8Array[]
  readonly bytes: number
  readonly sha256: string
}

/** In pieces, between which the event loop gets its turn. */
async function digest(content: Iterable<Uint8Array>): Promise<Digested> {
  const hash = createHash('sha256')
  const body: Uint8Array[] = []
  let bytes = 0
  for (const chunk of content) {
    hash.update(chunk)
    body.push(chunk)
    bytes += chunk.length
    if (bytes > mostBytes) break
    if (chunk.length > pausingBytes) await new Promise((resolve) => setImmediate(resolve))
  }
  return { body, bytes, sha256: hash.digest('hex') }
}

const pausingBytes = 1024
const blockBytes = 1024 * 1024

/** Tens of thousands of small pieces as few large ones. */
function* inBlocks(body: readonly Uint8Array[]): Generator<Uint8Array> {
  let block: Uint8Array[] = []
  let size = 0
  for (const chunk of body) {
    block.push(chunk)
    size += chunk.length
    if (size < blockBytes) continue
    yield Buffer.concat(block)
    block = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(block)
}

/** A name is there after a power loss only when the folder was synced too. */
async function syncDirectory(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}
