// Changes the folder of declarations that sidecar and gateway read, one file at a time and atomically, and knows when a change is in force.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Declarations {
  readonly folder: string
  /** Puts a file of `demo/declarations` into the folder, under its own name or another; resolves when it is in force. */
  put(source: string, name?: string): Promise<void>
  remove(name: string): Promise<void>
}

/** Who reads the folder: tells when it last took over a configuration, in seconds since the epoch. */
export interface Reader {
  readonly name: string
  lastChange(): Promise<number>
}

export interface DeclarationOptions {
  readonly folder: string
  readonly readers: () => readonly Reader[]
  /** What is written instead of a file's text. */
  readonly alter: (name: string, text: string) => string
}

const inForceMs = 5000

export function openDeclarations(options: DeclarationOptions): Declarations {
  const { folder } = options
  const staging = `${folder}.staging`
  mkdirSync(folder, { recursive: true })
  mkdirSync(staging, { recursive: true })

  async function change(act: () => void): Promise<void> {
    const before = Date.now() / 1000
    act()
    await Promise.all(options.readers().map((reader) => waitFor(reader, before)))
  }

  return {
    folder,
    put: (source, name = source) =>
      change(() => {
        const fresh = join(staging, name)
        writeFileSync(fresh, options.alter(source, readFileSync(sourceFile(source), 'utf8')))
        renameSync(fresh, join(folder, name))
      }),
    async remove(name) {
      if (existsSync(join(folder, name))) await change(() => rmSync(join(folder, name)))
    },
  }
}

async function waitFor(reader: Reader, before: number): Promise<void> {
  const deadline = performance.now() + inForceMs
  while ((await reader.lastChange()) <= before) {
    if (performance.now() > deadline)
      throw new Error(`${reader.name} did not take over a change of the declarations within ${inForceMs} ms`)
    await sleep(10)
  }
}

/** In the repository; this very code may be bundled into dist/. */
function sourceFile(name: string): string {
  const root = basename(import.meta.dirname) === 'dist' ? resolve(import.meta.dirname, '../demo') : import.meta.dirname
  return join(root, 'declarations', name)
}
