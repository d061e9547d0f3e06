// Holds that an object whose status alone has changed is read with it at once, in a watch in its order, and after a restart.
import { expect, it } from 'vitest'
import { fieldAtPath, type JsonObject } from '../../src/kube/index.ts'
import { askApi, type Asked } from './served-api.ts'
import { serveForAll } from './served-for-all.ts'

const served = serveForAll()
const path = '/apis/networking.istio.io/v1/namespaces/default/serviceentries'

async function ask(at: string, asked: Asked = {}): Promise<JsonObject> {
  const { code, body } = await askApi(served.api, at, asked)
  expect([code, body]).toEqual([expect.toSatisfy((number: number) => number < 300), expect.anything()])
  return JSON.parse(body)
}

const merge = (body: object): Asked => ({
  method: 'PATCH',
  headers: { 'Content-Type': 'application/merge-patch+json' },
  body: JSON.stringify(body),
})
function revisionOf(object: JsonObject): string {
  const revision = fieldAtPath(object, ['metadata', 'resourceVersion'])
  return typeof revision === 'string' ? revision : ''
}

const typesOf = (object: JsonObject): readonly unknown[] =>
  Object(fieldAtPath(object, ['status', 'conditions'])).map?.((one: JsonObject) => one['type']) ?? []

it('what was written last is what is read', async () => {
  const spec = { hosts: ['a.example'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' }
  const object = { apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name: 'one' }, spec }
  const written: JsonObject[] = [await ask(path, { method: 'POST', body: JSON.stringify(object) })]
  const since = revisionOf(written[0] ?? {})
  const watched = askApi(served.api, `${path}?watch=1&timeoutSeconds=3&resourceVersion=${since}`)
  const conditions = (type: string): object => ({ status: { conditions: [{ type, status: 'True' }] } })
  for (const [at, body] of [
    [`${path}/one/status`, conditions('Mine')],
    [`${path}/one`, { spec: { location: 'MESH_EXTERNAL' } }],
    [`${path}/one/status`, conditions('MineToo')],
    [`${path}/one`, { metadata: { labels: { a: 'b' } } }],
  ] as const) {
    const answer = await ask(at, merge(body))
    // Nobody has to wait for it: what is answered is what everybody reads from then on, until the server adds what it finds itself.
    const read = await ask(`${path}/one`)
    if (revisionOf(read) === revisionOf(answer)) expect(read).toEqual(answer)
    written.push(answer)
  }
  expect(written.map(typesOf)).toEqual([
    [],
    ['Mine'],
    expect.arrayContaining(['Mine']),
    expect.arrayContaining(['MineToo']),
    expect.arrayContaining(['MineToo']),
  ])
  const events: readonly JsonObject[] = (await watched).body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const revisions = events.map((event) => Number(fieldAtPath(event, ['object', 'metadata', 'resourceVersion'])))
  expect(revisions).toEqual(revisions.toSorted((a, b) => a - b))
  expect(events.map((event) => event['object'])).toEqual(expect.arrayContaining(written.slice(1)))
  await expect.poll(async () => typesOf(await ask(`${path}/one`)), { timeout: 10_000 }).toContain('PassedAnalysis')
  const last = await ask(`${path}/one`)
  await served.again()
  expect(await ask(`${path}/one`)).toEqual(last)
})
