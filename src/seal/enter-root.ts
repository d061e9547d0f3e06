// Becomes a program of the workload under a root of its own: the init starts this instead of `setpriv` and `setsid`, which that root need not have.
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeSync } from 'node:fs'
import { messageOf } from '../base/index.ts'
import { changeRoot, errno, execute, hideFromTracers, initGroups, keepAtExec, leadSession, resetSignal, takeTerminal } from './libc.ts'
import { workloadRoot } from './masks.ts'
import { startWithRoot, takeRightsOff } from './privileges.ts'
import { findCommand, noPlace, type Unstartable } from './workload.ts'

/** What the init's entry is asked for by its argument. */
export const enterWord = 'enter'

export interface EnterOrder {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly isRoot: boolean
  readonly user?: { readonly name: string; readonly uid: number; readonly gid: number }
  /** A session of its own, at a terminal or without one; else that of the init. */
  readonly session?: 'terminal' | 'none'
}

/** In both directions: the order, and what was wrong with it. It closes when the program runs. */
const orderFd = 3

/** In the seal, with these streams and one for its order. */
export function startEntering(isRoot: boolean, stdio: readonly (number | 'ignore' | 'inherit')[]): ChildProcess {
  const args = [...process.execArgv, process.argv[1] ?? '', enterWord]
  return startWithRoot(isRoot, () => spawn(process.execPath, args, { stdio: [...stdio, 'pipe'], env: { LC_ALL: 'C' }, cwd: '/' }))
}

/** Gives such a process its order; resolves when it has become the program, or with why it has not. */
export function sendOrder(child: ChildProcess, order: EnterOrder): Promise<Unstartable | undefined> {
  const stream = child.stdio[orderFd]
  if (!(stream instanceof Object) || !('write' in stream)) return Promise.resolve(failure('there is no way to tell it what to run'))
  return new Promise((resolve) => {
    let answer = ''
    stream.on('error', () => undefined)
    stream.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    stream.on('close', () => resolve(answer === '' ? undefined : readAnswer(answer)))
    stream.end(JSON.stringify(order))
  })
}

/** Does not return when all is well. */
export function enterRoot(): never {
  try {
    const order: EnterOrder = JSON.parse(readFileSync(orderFd, 'utf8'))
    const { isRoot, user } = order
    // By the machine's own files, as `--user` was.
    if (isRoot && user) initGroups(user.name, user.gid)
    process.chdir(workloadRoot)
    changeRoot()
    answer(become(order))
  } catch (error) {
    answer(failure(messageOf(error)))
  }
  process.exit(126)
}

function become({ argv, env, cwd, isRoot, user, session }: EnterOrder): Unstartable {
  const [command = ''] = argv
  if ([...argv, ...Object.values(env)].some((word) => word.includes('\0'))) return failure('a word with a null byte')
  try {
    process.chdir(cwd)
  } catch {
    return noPlace(cwd)
  }
  const found = findCommand(command, env['PATH'], cwd)
  if (!found.ok) return found.error
  if (session !== undefined) leadSession()
  if (session === 'terminal') takeTerminal(0)
  takeRightsOff(isRoot, user)
  hideFromTracers()
  // Which Node ignores, and what is ignored stays so.
  for (const signal of [sigPipe, sigFileSize]) resetSignal(signal)
  for (const fd of [0, 1, 2]) keepAtExec(fd)
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const code = execute(found.value, argv, variables)
  // A script that does not say what reads it, as for execvp(3).
  if (code === errno.ENOEXEC) execute('/bin/sh', ['/bin/sh', found.value, ...argv.slice(1)], variables)
  return failure(code === errno.E2BIG ? 'spawn E2BIG' : `${JSON.stringify(command)} cannot be executed (errno ${code})`)
}

const sigPipe = 13
const sigFileSize = 25

function failure(message: string): Unstartable {
  return { code: 126, message, asRuntimes: `exec: ${message}` }
}

function answer(why: Unstartable): void {
  writeSync(orderFd, JSON.stringify(why))
}

function readAnswer(text: string): Unstartable {
  try {
    const { code, message, asRuntimes }: Unstartable = JSON.parse(text)
    return { code, message, asRuntimes }
  } catch {
    return failure('its answer could not be read')
  }
}
