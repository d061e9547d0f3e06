// Runs the demo as people run it: that every step goes as expected, that it fails when a part is broken, and that it leaves nothing behind.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { spawnProcess } from '../support/node-process.ts'
import type { Output } from '../support/node-process.ts'
import { bundled } from '../support/outside-servers.ts'

const demo = bundled('demo.js')
const wholeMs = 120_000
const isRoot = process.getuid?.() === 0
const asNobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', 'env', 'HOME=/nonexistent']
const nobodyMayRead = isRoot && spawnSync('env', [...asNobody, 'test', '-r', demo]).status === 0

let temporary: string

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'demo-test-'))
  chmodSync(temporary, 0o777)
})

afterEach(() => rmSync(temporary, { recursive: true, force: true }))

async function play(env: Readonly<Record<string, string>>, as: readonly string[] = []): Promise<Output> {
  const running = spawnProcess([...as, process.execPath, demo], { env: { ...env, TMPDIR: temporary } })
  const ending = await running.ended
  return { ...ending, stdout: running.stdout(), stderr: running.stderr() }
}

function lastLines(text: string, count: number): string[] {
  return text.trimEnd().split('\n').slice(-count)
}

const listed = spawnSync(process.execPath, [demo, '--list'], { encoding: 'utf8' }).stdout.trim().split('\n')
const stepNames = listed.map((line) => line.replace(/:.*/, ''))

test('the steps are many, and each has a name of its own', () => {
  expect(stepNames.length).toBeGreaterThanOrEqual(24)
  expect(new Set(stepNames).size).toBe(stepNames.length)
})

describe('the demo', () => {
  const users: Record<string, { readonly as: readonly string[]; readonly possible: boolean }> = {
    'as whoever runs the tests': { as: [], possible: true },
    'as an ordinary user': { as: asNobody, possible: nobodyMayRead },
  }

  test.each(Object.entries(users).filter(([, { possible }]) => possible))(
    'goes as expected, step by step, and leaves nothing behind, %s',
    async (_name, { as }) => {
      const { code, stdout, stderr } = await play({}, as)
      expect(lastLines(stdout, 1), stdout + stderr).toEqual([`${stepNames.length} of ${stepNames.length} steps as expected`])
      expect(code).toBe(0)
      expect([...stdout.matchAll(/^√ \d+\. (\S+)$/gm)].map(([, name]) => name)).toEqual(stepNames)
      expect(readdirSync(temporary)).toEqual([])
    },
    wholeMs,
  )

  const breakages: Record<string, { readonly fails: string; readonly doesNot: string }> = {
    capture: { fails: 'http-registry-only', doesNot: 'http-allow-any' },
    policy: { fails: 'http-registry-only', doesNot: 'http-misspelt-mode' },
    gateway: { fails: 'http-gateway', doesNot: 'http-host-spoof' },
  }

  test.each(Object.entries(breakages))(
    'fails by name when %s is broken',
    async (what, { fails, doesNot }) => {
      const { code, stdout, stderr } = await play({ BREAK: what })
      const [count = '', names = ''] = lastLines(stdout, 2)
      expect(count, stdout + stderr).toMatch(/^\d+ of \d+ steps as expected; \d+ were not played$/)
      const failed = names.replace(/^failed: /, '').split(', ')
      expect(failed).toContain(fails)
      expect(failed).not.toContain(doesNot)
      expect(code).toBe(1)
      expect(readdirSync(temporary)).toEqual([])
    },
    wholeMs,
  )

  test(
    'cleans up when it is interrupted',
    async () => {
      const running = spawnProcess([process.execPath, demo], { env: { TMPDIR: temporary } })
      await running.says('√ 2.', 30_000)
      running.signal('SIGINT')
      expect(await running.ended).toEqual({ code: 130, signal: null })
      expect(readdirSync(temporary)).toEqual([])
      expect(commandLines().filter((line) => line.includes(temporary))).toEqual([])
    },
    wholeMs,
  )

  test('does not know what it shall break', async () => {
    const { code, stderr } = await play({ BREAK: 'everything' })
    expect(code).toBe(2)
    expect(stderr).toContain('BREAK=WHAT')
  })
})

/** Of every process that runs just now. */
function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      } catch {
        // It ended while we looked.
        return ''
      }
    })
}
