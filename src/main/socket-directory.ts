// Places the Unix sockets of gateways and of Envoy where a sealed command cannot reach them, and removes what dead processes left there.
import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { accessSync, constants, lstatSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { isAbandoned, messageOf, SallyportError, warnOfListener } from '../base/index.ts'
import { unseenTrees } from '../seal/index.ts'

/**
 * A command that reached these sockets would have gone round its sidecar, as whoever it says it is; and its user is the one whom they
 * are for. So they stand where the seal shows nothing of the outside. Nothing is made here: most runs have no such gateway.
 */
export function nameSocketDirectory(exposed: readonly string[]): string {
  const places = [...unseenTrees, process.env['XDG_RUNTIME_DIR'] ?? ''].filter((place) => isUnseen(place, exposed))
  return join(places.find(isWritable) ?? places[0] ?? '/dev/shm', `sallyport-${randomBytes(12).toString('hex')}`)
}

export interface SocketDirectory {
  /** Removes it. When this process is killed that is done for it, and when nothing is left to do it, by the next start of any. */
  close(): void
}

/** Of this user alone. A folder that is there already was made by somebody who guessed its name. */
export async function openSocketDirectory(path: string, exposed: readonly string[]): Promise<SocketDirectory> {
  const fix = `let this user write to one of ${unseenTrees.join(', ')}, and do not pass it to --expose`
  if (!isUnseen(join(path, '..'), exposed))
    throw new SallyportError('SLP5001', 'sockets that the command must not see need a folder of their own, and there is none', { fix })
  let owner: Server
  try {
    mkdirSync(path, { mode: 0o700 })
    owner = await showOwner(path)
  } catch (cause) {
    throw new SallyportError('SLP5001', `sockets that the command must not see have no place: ${messageOf(cause)}`, { fix, cause })
  }
  removeAbandoned(dirname(path)).catch(warnOfListener)
  const remove = removal(path)
  return {
    close() {
      owner.close()
      remove()
    },
  }
}

/** Named so by `nameSocketDirectory`. */
const shapeOfName = /^sallyport-[0-9a-f]{24}$/
/** A socket in the folder: it is answered as long as the process lives that made the folder, whatever namespaces it lives in. */
const ownerName = 'owner'

/** The name appears when the socket is answered: nobody may take a folder that is being made for one that was left. */
async function showOwner(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy())
  const begun = join(path, '.owner')
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(begun, resolve)
  })
  renameSync(begun, join(path, ownerName))
  return server.unref()
}

/** With a namespace of processes everything ends that could have removed the folder. */
async function removeAbandoned(parent: string): Promise<void> {
  for (const name of readdirSync(parent)) {
    const path = join(parent, name)
    if (shapeOfName.test(name) && isOwn(path) && (await isAbandoned(join(path, ownerName)))) rmSync(path, { recursive: true, force: true })
  }
}

function isOwn(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats?.isDirectory() === true && stats.uid === process.getuid?.()
}

/** Removes the folder when asked to, and also when this process was killed: what waits for its end is another one. */
function removal(path: string): () => void {
  const waiting = spawn('/bin/sh', ['-c', 'cat >/dev/null; exec rm -rf -- "$1"', 'sh', path], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: { PATH: '/usr/bin:/bin' },
  })
  waiting.on('error', () => undefined)
  waiting.unref()
  return () => {
    waiting.stdin.destroy()
    rmSync(path, { recursive: true, force: true })
  }
}

function isUnseen(place: string, exposed: readonly string[]): boolean {
  const real = realPath(place)
  if (real === undefined || !unseenTrees.some((tree) => isWithin(real, tree))) return false
  return !exposed.some((path) => isWithin(real, realPath(path) ?? path))
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK)
    return true
  } catch {
    // Not this one, then.
    return false
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    // What does not exist holds nothing.
    return undefined
  }
}
