// Holds that the programs which others are compared with are there where everything must run, and are the ones that are meant.
import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { findEnvoy, noEnvoy } from '../support/envoy.ts'

it('Envoy is of the version that is pinned', ({ skip }) => {
  const envoy = findEnvoy()
  if (!envoy && process.env.CI !== 'true') skip(noEnvoy)
  if (!envoy) throw new Error(noEnvoy)
  expect(execFileSync(envoy.path, ['--version'], { encoding: 'utf8' })).toContain(`/${envoy.version}/`)
})
