// Runs `make demo-kubectl` as people run it: every step goes as expected, and nothing is left behind.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { hasKubectl } from '../kube/served-api.ts'
import { spawnProcess } from '../support/node-process.ts'
import { bundled } from '../support/outside-servers.ts'

const demo = bundled('demo.js')
const wholeMs = 400_000
const listed = spawnSync(process.execPath, [demo, 'kubectl', '--list'], { encoding: 'utf8' }).stdout.trim().split('\n')
const stepNames = listed.map((line) => line.replace(/:.*/, ''))

test('the steps have names of their own, and the README names them', () => {
  expect(stepNames.length).toBeGreaterThanOrEqual(18)
  expect(new Set(stepNames).size).toBe(stepNames.length)
  const readme = readFileSync('README.md', 'utf8')
  expect(stepNames.filter((name) => !readme.includes(`\`${name}\``))).toEqual([])
})

describe.skipIf(!hasKubectl())('the demo with the commands of a cluster', () => {
  const temporary = mkdtempSync(join(tmpdir(), 'demo-test-'))
  afterAll(() => rmSync(temporary, { recursive: true, force: true }))

  test(
    'goes as expected, step by step, and leaves nothing behind',
    async () => {
      const running = spawnProcess([process.execPath, demo, 'kubectl'], { env: { TMPDIR: temporary } })
      const { code } = await running.ended
      const said = running.stdout()
      expect(said.trimEnd().split('\n').at(-1), said + running.stderr()).toBe(
        `${stepNames.length} of ${stepNames.length} steps as expected`,
      )
      expect(code).toBe(0)
      expect([...said.matchAll(/^√ \d+\. (\S+)$/gm)].map(([, name]) => name)).toEqual(stepNames)
      expect(readdirSync(temporary)).toEqual([])
    },
    wholeMs,
  )
})
