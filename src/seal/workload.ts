// Starts the sealed command and says how it ended, in the exit codes that shells use.
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, type Stats, statSync } from 'node:fs'
import os from 'node:os'
import { resolve } from 'node:path'
import { fail, ok, type Result } from '../base/index.ts'

export interface Unstartable {
  readonly code: 126 | 127
  readonly message: string
  /** The same as container runtimes say it of a process that is to be started beside the command. */
  readonly asRuntimes: string
}

/** What a shell would say before it tries; absent when the command can be tried. */
export function whyUnstartable(command: string, path: string | undefined, cwd: string): Unstartable | undefined {
  const found = findCommand(command, path, cwd)
  return found.ok ? undefined : found.error
}

/** The path of the program that would be tried. */
export function findCommand(command: string, path: string | undefined, cwd: string): Result<string, Unstartable> {
  const candidates = command.includes('/')
    ? [resolve(cwd, command)]
    : (path ?? defaultPath).split(':').map((directory) => resolve(cwd, directory, command))
  const found = candidates.filter((candidate) => statOrNothing(candidate)?.isFile())
  const program = found.find(isExecutable)
  if (program !== undefined) return ok(program)
  const say = (code: 126 | 127, why: string, asRuntimes: string): Result<string, Unstartable> =>
    fail({ code, message: `${command}: ${why}`, asRuntimes: `exec: ${JSON.stringify(command)}: ${asRuntimes}` })
  if (found.length > 0) return say(126, 'not executable', 'permission denied')
  if (!command.includes('/')) return say(127, 'command not found', 'executable file not found in $PATH')
  if (statOrNothing(resolve(cwd, command))?.isDirectory()) return say(126, 'is a directory', 'is a directory')
  return say(127, 'command not found', `stat ${command}: no such file or directory`)
}

/** The directory in which it was to start is none. */
export function noPlace(cwd: string): Unstartable {
  const message = `chdir to cwd (${JSON.stringify(cwd)}) failed: no such directory`
  return { code: 126, message, asRuntimes: message }
}

/** As execvp(3) has it when there is no PATH. */
const defaultPath = '/bin:/usr/bin'

export function startWorkload(command: readonly string[], env: Readonly<Record<string, string>>, cwd: string): ChildProcess {
  const [program = '', ...args] = command
  return spawn(program, args, { stdio: ['inherit', 'inherit', 'inherit'], env, cwd })
}

export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  if (signal !== null) return 128 + os.constants.signals[signal]
  return code ?? 125
}

/** A directory of PATH that may not be searched holds nothing for us, as for execvp(3). */
function statOrNothing(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
