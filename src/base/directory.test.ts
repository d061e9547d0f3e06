// Holds that directories are made for their owner alone, and that what cannot be made is told.
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeDirectory } from './index.ts'

describe('making a directory', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'directory-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('makes those above it, each for its owner alone', () => {
    makeDirectory(join(folder, 'a', 'b'))
    for (const path of ['a', 'a/b']) expect(statSync(join(folder, path)).mode & 0o777).toBe(0o700)
  })

  it('leaves what is there as it is', () => {
    makeDirectory(join(folder, 'a'))
    makeDirectory(join(folder, 'a'))
    makeDirectory('/')
  })

  it('says so where none can be made', () => {
    expect(() => makeDirectory('/proc/sallyport/a')).toThrow(/ENOENT/)
  })
})
