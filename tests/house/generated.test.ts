// Holds that the committed xDS messages are what the committed descriptors generate.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { root } from './sources.ts'

test('src/xds/gen is current', { timeout: 60_000 }, async () => {
  const run = await promisify(execFile)(process.execPath, ['tools/gen-proto.mjs', '--check'], { cwd: root, timeout: 55_000 })
  expect(run.stderr).toBe('')
})
