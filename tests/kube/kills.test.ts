// Kills `sallyport serve` while it is written to, again and again: what it has answered for is there afterwards.
import { afterAll, expect, it } from 'vitest'
import { tellCounts } from '../support/counts.ts'
import { askApi, serveApi, type ServedApi, temporaryDirectory } from './served-api.ts'

/** Each start and kill costs a good part of a second: `make soak` has more of them. */
const KILLS = Number(process.env['KILLS'] ?? 20)
const WRITERS = 4

const data = temporaryDirectory()
afterAll(() => data.remove())

it(`loses no acknowledged write in ${KILLS} kills`, { timeout: 20_000 + KILLS * 10_000, retry: 0 }, async () => {
  const acknowledged = new Map<string, number>()
  let counter = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const api = await serveApi(data.path)
    await expectAll(api, acknowledged)
    const before = acknowledged.size
    const writers = Array.from({ length: WRITERS }, () => writeUntilDead(api, () => `n${counter++}`, acknowledged))
    // At another moment of the writing each time: after so many answers.
    await expect.poll(() => acknowledged.size - before, { timeout: 20_000, interval: 1 }).toBeGreaterThan(kill % 10)
    await Promise.all([api.kill('SIGKILL'), ...writers])
  }
  const api = await serveApi(data.path)
  await expectAll(api, acknowledged)
  await api.kill('SIGTERM')
  tellCounts(`serve: ${KILLS} kills, 0 acknowledged writes lost of ${acknowledged.size}`)
})

async function writeUntilDead(api: ServedApi, nextName: () => string, acknowledged: Map<string, number>): Promise<void> {
  for (;;) {
    const name = nextName()
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: name.repeat(50) } })
    try {
      const { code, body: answer } = await askApi(api, '/api/v1/namespaces/default/configmaps', { method: 'POST', body })
      if (code !== 201) throw new Error(answer)
      acknowledged.set(name, revisionOf(answer))
    } catch (error) {
      if (error instanceof Error && 'code' in error) return
      throw error
    }
  }
}

async function expectAll(api: ServedApi, acknowledged: ReadonlyMap<string, number>): Promise<void> {
  const { body } = await askApi(api, '/api/v1/namespaces/default/configmaps')
  const list: { readonly items: readonly { readonly metadata: { readonly name: string; readonly resourceVersion: string } }[] } =
    JSON.parse(body)
  const found = new Map(list.items.map(({ metadata }) => [metadata.name, Number(metadata.resourceVersion)]))
  const lost = Array.from(acknowledged).filter(([name, revision]) => found.get(name) !== revision)
  expect(lost).toEqual([])
}

function revisionOf(answer: string): number {
  const object: { readonly metadata: { readonly resourceVersion: string } } = JSON.parse(answer)
  return Number(object.metadata.resourceVersion)
}
