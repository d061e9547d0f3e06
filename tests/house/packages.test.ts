// Holds that packages are pinned to one version each and that the lock file names no host.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './sources.ts'

interface Manifest {
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

interface Locked {
  readonly version: string
  readonly resolved?: string
  readonly integrity?: string
  readonly optional?: true
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface Lock {
  readonly packages: Readonly<Record<string, Locked>>
}

const manifest: Manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const lock: Lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
const direct = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
const locked = Object.entries(lock.packages).filter(([path]) => path !== '')

test.each(direct)('%s is pinned exactly, and locked at that version', (name, range) => {
  expect(range).toMatch(/^\d+\.\d+\.\d+$/)
  expect(lock.packages[`node_modules/${name}`]?.version).toBe(range)
})

test('no locked package names a host to come from', () => {
  expect(locked.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([])
})

test('every locked package has a checksum, or is for a platform that the registry had nothing for', () => {
  const isForMachinesOfCi = (entry: Locked): boolean =>
    entry.optional !== true ||
    (entry.os?.includes('linux') === true && entry.cpu?.includes('x64') === true && entry.libc?.includes('musl') !== true)
  const unchecked = locked.filter(([, entry]) => entry.integrity === undefined && isForMachinesOfCi(entry))
  expect(unchecked.map(([path]) => path)).toEqual([])
})

test('the packages for all platforms are locked, or `npm ci` refuses the file: run `node tools/complete-lock.mjs`', () => {
  const missing = locked.flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter(
      (name) => lock.packages[`node_modules/${name}`] === undefined && lock.packages[`${path}/node_modules/${name}`] === undefined,
    ),
  )
  expect(missing).toEqual([])
})

test('all packages of vitest are of one version', () => {
  const versions = locked.filter(([path]) => /^node_modules\/(@vitest\/|vitest$)/.test(path)).map(([, entry]) => entry.version)
  expect([...new Set(versions)]).toEqual([manifest.devDependencies?.['vitest']])
})
