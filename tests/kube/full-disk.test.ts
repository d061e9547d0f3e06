// Fills the disk under `sallyport serve`: a write that cannot be kept is refused and changes nothing, and writing goes on when there is room again.
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { askApi, type Replied } from './served-api.ts'
import { serveForAll } from './served-for-all.ts'

const maps = '/api/v1/namespaces/default/configmaps'

const served = serveForAll({ diskBytes: 16 * 1024 * 1024 })

it('refuses what it cannot keep with 507, goes on reading, and writes again when there is room', {
  timeout: 60_000,
  retry: 0,
}, async () => {
  const disk = served.api.directory
  expect((await write('before')).code).toBe(201)
  // To go on, LevelDB has to write its log anew: it needs as much room again.
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(8 * 1024 * 1024))
  let last = await write('n0')
  for (let i = 1; last.code === 201 && i < 200; i++) last = await write(`n${i}`)
  expect(last.code).toBe(507)
  expect(JSON.parse(last.body)).toMatchObject({ kind: 'Status', reason: 'InsufficientStorage' })
  const listed = await namesOf()
  expect(listed).toContain('before')
  rmSync(join(disk, 'ballast'))
  expect(readdirSync(disk)).not.toContain('ballast')
  await expect.poll(async () => (await askApi(served.api, `${maps}/n0`, { method: 'DELETE' })).code, { timeout: 20_000 }).toBe(200)
  expect(await namesOf()).toEqual(listed.filter((name) => name !== 'n0'))
})

function write(name: string): Promise<Replied> {
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: randomText() } })
  return askApi(served.api, maps, { method: 'POST', body })
}

/** Nothing that LevelDB could make smaller. */
function randomText(): string {
  return Array.from({ length: 8000 }, () => Math.random().toString(36).slice(2, 10)).join('')
}

async function namesOf(): Promise<readonly string[]> {
  const list: { readonly items: readonly { readonly metadata: { readonly name: string } }[] } = JSON.parse(
    (await askApi(served.api, maps)).body,
  )
  return list.items.map(({ metadata }) => metadata.name)
}
