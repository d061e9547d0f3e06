// Copies of what `sallyport serve` keeps: taken while it runs and while it does not, and brought back where everything was lost or damaged.
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sallyport } from '../cli/cli.ts'
import { askApi, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

const maps = '/api/v1/namespaces/default/configmaps'
const home = temporaryDirectory()
const data = join(home.path, 'serve')
const file = join(home.path, 'serve.backup')
let api: ServedApi | undefined

beforeAll(async () => {
  api = await serveApi(data)
  for (const name of ['a', 'b']) {
    const body = JSON.stringify({ metadata: { name }, data: { text: name } })
    expect((await askApi(api, maps, { method: 'POST', body })).code).toBe(201)
  }
})
afterAll(async () => {
  await api?.kill('SIGTERM')
  home.remove()
})

const namesAt = async (served: Pick<ServedApi, 'directory' | 'url'>): Promise<readonly string[]> => {
  const { items } = JSON.parse((await askApi(served, maps)).body)
  return items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)
}

it('is taken from a server that runs, with its keys, for its owner alone', async () => {
  const { code, stderr } = await sallyport(['backup', '--data', data, file])
  expect([code, stderr]).toEqual([0, expect.stringMatching(/objects of revision \d+, with the keys of the server/)])
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const { stdout } = await sallyport(['backup', '--kubeconfig', join(data, 'kubeconfig'), '-'])
  expect(stdout).toContain('"files":0')
  expect(stdout.split('\n').length).toBeLessThan(readFileSync(file, 'utf8').split('\n').length)
})

it('is for administrators: others are refused', async () => {
  if (api === undefined) throw new Error('no server')
  expect((await askApi(api, '/apis/node.sallyport.dev/v1/backup', { token: 'forged' })).code).toBe(401)
})

it('is not brought back into a folder that is in use, or has something in it', async () => {
  const used = await sallyport(['restore', '--data', data, '--force', file])
  expect([used.code, used.stderr]).toEqual([1, expect.stringContaining('is in use by another process')])
  const full = await sallyport(['restore', '--data', data, file])
  expect([full.code, full.stderr]).toEqual([1, expect.stringContaining('is not empty: it has objects and pki')])
})

it('makes a server in a new folder the same, for those who know it', async () => {
  await api?.kill('SIGKILL')
  const other = join(home.path, 'other')
  expect(await sallyport(['restore', '--data', other, file])).toMatchObject({ code: 0 })
  const again = await serveApi(other)
  try {
    expect(await namesAt({ directory: data, url: again.url })).toEqual(['a', 'b'])
  } finally {
    await again.kill('SIGTERM')
  }
})

it('is what a server with damaged objects asks for, and mends them', async () => {
  const objects = join(data, 'objects')
  for (const name of readdirSync(objects).filter((one) => /\.(ldb|log)$|MANIFEST/.test(one))) truncateSync(join(objects, name), 30)
  await expect(serveApi(data)).rejects.toThrow(/are damaged[\s\S]*sallyport restore FILE --data \S+ --force/)
  expect(await sallyport(['backup', '--data', data, join(home.path, 'damaged')])).toMatchObject({ code: 4 })
  const { code, stderr } = await sallyport(['restore', '--data', data, '--force', file])
  expect([code, stderr]).toEqual([0, expect.stringMatching(/what was there is in \S+before-/)])
  api = await serveApi(data)
  expect(await namesAt(api)).toEqual(['a', 'b'])
})

it('is taken from a folder that no server uses, and not from one that holds nothing', async () => {
  await api?.kill('SIGTERM')
  expect((await sallyport(['backup', '--data', data, file])).code).toBe(0)
  mkdirSync(join(home.path, 'empty'), { recursive: true })
  const { code, stderr } = await sallyport(['backup', '--data', join(home.path, 'empty'), file])
  expect([code, stderr]).toEqual([4, expect.stringContaining('holds no objects')])
})

it('is left alone when it is damaged', async () => {
  writeFileSync(file, readFileSync(file, 'utf8').replace('configmaps', 'configmapz'))
  const { code, stderr } = await sallyport(['restore', '--data', join(home.path, 'third'), file])
  expect([code, stderr]).toEqual([4, expect.stringContaining('it is damaged')])
})
