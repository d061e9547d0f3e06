// Runs a command line: with the bundled program, as a shell does, or within this process; and gives what it printed and its exit code.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { vi } from 'vitest'
import { type Roles, runCli } from '../../src/cli/index.ts'
import { spawnProcess } from '../support/node-process.ts'
import { bundled } from '../support/outside-servers.ts'

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export async function sallyport(args: readonly string[], input = ''): Promise<Ran> {
  const running = spawnProcess([process.execPath, bundled('bin.js'), ...args], { env: { NO_COLOR: '1', FORCE_COLOR: undefined } })
  // A program that ends without reading its input is no failure of the caller.
  running.stdin?.on('error', () => undefined)
  running.stdin?.end(input)
  const limit = setTimeout(() => running.signal('SIGKILL'), 20_000)
  const { code } = await running.ended
  clearTimeout(limit)
  return { code, stdout: running.stdout(), stderr: running.stderr() }
}

let lastTurn: Promise<unknown> = Promise.resolve()

/**
 * The same command line without a program of its own, which takes half a second to start: for tables of what is said.
 * It reads no input, and starts no role.
 */
export function commandLine(args: readonly string[]): Promise<Ran> {
  // One after the other: there is one standard output.
  const turn = lastTurn.then(() => runHere(args))
  lastTurn = turn
  return turn
}

async function runHere(args: readonly string[]): Promise<Ran> {
  const said = { stdout: '', stderr: '' }
  const streams = (['stdout', 'stderr'] as const).map((name) => {
    const write = (chunk: Buffer, _encoding: unknown, done: () => void): void => {
      said[name] += chunk.toString()
      done()
    }
    // A stream of its own each time: what a command listens to ends with it.
    return vi.spyOn(process, name, 'get').mockReturnValue(new Writable({ write }) as typeof process.stdout & typeof process.stderr)
  })
  try {
    return { code: await runCli(args, noRoles), ...said }
  } finally {
    for (const stream of streams) stream.mockRestore()
  }
}

const noRole = (): Promise<never> => Promise.reject(new Error('no role is started here'))
const noRoles: Roles = { run: noRole, gateway: noRole, serve: noRole, backup: noRole, restore: noRole, doctor: noRole }

export interface Files {
  readonly folder: string
  write(name: string, text: string): string
  remove(): void
}

export function openFiles(): Files {
  const folder = mkdtempSync(join(tmpdir(), 'cli-'))
  return {
    folder,
    write(name, text) {
      const path = join(folder, name)
      writeFileSync(path, text)
      return path
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
