// Keeps the certificate authority of a user's meshes in one file of a folder that nobody else can read: the first process makes it, all others read it.
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  rmSync,
  type Stats,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { makeDirectory, SallyportError } from '../base/index.ts'

const fileName = 'authority.pem'

/** PEM of the key and the certificate; undefined where there is none yet. Throws where others than this user could have read or written it. */
export function readAuthority(directory: string): string | undefined {
  const folder = lstatSync(directory, { throwIfNoEntry: false })
  if (folder === undefined) return undefined
  if (!folder.isDirectory()) throw unsafe(directory, 'is no folder')
  checkOwner(directory, folder)
  const path = join(directory, fileName)
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    const stats = fstatSync(file)
    if (!stats.isFile()) throw unsafe(path, 'is no file')
    checkOwner(path, stats)
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

/** What is there then is what counts: of several processes that make one at the same time, one is heard. */
export function keepAuthority(directory: string, text: string): string {
  makeDirectory(directory)
  const draft = join(directory, `.${fileName}.${randomBytes(6).toString('hex')}`)
  const file = openSync(draft, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
    // Unlike renaming, this replaces nothing.
    linkSync(draft, join(directory, fileName))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    closeSync(file)
    rmSync(draft, { force: true })
  }
  const kept = readAuthority(directory)
  if (kept === undefined) throw unsafe(join(directory, fileName), 'is gone again')
  return kept
}

function checkOwner(path: string, { uid, mode }: Stats): void {
  if (uid !== process.getuid?.()) throw unsafe(path, 'belongs to another user')
  if ((mode & 0o077) !== 0) throw unsafe(path, 'can be read or written by others')
}

function unsafe(path: string, what: string): SallyportError {
  return new SallyportError('SLP0401', `${path} ${what}, so the certificate authority in it proves nothing`, {
    fix: 'name another folder with --ca-dir, or remove this one: a new authority is made, which all of the mesh then have to use',
  })
}
