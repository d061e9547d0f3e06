// Says whether a directory may become the root of a workload: whose it is, who may change it, and that nothing is in it that the workload must not see.
import { readdirSync, realpathSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fail, ok, type Result } from '../base/index.ts'
import { isWithin } from './mount-info.ts'

export interface RootFacts {
  /** Of who makes the seal. */
  readonly uid: number
  /** What the workload must not see: not within the root, and nothing that the root is within. */
  readonly kept: readonly string[]
}

/** Trees that the seal replaces. */
const replaced = ['/proc', '/sys', '/dev', '/run']

/** The real path of a directory that nobody could exchange but its owner and root, or why it cannot be the root. */
export function checkRootDirectory(path: string, { uid, kept }: RootFacts): Result<string, string> {
  if (!path.startsWith('/')) return fail('it has to be an absolute path')
  const real = realPathOf(path)
  if (real === undefined || !statSync(real).isDirectory()) return fail('there is no such directory on this machine')
  if (real === '/') return fail('that is the machine’s own root, which a workload sees without saying so')
  const tree = replaced.find((one) => isWithin(real, one))
  if (tree !== undefined) return fail(`${tree} is another one in a seal: name a directory outside of it`)
  for (const one of kept.map((each) => realPathOf(each) ?? each)) {
    if (isWithin(real, one)) return fail(`it is in ${one}, of which a workload sees nothing`)
    if (isWithin(one, real)) return fail(`${one} is in it, which is not for a workload`)
  }
  const fault = mayOthersWrite(statSync(real)) ? `others may write to ${real}` : faultIn(real, uid)
  return fault === undefined ? ok(real) : fail(fault)
}

/** Whoever may write to a directory above could put another one in its place. */
function faultIn(path: string, uid: number): string | undefined {
  const stats = statSync(path)
  if (stats.uid !== 0 && stats.uid !== uid) return `${path} belongs to user ${stats.uid}, who is neither root nor user ${uid}`
  if (mayOthersWrite(stats) && !isSticky(stats)) return `others may write to ${path}`
  return path === '/' ? undefined : faultIn(dirname(path), uid)
}

function mayOthersWrite({ mode }: Stats): boolean {
  return (mode & 0o022) !== 0
}

/** As /tmp: what is in it can be replaced by its owner alone. */
function isSticky({ mode }: Stats): boolean {
  return (mode & 0o1000) !== 0
}

function realPathOf(path: string): string | undefined {
  try {
    const real = realpathSync(path)
    // What cannot be listed could not be shown.
    if (statSync(real).isDirectory()) readdirSync(real)
    return real
  } catch {
    return undefined
  }
}
