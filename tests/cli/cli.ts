// Runs the bundled program as a shell does, and gives what it printed and its exit code.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
