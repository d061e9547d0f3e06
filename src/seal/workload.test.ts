// Holds what is said of a command that cannot be started, and the exit codes of one that could.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exitCodeOf, whyUnstartable } from './workload.ts'

let directory = ''

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'seal-workload-'))
  mkdirSync(join(directory, 'bin'))
  for (const [name, mode] of [
    ['runs', 0o755],
    ['plain', 0o644],
  ] as const) {
    writeFileSync(join(directory, 'bin', name), '#!/bin/sh\n')
    chmodSync(join(directory, 'bin', name), mode)
  }
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

const cases: Record<string, { command: string; code?: 126 | 127 }> = {
  'a program on PATH': { command: 'runs' },
  'a program by its path': { command: 'bin/runs' },
  'a file on PATH that is not executable': { command: 'plain', code: 126 },
  'a file by its path that is not executable': { command: './bin/plain', code: 126 },
  'a directory': { command: './bin', code: 126 },
  'nothing on PATH': { command: 'nothing', code: 127 },
  'nothing at that path': { command: './nothing', code: 127 },
  'no name': { command: '', code: 127 },
}

test.each(Object.entries(cases))('%s', (_name, { command, code }) => {
  expect(whyUnstartable(command, `/proc/1/root:${join(directory, 'bin')}`, directory)?.code).toBe(code)
})

test('an end by a signal is 128 and its number', () => {
  expect([exitCodeOf(0, null), exitCodeOf(3, null), exitCodeOf(null, 'SIGKILL'), exitCodeOf(null, 'SIGTERM')]).toEqual([0, 3, 137, 143])
})
