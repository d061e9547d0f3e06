// Makes backups of what `sallyport serve` keeps, and brings them back: keys from its folder, and objects from there or, while a server uses it, from that server.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { makeDirectory, messageOf, SallyportError } from '../base/index.ts'
import { type ApiAccess, ApiClient, findAccess } from '../client/index.ts'
import type { BackupOptions, RestoreOptions } from '../cli/index.ts'
import { type BackupFile, backupLines, openLevelStore, readBackup, restoreObjects, type Stored } from '../store/index.ts'
import { servedDirectory, servedKubeconfig } from './state-directory.ts'

/** Resolves with the exit code. */
export async function runBackup({ data, kubeconfig, file }: BackupOptions): Promise<number> {
  const directory = data ?? servedDirectory()
  const files = kubeconfig !== undefined && data === undefined ? [] : keysIn(directory)
  const { revision, objects } = await (kubeconfig === undefined ? objectsIn(directory) : objectsAt(findAccess({ kubeconfig, usual: '' })))
  writeLines(file, backupLines({ revision, all: () => objects }, files))
  const keys = files.length === 0 ? 'without the keys of the server, which are in its folder' : 'with the keys of the server'
  process.stderr.write(`sallyport backup: ${objects.length} objects of revision ${revision}, ${keys}\n`)
  return 0
}

/** Resolves with the exit code. What was there is moved aside, and never deleted. */
export async function runRestore({ data, file, force }: RestoreOptions): Promise<number> {
  const directory = data ?? servedDirectory()
  const backup = readBackup(readNamed(file))
  const objects = join(directory, 'objects')
  const parts = ['objects', ...(backup.files.length === 0 ? [] : ['pki'])]
  const found = parts.filter((part) => existsSync(join(directory, part)) && readdirSync(join(directory, part)).length > 0)
  if (found.length > 0 && !force)
    throw new SallyportError('SLP6006', `${directory} is not empty: it has ${found.join(' and ')}`, {
      fix: 'name another folder with --data, or say --force: what is there is then moved aside',
    })
  if (found.includes('objects')) await refuseWhileInUse(objects)
  makeDirectory(directory)
  const draft = join(directory, `objects.draft-${randomBytes(4).toString('hex')}`)
  const aside = join(directory, `before-${new Date().toISOString().replaceAll(':', '')}`)
  try {
    await restoreObjects(draft, backup)
    if (found.length > 0) mkdirSync(aside, { mode: 0o700 })
    for (const part of found) renameSync(join(directory, part), join(aside, part))
    if (!found.includes('objects')) rmSync(objects, { recursive: true, force: true })
    writeKeys(directory, backup.files)
    renameSync(draft, objects)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  const moved = found.length === 0 ? '' : `; what was there is in ${aside}`
  process.stderr.write(`sallyport restore: ${backup.objects.length} objects of revision ${backup.revision} are in ${directory}${moved}\n`)
  return 0
}

interface Objects {
  readonly revision: number
  readonly objects: readonly Stored[]
}

async function objectsIn(directory: string): Promise<Objects> {
  const place = join(directory, 'objects')
  if (!existsSync(place))
    throw new SallyportError('SLP0004', `${directory} holds no objects`, { fix: 'name the folder of the server with --data' })
  try {
    const store = await openLevelStore(place)
    const found = { revision: store.revision, objects: Array.from(store.all()) }
    await store.close()
    return found
  } catch (error) {
    if (!(error instanceof SallyportError && error.code === 'SLP6002')) throw error
    const kubeconfig = [join(directory, 'kubeconfig'), servedKubeconfig()].find((path) => existsSync(path))
    if (kubeconfig !== undefined) return objectsAt(findAccess({ kubeconfig, usual: kubeconfig }))
    throw new SallyportError('SLP6002', error.message, {
      fix: 'name the kubeconfig of the server that uses it with --kubeconfig',
      cause: error,
    })
  }
}

/** A server does not tell its keys. */
async function objectsAt(access: ApiAccess): Promise<Objects> {
  const client = new ApiClient(access)
  try {
    return readBackup(await client.download('/apis/node.sallyport.dev/v1/backup', mostBytes))
  } finally {
    client.close()
  }
}

/** As much as is held at once. */
const mostBytes = 2 ** 31

const keys = /^pki\/[\w-]+\.(?:crt|key|token)$/

function keysIn(directory: string): readonly BackupFile[] {
  const place = join(directory, 'pki')
  if (!existsSync(place)) return []
  const paths = readdirSync(place, 'utf8').map((name) => `pki/${name}`)
  return paths.filter((path) => keys.test(path)).map((path) => ({ path, content: readFileSync(join(directory, path)) }))
}

function writeKeys(directory: string, files: readonly BackupFile[]): void {
  const strange = files.find(({ path }) => !keys.test(path))
  if (strange !== undefined) throw new SallyportError('SLP6005', `the backup cannot be used: it has a file ${JSON.stringify(strange.path)}`)
  if (files.length > 0) makeDirectory(join(directory, 'pki'))
  for (const { path, content } of files) writeDurably(join(directory, path), [content])
}

/** Others who open the store are told so; what cannot be opened for other reasons is about to be replaced. */
async function refuseWhileInUse(objects: string): Promise<void> {
  try {
    await (await openLevelStore(objects)).close()
  } catch (error) {
    if (error instanceof SallyportError && ['SLP6001', 'SLP6002'].includes(error.code)) throw error
  }
}

function writeLines(file: string, lines: Iterable<string>): void {
  if (file === '-') {
    for (const line of lines) writeAll(1, Buffer.from(line))
    return
  }
  const draft = `${file}.${randomBytes(4).toString('hex')}`
  try {
    writeDurably(draft, lines)
    renameSync(draft, file)
  } catch (cause) {
    rmSync(draft, { force: true })
    throw new SallyportError('SLP0005', `${file} cannot be written: ${messageOf(cause)}`, { cause })
  }
}

/** For its owner alone. */
function writeDurably(path: string, parts: Iterable<string | Buffer>): void {
  const descriptor = openSync(path, 'wx', 0o600)
  try {
    for (const part of parts) writeAll(descriptor, Buffer.from(part))
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let from = 0; from < bytes.length; ) from += writeSync(descriptor, bytes, from)
}

function readNamed(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new SallyportError('SLP0004', `${file} cannot be read: ${messageOf(cause)}`, { cause })
  }
}
