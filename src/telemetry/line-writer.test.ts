// Holds that lines arrive whole and in order, that memory is bounded, and that a lost line is counted and told.
import { execFileSync } from 'node:child_process'
import { closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { configureLog, type LogSettings, linesDropped } from './index.ts'
import { openLineWriter } from './line-writer.ts'

let folder: string
let path: string
let before: LogSettings
let complaints: string[]
let dropped: number
let leave: () => void

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lines-'))
  path = join(folder, 'out')
  complaints = []
  dropped = 0
  before = configureLog({ write: (line) => complaints.push(line) })
  leave = linesDropped.subscribe(({ lines }) => {
    dropped += lines
  })
})
afterEach(() => {
  leave()
  configureLog(before)
  rmSync(folder, { recursive: true })
})

const describeLoss = (lines: number): string => `lost ${lines}`
const open = (limit?: number) => openLineWriter(path, limit === undefined ? { describeLoss } : { describeLoss, limit })

describe('a file', () => {
  test('gets every line once, in order, also when there are many', async () => {
    const writer = open()
    const lines = Array.from({ length: 10_000 }, (_, index) => `line ${index}`)
    for (const line of lines) writer.write(line)
    await writer.close()
    expect(readFileSync(path, 'utf8')).toBe(`${lines.join('\n')}\n`)
    expect([dropped, complaints]).toEqual([0, []])
  })

  test('is created for its owner only', async () => {
    await open().close()
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('is appended to', async () => {
    writeFileSync(path, 'before\n')
    const writer = open()
    writer.write('after')
    await writer.close()
    expect(readFileSync(path, 'utf8')).toBe('before\nafter\n')
  })

  test('gets a single line soon, without a flush', async () => {
    const writer = open()
    writer.write('soon')
    await vi.waitFor(() => expect(readFileSync(path, 'utf8')).toBe('soon\n'), { timeout: 2000, interval: 5 })
    await writer.close()
  })

  test('has what was written before a flush when the flush is over', async () => {
    const writer = open()
    writer.write('one')
    await writer.flush()
    expect(readFileSync(path, 'utf8')).toBe('one\n')
    await writer.flush()
    await writer.close()
  })

  test('that cannot be opened is an error with its code, its path and a fix', () => {
    path = join(folder, 'missing', 'out')
    expect(open).toThrow(expect.objectContaining({ code: 'SLP4001', message: expect.stringContaining(path), fix: expect.any(String) }))
  })
})

test('a line after the end is dropped and counted', async () => {
  const writer = open()
  await writer.close()
  writer.write('late')
  expect(dropped).toBe(1)
  expect(complaints).toHaveLength(1)
  await writer.close()
})

test('lines over the limit are dropped, counted, and told of at their place', async () => {
  const writer = open(10)
  for (const line of ['aaaaa', 'bbbbb', 'ccccc', 'ddddd']) writer.write(line)
  expect(dropped).toBe(2)
  await writer.flush()
  writer.write('eeeee')
  await writer.close()
  expect(readFileSync(path, 'utf8')).toBe('aaaaa\nbbbbb\nlost 2\neeeee\n')
})

test('what was lost at the end is told before closing', async () => {
  const writer = open(10)
  for (const line of ['aaaaa', 'bbbbb', 'ccccc']) writer.write(line)
  await writer.close()
  expect(readFileSync(path, 'utf8')).toBe('aaaaa\nbbbbb\nlost 1\n')
})

test.runIf(existsSync('/dev/full'))('a full disk loses lines, says so once, and stops nothing', async () => {
  path = '/dev/full'
  const writer = open()
  writer.write('one')
  await writer.flush()
  writer.write('two')
  await writer.close()
  expect(dropped).toBe(2)
  expect(complaints).toHaveLength(1)
  expect(complaints[0]).toContain('/dev/full')
  expect(complaints[0]).toContain('ENOSPC')
})

describe('a pipe', () => {
  test('whose reader is slow keeps nobody waiting, and gets whole lines when it reads on', async () => {
    execFileSync('sh', ['-c', 'mkfifo "$0"', path])
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const line = 'x'.repeat(999)
    const writer = open(200_000)
    for (let index = 0; index < 300; index++) writer.write(line)
    expect(dropped).toBe(100)
    const received = await readLines(reader, 201)
    expect(received.filter((each) => each === line)).toHaveLength(200)
    expect(received.at(-1)).toBe('lost 100')
    await writer.close()
    closeSync(reader)
  })

  test('whose reader left loses lines and raises nothing', async () => {
    execFileSync('sh', ['-c', 'mkfifo "$0"', path])
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const writer = open()
    closeSync(reader)
    writer.write('nobody')
    await writer.close()
    expect(dropped).toBe(1)
    expect(complaints[0]).toContain('EPIPE')
  })
})

/** Reads without blocking until so many lines have come. */
async function readLines(fd: number, count: number): Promise<string[]> {
  const buffer = Buffer.alloc(65_536)
  let text = ''
  await vi.waitFor(
    () => {
      text += buffer.toString('latin1', 0, readSome(fd, buffer))
      expect(text.split('\n').length - 1).toBeGreaterThanOrEqual(count)
    },
    { timeout: 5000, interval: 1 },
  )
  return text.split('\n').slice(0, -1)
}

function readSome(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0
    throw error
  }
}
