// Holds that folders of sockets are removed once nobody lives who made them, and not before.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { nameSocketDirectory, openSocketDirectory } from './socket-directory.ts'

function name(): string {
  const path = nameSocketDirectory([])
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A folder whose owner listens at `owner` in a process of its own, and says so. */
function owned(path: string, thenDo: string): string {
  mkdirSync(path, { mode: 0o700 })
  return `require('node:net').createServer().listen(${JSON.stringify(join(path, 'owner'))}, () => { ${thenDo} })`
}

test('what a dead process left is removed at the next start; what somebody holds, or nobody is known to have made, stays', async () => {
  const [dead, alive, unknown, other] = [name(), name(), name(), join('/dev/shm', `sallyport-test-${process.pid}`)]
  spawnSync(process.execPath, ['-e', owned(dead, "process.kill(process.pid, 'SIGKILL')")])
  writeFileSync(join(dead, 'bootstrap.json'), '{}')
  const holding = spawn(process.execPath, ['-e', owned(alive, "console.log('ready')")])
  onTestFinished(() => void holding.kill('SIGKILL'))
  mkdirSync(unknown)
  spawnSync(process.execPath, ['-e', owned(other, "process.kill(process.pid, 'SIGKILL')")])
  onTestFinished(() => rmSync(other, { recursive: true, force: true }))
  await once(holding.stdout, 'data')
  expect([dead, alive, unknown, other].map((path) => existsSync(path))).toEqual([true, true, true, true])
  const made = name()
  const directory = await openSocketDirectory(made, [])
  onTestFinished(() => directory.close())
  await expect.poll(() => existsSync(dead)).toBe(false)
  expect([alive, unknown, other, made].map((path) => existsSync(path))).toEqual([true, true, true, true])
})

test('it is there as long as it is wanted, and is nobody else’s', async () => {
  const path = name()
  const directory = await openSocketDirectory(path, [])
  await expect(openSocketDirectory(path, [])).rejects.toMatchObject({ code: 'SLP5001' })
  expect(existsSync(path)).toBe(true)
  directory.close()
  expect(existsSync(path)).toBe(false)
})

test('a command that sees the place is not started', async () => {
  await expect(openSocketDirectory('/dev/shm/sallyport-x', ['/dev/shm'])).rejects.toMatchObject({ code: 'SLP5001' })
  await expect(openSocketDirectory('/tmp/sallyport-x', [])).rejects.toMatchObject({ code: 'SLP5001' })
})
