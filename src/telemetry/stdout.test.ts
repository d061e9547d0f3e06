// Holds that records reach stdout in a process of its own, whatever stdout is: a pipe, a socket or a file.
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'

let folder: string
let program: string

/** Writes ten thousand lines to stdout and ends when they are out. */
const source = `
  import { openRecordWriter } from './index.ts'
  const writer = openRecordWriter('-')
  for (let id = 0; id < 10_000; id++) writer.write({ id })
  await writer.close()
`

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stdout-'))
  program = join(folder, 'program.mjs')
  const stdin = { contents: source, resolveDir: import.meta.dirname, loader: 'ts' as const }
  await build({ stdin, outfile: program, bundle: true, platform: 'node', format: 'esm', logLevel: 'silent' })
})
afterAll(() => rmSync(folder, { recursive: true }))

const expected = Array.from({ length: 10_000 }, (_, id) => `{"id":${id}}\n`).join('')

test('a socket, as a parent process gives it', async () => {
  const run = await promisify(execFile)(process.execPath, [program], { timeout: 10_000 })
  expect(run).toEqual({ stdout: expected, stderr: '' })
})

test('a pipe of a shell', () => {
  const out = execFileSync('sh', ['-c', '"$0" "$1" | cat', process.execPath, program], { timeout: 10_000, encoding: 'utf8' })
  expect(out).toBe(expected)
})

test('a file that others write to as well', () => {
  const path = join(folder, 'shared')
  writeFileSync(path, '')
  execFileSync('sh', ['-c', '{ echo before; "$0" "$1"; echo after; } > "$2"', process.execPath, program, path], { timeout: 10_000 })
  expect(readFileSync(path, 'utf8')).toBe(`before\n${expected}after\n`)
})

test('a pipe whose reader leaves ends nothing early', () => {
  const path = join(folder, 'errors')
  const script = '{ "$0" "$1" 2> "$2"; echo "status $?" >> "$2"; } | head -n 1'
  const out = execFileSync('sh', ['-c', script, process.execPath, program, path], { timeout: 10_000, encoding: 'utf8' })
  expect(out).toBe('{"id":0}\n')
  expect(readFileSync(path, 'utf8')).toMatch(/^sallyport: error: lines for - are being dropped: EPIPE.*\nstatus 0\n$/)
})
