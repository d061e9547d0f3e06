// Holds that a Pod which no process can be started for is told of, and harms nobody else.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { JsonObject, KubeObject } from '../kube/index.ts'
import { PodProcess } from './pod-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'pod-process-'))
afterAll(() => rmSync(folder, { recursive: true }))

const pod: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'default', uid: 'u' }, spec: {} }
const order = {
  container: 'main',
  image: 'busybox',
  env: {},
  cwd: '/',
  holdsInput: false,
  publish: [],
  serviceAccount: 'default',
  restartPolicy: 'Never',
  graceSeconds: 1,
} as const

const cases: Record<string, { command: readonly string[]; program?: readonly string[]; says: RegExp }> = {
  'a word with a NUL': { command: ['echo', 'a\0b'], says: /null bytes/ },
  'a word that is longer than any may be': { command: ['echo', 'x'.repeat(200_000)], says: /E2BIG/ },
  'a program that is not there': { command: ['echo'], program: ['/nothing/there'], says: /ENOENT/ },
}

test.each(Object.entries(cases))('%s', async (_name, { command, program = ['/bin/true'], says }) => {
  const told: JsonObject[] = []
  const failures: unknown[] = []
  const process = new PodProcess(
    pod,
    { ...order, command },
    {
      node: 'here',
      address: '127.0.0.1',
      program,
      options: [],
      notesPath: (uid) => join(folder, uid),
      logPath: (uid, run) => join(folder, `${uid}-${run}`),
      appletsOf: () => folder,
      setStatus: (_pod, status) => Promise.resolve(void told.push(status)),
      tell: () => undefined,
      remove: () => Promise.resolve(),
      report: (error) => void failures.push(error),
    },
  )
  process.start()
  await expect.poll(() => told.at(-1)?.['phase']).toBe('Failed')
  expect(JSON.stringify(told.at(-1))).toMatch(says)
  expect(failures).toEqual([])
})
