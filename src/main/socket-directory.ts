// Places the Unix sockets of gateways beside a sidecar where its sealed command cannot reach them.
import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { accessSync, constants, mkdirSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, SallyportError } from '../base/index.ts'
import { unseenTrees } from '../seal/index.ts'

/**
 * A command that reached these sockets would have gone round its sidecar, as whoever it says it is; and its user is the one whom they
 * are for. So they stand where the seal shows nothing of the outside. Nothing is made here: most runs have no such gateway.
 */
export function nameSocketDirectory(exposed: readonly string[]): string {
  const places = [...unseenTrees, process.env['XDG_RUNTIME_DIR'] ?? ''].filter((place) => isUnseen(place, exposed))
  return join(places.find(isWritable) ?? places[0] ?? '/dev/shm', `sallyport-${randomBytes(12).toString('hex')}`)
}

/** Of this user alone. A folder that is there already was made by somebody who guessed its name. */
export function makeSocketDirectory(path: string, exposed: readonly string[]): void {
  const fix = `let this user write to one of ${unseenTrees.join(', ')}, and do not pass it to --expose`
  if (!isUnseen(join(path, '..'), exposed)) {
    throw new SallyportError('SLP5001', 'a gateway beside the sidecar needs a folder that the command does not see, and there is none', {
      fix,
    })
  }
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (cause) {
    throw new SallyportError('SLP5001', `the sockets of a gateway beside the sidecar have no place: ${messageOf(cause)}`, { fix, cause })
  }
}

/** Removes the folder when asked to, and also when this process was killed: what waits for its end is another one. */
export function removal(path: string): () => void {
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
