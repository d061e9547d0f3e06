// Holds that a change of a file is noticed by whatever path the file was named.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Clock, systemClock } from '../base/index.ts'
import { createStore } from './index.ts'

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-path-'))
  mkdirSync(join(folder, 'real'))
  symlinkSync(join(folder, 'real'), join(folder, 'link'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Long after the file was written, so that it is not read once more on suspicion. */
const later: Clock = {
  now: () => systemClock.now() + 60_000,
  monotonic: () => systemClock.monotonic(),
  exact: () => systemClock.exact(),
  setTimer: (ms, run) => systemClock.setTimer(ms, run),
}

function entry(host: string): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: one, namespace: default}
spec: {hosts: [${host}], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
`
}

const ways: Record<string, (name: string) => string> = {
  'its absolute path': (name) => join(folder, 'real', name),
  'a relative path': (name) => relative(process.cwd(), join(folder, 'real', name)),
  'a path by a linked directory': (name) => join(folder, 'link', name),
  'a relative path by a linked directory': (name) => relative(process.cwd(), join(folder, 'link', name)),
}

const writes: Record<string, (path: string, text: string) => void> = {
  'written in place': (path, text) => writeFileSync(path, text),
  replaced: (path, text) => {
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  },
}

test.each(Object.entries(ways).flatMap(([way, pathOf]) => Object.entries(writes).map(([how, write]) => ({ way, pathOf, how, write }))))(
  'a file that is named by $way and $how counts as it is now',
  async ({ pathOf, write }) => {
    const name = 'policy.yaml'
    const real = join(folder, 'real', name)
    writeFileSync(real, entry('before.test'))
    const store = createStore([pathOf(name)], { clock: later })
    try {
      write(real, entry('after.test'))
      await expect
        .poll(() => store.snapshot.value.resources.of('ServiceEntry').map(({ spec }) => spec.hosts), { timeout: 4000 })
        .toEqual([['after.test']])
    } finally {
      store.close()
      rmSync(real)
    }
  },
)
