// Kills `sallyport serve` while it is written to, again and again: what it has answered for is there afterwards.
import { Agent } from 'node:https'
import { afterAll, expect, it } from 'vitest'
import { tellCounts } from '../support/counts.ts'
import { askApi, serveApi, type ServedApi, temporaryDirectory } from './served-api.ts'

/** A kill and the start after it cost a good part of a second, nearly all of it for modules: machines that have the time do more, and `make soak` most. */
const KILLS = Number(process.env['KILLS'] ?? (process.env['CI'] === 'true' ? 100 : 20))
/** Servers that are killed at the same time, each with data of its own. */
const LINES = Math.min(4, KILLS)
const WRITERS = 4

const folders = Array.from({ length: LINES }, temporaryDirectory)
afterAll(() => {
  for (const folder of folders) folder.remove()
})

it(`loses no acknowledged write in ${KILLS} kills`, { timeout: 60_000 + KILLS * 10_000, retry: 0 }, async () => {
  const lines = folders.map(({ path }, index) => killAgain(path, Math.floor((KILLS + index) / LINES)))
  const written = (await Promise.all(lines)).reduce((sum, count) => sum + count, 0)
  tellCounts(`serve: ${KILLS} kills, 0 acknowledged writes lost of ${written}`)
})

/** Resolves with the number of writes that were answered. */
async function killAgain(directory: string, kills: number): Promise<number> {
  const acknowledged = new Map<string, number>()
  let counter = 0
  for (let kill = 0; kill < kills; kill++) {
    const api = await serveApi(directory)
    await expectAll(api, acknowledged)
    // At another moment of the writing each time: after so many answers.
    const wanted = acknowledged.size + 1 + (kill % 10)
    const acknowledge = (name: string, revision: number): void => {
      acknowledged.set(name, revision)
      if (acknowledged.size === wanted) void api.kill('SIGKILL')
    }
    await Promise.all(Array.from({ length: WRITERS }, () => writeUntilDead(api, () => `n${counter++}`, acknowledge)))
    await api.kill('SIGKILL')
  }
  const api = await serveApi(directory)
  await expectAll(api, acknowledged)
  await api.kill('SIGTERM')
  return acknowledged.size
}

type Acknowledge = (name: string, revision: number) => void

async function writeUntilDead(api: ServedApi, nextName: () => string, acknowledge: Acknowledge): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (;;) {
    const name = nextName()
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: name.repeat(50) } })
    try {
      const { code, body: answer } = await askApi(api, '/api/v1/namespaces/default/configmaps', { method: 'POST', body, agent })
      if (code !== 201) throw new Error(answer)
      acknowledge(name, revisionOf(answer))
    } catch (error) {
      agent.destroy()
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
