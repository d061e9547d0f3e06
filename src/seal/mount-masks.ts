// Carries out the plan of masks by direct mount(2) calls: a mount program per step would cost more than the rest of the seal.
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { errno, mount, type MountCall, mountFlags, SystemCallError } from './libc.ts'
import { emptyDirectory, emptyFile, type MaskStep, ownFiles } from './masks.ts'
import { flagsOf, isWithin, type Mount, parseMountInfo } from './mount-info.ts'

export type Mounter = (call: MountCall) => void | Promise<void>

/** All steps, or an error that names the one that failed. */
export async function mountMasks(plan: readonly MaskStep[], mounter: Mounter = mount): Promise<void> {
  const sources = openSources(plan)
  const fresh = plan.filter((step) => step.do === 'tmpfs').map((step) => step.at)
  try {
    for (const step of plan) await carryOut(step, { sources, fresh, mounter })
  } finally {
    for (const fd of sources.values()) closeSync(fd)
  }
}

export function readMounts(): readonly Mount[] {
  return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'))
}

interface Tools {
  readonly sources: ReadonlyMap<string, number>
  /** Where the plan mounts something empty: mount points there have to be made. */
  readonly fresh: readonly string[]
  readonly mounter: Mounter
}

const openPath = 0x200000

/** A later step may hide a source: descriptors taken now still lead to it. */
function openSources(plan: readonly MaskStep[]): ReadonlyMap<string, number> {
  const sources = new Map<string, number>()
  for (const step of plan) {
    if (step.do !== 'bind' || sources.has(step.from) || isOwn(step.from)) continue
    try {
      sources.set(step.from, openSync(step.from, openPath))
    } catch (error) {
      if (!step.optional || !isAbsent(error)) throw failure(step, error)
    }
  }
  return sources
}

async function carryOut(step: MaskStep, tools: Tools): Promise<void> {
  const { mounter } = tools
  try {
    switch (step.do) {
      case 'tmpfs':
        return await mountTmpfs(step, tools)
      case 'directory':
        return makeDirectory(step)
      case 'file':
        return writeFileSync(step.at, step.text, { mode: 0o444 })
      case 'symlink':
        return symlinkSync(step.to, step.at)
      case 'bind':
        return await bind(step, tools)
      case 'terminals':
        return await mountTerminals(step, tools)
      case 'read-only':
        return await makeReadOnly(step, tools)
      case 'pin':
        return await mounter({ source: step.at, target: step.at, flags: mountFlags.bind | mountFlags.recursive })
      case 'freeze':
        return await mounter({ source: 'none', target: step.at, flags: mountFlags.remount | mountFlags.readOnly | quiet })
      case 'cover':
        return await cover(step.at, tools)
      case 'tree':
        return await mountTree(step, tools)
      case 'entries':
        return await showEntries(step, tools)
    }
  } catch (error) {
    throw failure(step, error)
  }
}

const quiet = mountFlags.noSuid | mountFlags.noDev

async function mountTmpfs({ at, mode, devices }: Extract<MaskStep, { do: 'tmpfs' }>, { fresh, mounter }: Tools): Promise<void> {
  if (fresh.some((tree) => tree !== at && isWithin(at, tree))) mkdirSync(at, { recursive: true })
  const flags = devices ? mountFlags.noSuid : quiet
  await mounter({ source: 'sallyport', target: at, type: 'tmpfs', flags, data: `mode=${mode.toString(8)}` })
}

function makeDirectory({ at, mode, owner }: Extract<MaskStep, { do: 'directory' }>): void {
  mkdirSync(at, { recursive: true })
  // Not by mkdir's own mode, from which the umask is taken.
  chmodSync(at, mode)
  if (owner) chownSync(at, owner.uid, owner.gid)
}

async function bind(step: Extract<MaskStep, { do: 'bind' }>, { sources, fresh, mounter }: Tools): Promise<void> {
  const fd = sources.get(step.from)
  if (fd === undefined && !isOwn(step.from)) return
  const source = fd === undefined ? step.from : `/proc/self/fd/${fd}`
  const isDirectory = fd !== undefined && fstatSync(fd).isDirectory()
  if (fresh.some((tree) => isWithin(step.at, tree))) makeMountPoint(step.at, isDirectory)
  await mounter({ source, target: step.at, flags: mountFlags.bind | mountFlags.recursive })
}

function isOwn(path: string): boolean {
  return ownFiles.some((own) => isWithin(path, own))
}

function makeMountPoint(at: string, isDirectory: boolean): void {
  mkdirSync(isDirectory ? at : dirname(at), { recursive: true, mode: 0o755 })
  if (!isDirectory) closeSync(openSync(at, constants.O_CREAT | constants.O_WRONLY, 0o600))
}

async function mountTerminals({ at, ttyGroup }: Extract<MaskStep, { do: 'terminals' }>, { mounter }: Tools): Promise<void> {
  mkdirSync(at)
  const data = `newinstance,ptmxmode=0666,mode=0620${ttyGroup ? ',gid=5' : ''}`
  await mounter({ source: 'devpts', target: at, type: 'devpts', flags: mountFlags.noSuid | mountFlags.noExec, data })
}

async function makeReadOnly({ at, optional }: Extract<MaskStep, { do: 'read-only' }>, { mounter }: Tools): Promise<void> {
  if (optional && !exists(at)) return
  await mounter({ source: at, target: at, flags: mountFlags.bind | mountFlags.recursive })
  await restrict(at, mountFlags.readOnly, mounter)
}

async function mountTree({ from, at, isWritable }: Extract<MaskStep, { do: 'tree' }>, { mounter }: Tools): Promise<void> {
  await mounter({ source: from, target: at, flags: mountFlags.bind | mountFlags.recursive })
  await restrict(at, isWritable ? quiet : quiet | mountFlags.readOnly, mounter)
}

/** The mount at this place and all below it. */
async function restrict(at: string, flags: number, mounter: Mounter): Promise<void> {
  const here = new Map(readMounts().map((entry) => [entry.point, entry]))
  for (const entry of here.values()) {
    if (!isWithin(entry.point, at)) continue
    try {
      await mounter({ source: 'none', target: entry.point, flags: flagsOf(entry) | mountFlags.remount | mountFlags.bind | flags })
    } catch (error) {
      // Hidden below a later mount (the path is gone, or is no mount there): nobody can reach it to write either.
      if (entry.point === at || !isHidden(error)) throw error
    }
  }
}

/** By descriptors that do not follow links: what is a link is shown as one, and read inside. Sockets, pipes and devices are left out. */
async function showEntries({ from, at, except }: Extract<MaskStep, { do: 'entries' }>, { mounter }: Tools): Promise<void> {
  if (statOrNothing(from)?.isDirectory() !== true) return
  for (const name of readdirSync(from)) {
    if (except.includes(name)) continue
    const fd = openSync(`${from}/${name}`, openPath | constants.O_NOFOLLOW)
    try {
      const entry = fstatSync(fd)
      const target = `${at}/${name}`
      if (entry.isSymbolicLink()) symlinkSync(readlinkSync(`${from}/${name}`), target)
      else if (entry.isDirectory() || entry.isFile()) {
        makeMountPoint(target, entry.isDirectory())
        await mounter({ source: `/proc/self/fd/${fd}`, target, flags: mountFlags.bind | mountFlags.recursive })
      }
    } finally {
      closeSync(fd)
    }
  }
}

async function cover(at: string, { mounter }: Tools): Promise<void> {
  const entry = statOrNothing(at)
  if (entry === undefined || entry.isSymbolicLink()) return
  await mounter({ source: entry.isDirectory() ? emptyDirectory : emptyFile, target: at, flags: mountFlags.bind })
}

function exists(path: string): boolean {
  return statOrNothing(path) !== undefined
}

/** What this process, with more rights than the workload, cannot even look at needs no cover. */
function statOrNothing(path: string): ReturnType<typeof lstatSync> | undefined {
  try {
    return lstatSync(path)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

const absent: readonly number[] = [errno.ENOENT, errno.EACCES, 20]

/** Errors of Node carry errno negated, ours as it is. */
/** EINVAL: what stands at the path now is not a mount, as below the fresh /proc at `sys/fs/binfmt_misc`. */
function isHidden(error: unknown): boolean {
  return isAbsent(error) || (error instanceof SystemCallError && error.errno === errno.EINVAL)
}

function isAbsent(error: unknown): boolean {
  if (error instanceof SystemCallError) return absent.includes(error.errno)
  const number: unknown = error instanceof Error ? Object.getOwnPropertyDescriptor(error, 'errno')?.value : undefined
  return typeof number === 'number' && absent.includes(-number)
}

function failure(step: MaskStep, cause: unknown): Error {
  return new Error(`${step.do} ${step.at}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
}
