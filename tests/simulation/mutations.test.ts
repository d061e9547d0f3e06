// Holds that the simulation finds faults: it is run again over sources with one, and has to turn red in its tables and in its made-up calls.
import { execFile } from 'node:child_process'
import { readFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mutations } from './mutated/mutations.ts'

/** What is found is made smaller by the child, too, however busy the machine is. */
const patienceMs = 170_000

interface FileResult {
  readonly name: string
  readonly assertionResults: readonly { readonly status: string }[]
}

/** How many tests of each file passed and failed. */
async function playedWith(mutation: string): Promise<Readonly<Record<string, readonly [passed: number, failed: number]>>> {
  const folder = mkdtempSync(join(tmpdir(), 'mutated-'))
  const output = join(folder, 'results.json')
  const args = ['run', '--config', 'tests/simulation/mutated/vitest.config.ts', '--reporter=json', `--outputFile=${output}`]
  const env = { ...process.env, SIMULATION_MUTATION: mutation, SIMULATION_SECONDS: undefined }
  try {
    // Red is what is hoped for: what counts is in the file.
    await new Promise<void>((done) => {
      execFile(process.execPath, [resolve('node_modules/vitest/vitest.mjs'), ...args], { env, timeout: patienceMs }, () => done())
    })
    const { testResults } = JSON.parse(readFileSync(output, 'utf8')) as { readonly testResults: readonly FileResult[] }
    const counted = (one: FileResult, status: string): number => one.assertionResults.filter((result) => result.status === status).length
    return Object.fromEntries(testResults.map((one) => [one.name.split('/').at(-1), [counted(one, 'passed'), counted(one, 'failed')]]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('a fault is found', () => {
  test.concurrent.each(Object.keys(mutations))(
    '%s',
    async (mutation) => {
      const { 'strictness.test.ts': tables, 'generated.test.ts': made } = await playedWith(mutation)
      // Nearly all goes on as before.
      expect(tables?.[0]).toBeGreaterThan(20)
      expect(tables?.[1]).toBeGreaterThan(0)
      expect(made).toEqual([0, 1])
    },
    patienceMs + 10_000,
  )
})
