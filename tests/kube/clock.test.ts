// What hangs on the clock of `sallyport serve`: tokens of service accounts and nothing else, also when it is set back.
import { describe, expect, it } from 'vitest'
import { askApi } from './served-api.ts'
import { serveForAll } from './served-for-all.ts'
import { newToken, signedFor } from './signed-token.ts'

const HOUR_MS = 3_600_000
const maps = '/api/v1/namespaces/default/configmaps'

const served = serveForAll()

/** Whoever is known, and has no rights, is forbidden. */
const codeFor = async (token: string): Promise<number> => (await askApi(served.api, maps, { token })).code
const written = async (name: string): Promise<number> => {
  const made = await askApi(served.api, maps, { method: 'POST', body: JSON.stringify({ metadata: { name } }) })
  expect(made.code).toBe(201)
  return Number(JSON.parse(made.body).metadata.resourceVersion)
}

describe('a token of a service account', () => {
  const rows: readonly (readonly [string, number, number, number])[] = [
    ['is taken in its time', -600, 600, 403],
    ['is taken when the clock was set back a little', 30, 600, 403],
    ['is refused when it has expired', -600, -1, 401],
    ['is refused when it is of the future', 600, 1200, 401],
  ]
  it.each(rows)('%s', async (_name, fromSeconds, toSeconds, code) => {
    const replied = await askApi(served.api, maps, { token: await signedFor(served.api, { fromSeconds, toSeconds }) })
    expect(replied.code).toBe(code)
    expect(JSON.parse(replied.body)).toMatchObject({ kind: 'Status', status: 'Failure', code })
  })
})

describe('a clock that was set back by an hour', () => {
  it('refuses the tokens of that hour, makes others, and counts writes as before', { retry: 0 }, async () => {
    const [token, revision] = [await newToken(served.api), await written('before')]
    await served.again({ clockMs: -HOUR_MS })
    expect(await written('after')).toBeGreaterThan(revision)
    const { items } = JSON.parse((await askApi(served.api, `${maps}?resourceVersion=${revision}`)).body)
    expect(items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual(['after', 'before'])
    expect(await codeFor(token)).toBe(401)
    expect(await codeFor(await newToken(served.api))).toBe(403)
    await served.again()
    expect(await codeFor(token)).toBe(403)
  })
})
