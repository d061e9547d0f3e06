// Starts the outside servers in a node and reads what they saw.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { makeCertificates } from './certificates.ts'
import type { NameAnswer } from './name-server.ts'
import { certificates } from './outside-plan.ts'
import type { Seen } from './seen.ts'
import type { WorldNode } from './world.ts'

export interface Outside {
  /** File of the authority that signed the servers' certificates. */
  readonly authority: string
  /** What was seen since the last call. */
  seen(): Seen[]
  /** From now on the names are answered so; null: there is no such name. */
  setNames(changes: Readonly<Record<string, NameAnswer | null>>): Promise<void>
  close(): Promise<void>
}

export async function startOutside(node: WorldNode): Promise<Outside> {
  const folder = mkdtempSync(join(tmpdir(), 'world-'))
  await makeCertificates(folder, certificates)
  const logPath = join(folder, 'seen.jsonl')
  const running = node.spawn(process.execPath, [bundled('test-outside.js'), logPath, folder], { cwd: folder })
  await running.says('"ready"')
  let read = 0
  let commands = 0
  return {
    authority: join(folder, 'ca.crt'),
    seen() {
      const text = readFileSync(logPath, 'utf8')
      // A line that is being written has no end yet.
      const end = text.lastIndexOf('\n') + 1
      const fresh = text.slice(read, end)
      read = end
      return fresh
        .split('\n')
        .filter(Boolean)
        .map((line): Seen => JSON.parse(line))
    },
    async setNames(changes) {
      commands += 1
      running.stdin?.write(`${JSON.stringify({ names: changes })}\n`)
      await running.says('{"done":true}\n'.repeat(commands))
    },
    async close() {
      running.signal('SIGTERM')
      await running.ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A bundled program: in dist/, where this very code may be bundled too. */
export function bundled(name: string): string {
  const dist = basename(import.meta.dirname) === 'dist' ? import.meta.dirname : resolve(import.meta.dirname, '../../dist')
  const path = join(dist, name)
  if (!existsSync(path)) throw new Error(`${path} is missing: run "make build" first`)
  return path
}
