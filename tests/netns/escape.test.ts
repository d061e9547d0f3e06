// Runs the escape suite whole, and against seals that lack a layer: it must find nothing in the one, and something in each of the others.
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { bundled } from '../support/outside-servers.ts'
import { layers } from '../../src/seal/index.ts'

interface Result {
  readonly code: number | null
  readonly attempts: number
  readonly out: number
  /** Every line that somebody should look at. */
  readonly remarkable: readonly string[]
}

const limitMs = 240_000

function runSuite(...args: readonly string[]): Promise<Result> {
  const child = spawn(process.execPath, [bundled('escape.js'), ...args], {
    cwd: resolve(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  return new Promise((done, failed) => {
    child.once('error', failed)
    child.once('close', (code) => {
      const lines = output.trimEnd().split('\n')
      const [, attempts = '0', out = '-1'] = /^([0-9]+) attempts, ([0-9]+) out$/.exec(lines.at(-1) ?? '') ?? []
      const remarkable = lines.filter((line) => /OUT|NOT REACHED|cannot be tried|^escape:|prove nothing/.test(line))
      done({ code, attempts: Number(attempts), out: Number(out), remarkable: out === '-1' ? lines.slice(-20) : remarkable })
    })
  })
}

test('no attempt gets out of the seal, and each is shown to work without it', { timeout: limitMs }, async () => {
  const { attempts, ...result } = await runSuite()
  expect(result).toEqual({ code: 0, out: 0, remarkable: [] })
  expect(attempts).toBeGreaterThanOrEqual(40)
})

/** Some attempts that each layer stops: the whole suite for each would be four times as long as that which counts. */
const stopped: Record<(typeof layers)[number], string> = { seccomp: 'types into', masks: 'asks', nft: 'UDP', namespaces: 'metadata' }

test.each(layers)('without the layer %s something gets out, and is noticed', { timeout: limitMs }, async (layer) => {
  const { code, out } = await runSuite('--without', layer, '--only', stopped[layer])
  expect(out).toBeGreaterThan(0)
  expect(code).toBe(1)
})
