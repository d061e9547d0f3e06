// What `sallyport serve` does with requests that mean no good, and with what lists and watches may ask of the past.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { type Asked, askApi, type Replied, residentMegabytes } from './served-api.ts'
import { serveForAll } from './served-for-all.ts'

const maps = '/api/v1/namespaces/default/configmaps'

const served = serveForAll()

const map = (name: string, more: object = {}): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...more }, data: { a: 'b' } })

const post = (body: string, more: Asked = {}): Promise<Replied> => askApi(served.api, maps, { method: 'POST', body, ...more })

interface Row {
  readonly path?: string
  readonly asked: Asked
  readonly code: number
  readonly says: RegExp
}

const rows: Record<string, Row> = {
  'a body over three megabytes': {
    asked: { method: 'POST', body: 'x'.repeat(3 * 1024 * 1024 + 1) },
    code: 413,
    says: /Request entity too large/,
  },
  'JSON ten thousand levels deep': {
    asked: { method: 'POST', body: '['.repeat(10_000) + ']'.repeat(10_000) },
    code: 400,
    says: /BadRequest/,
  },
  'half a JSON text': { asked: { method: 'POST', body: '{"kind":' }, code: 400, says: /BadRequest/ },
  'a kind that the path does not have': {
    asked: { method: 'POST', body: '{"apiVersion":"v1","kind":"Secret"}' },
    code: 400,
    says: /ConfigMap/,
  },
  'a repeated field under strict validation': {
    path: `${maps}?fieldValidation=Strict`,
    asked: { method: 'POST', body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","name":"y"}}' },
    code: 400,
    says: /duplicate field \\"metadata.name\\"/,
  },
  'a name that is none': { asked: { method: 'POST', body: map('Not_A_Name') }, code: 422, says: /metadata.name: Invalid value/ },
  'another namespace than that of the path': {
    asked: { method: 'POST', body: map('x', { namespace: 'other' }) },
    code: 400,
    says: /does not match/,
  },
  'an encoded slash in a name': { path: `${maps}/a%2fb`, asked: {}, code: 404, says: /could not find the requested resource/ },
  'dots in a path': { path: '/api/v1/namespaces/default/../../../metrics', asked: {}, code: 404, says: /NotFound/ },
  'a doubled slash': { path: '/api/v1//namespaces', asked: {}, code: 404, says: /NotFound/ },
  'a percent sign that encodes nothing': { path: '/api/v1/namespaces/%zz', asked: {}, code: 404, says: /NotFound/ },
  'the name of a prototype as a resource': { path: '/api/v1/__proto__', asked: {}, code: 404, says: /NotFound/ },
  'a method that a resource has not': { path: `${maps}/x`, asked: { method: 'POST', body: map('x') }, code: 405, says: /MethodNotAllowed/ },
  'a media type that nobody knows': {
    asked: { method: 'POST', body: 'x', headers: { 'Content-Type': 'text/csv' } },
    code: 415,
    says: /accepted media types/,
  },
  'a selector that cannot be read': { path: `${maps}?labelSelector=a%20in`, asked: {}, code: 400, says: /BadRequest/ },
  'a field that cannot be selected by': { path: `${maps}?fieldSelector=data.a%3Db`, asked: {}, code: 400, says: /data.a/ },
  'a continuation that was never given': { path: `${maps}?limit=1&continue=abc`, asked: {}, code: 400, says: /continue key is not valid/ },
  'a forged token': { path: maps, asked: { token: 'x'.repeat(43) }, code: 401, says: /Unauthorized/ },
  'a definition of a kind that is not built in, which would never be served': {
    path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    asked: {
      method: 'POST',
      body: JSON.stringify({
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: 'things.example.com' },
        spec: {
          group: 'example.com',
          names: { kind: 'Thing', plural: 'things' },
          scope: 'Namespaced',
          versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
        },
      }),
    },
    code: 403,
    says: /things.example.com.* is forbidden: this server serves the kinds of Istio that are built in, and none that are defined/,
  },
  'a deletion that says in no known way what becomes of what is owned': {
    path: `${maps}/x`,
    asked: { method: 'DELETE', body: '{"propagationPolicy":"Sideways"}' },
    code: 422,
    says: /propagationPolicy: Unsupported value: \\"Sideways\\": supported values: \\"Foreground\\", \\"Background\\", \\"Orphan\\", \\"nil\\"/,
  },
  'a deletion that says it twice': {
    path: `${maps}/x?propagationPolicy=Orphan`,
    asked: { method: 'DELETE', body: '{"orphanDependents":false}' },
    code: 422,
    says: /orphanDependents and deletionPropagation cannot be both set/,
  },
  'a Pod, which nobody would run': {
    path: '/api/v1/namespaces/default/pods',
    asked: { method: 'POST', body: '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"}}' },
    code: 403,
    says: /runs no Pods/,
  },
}

describe('requests that mean no good', () => {
  for (const [name, { path = maps, asked, code, says }] of Object.entries(rows)) {
    it(`refuses ${name}`, async () => {
      const replied = await askApi(served.api, path, asked)
      expect(replied.body).toMatch(says)
      expect(replied.code).toBe(code)
      expect(JSON.parse(replied.body)).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code })
    })
  }

  it('keeps keys that are called like prototypes as keys', async () => {
    const body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"proto"},"data":{"__proto__":"x","constructor":"y"}}'
    expect((await post(body)).code).toBe(201)
    expect((await askApi(served.api, `${maps}/proto`)).body).toContain('"data":{"__proto__":"x","constructor":"y"}')
  })
})

it('counts a client that leaves amid its body, and makes no fuss', async () => {
  const { hostname, port } = new URL(served.api.url)
  const token = readFileSync(join(served.path, 'pki/admin.token'), 'utf8').trim()
  const socket = connect({ host: hostname, port: Number(port), ca: readFileSync(join(served.path, 'pki/ca.crt')), servername: 'localhost' })
  socket.once('secureConnect', () => {
    const head = `Host: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 1000`
    socket.write(`POST ${maps} HTTP/1.1\r\n${head}\r\n\r\n{"half":`, () => socket.destroy())
  })
  await expect.poll(async () => (await askApi(served.api, '/metrics')).body, { timeout: 10_000 }).toContain('{verb="POST",code="499"} 1')
  expect(served.api.stderr()).not.toMatch(/aborted|ECONNRESET|socket hang up/)
})

it('keeps no more of a version that has gone than watches may still ask for', { retry: 0 }, async () => {
  const body = JSON.stringify({ metadata: { name: 'text' }, data: { text: 'x'.repeat(100 * 1024) } })
  expect((await post(body)).code).toBe(201)
  const before = residentMegabytes(served.api)
  for (let round = 0; round < 60; round++) {
    const patch = JSON.stringify({ metadata: { labels: { round: String(round) } } })
    const headers = { 'Content-Type': 'application/merge-patch+json' }
    expect((await askApi(served.api, `${maps}/text`, { method: 'PATCH', body: patch, headers })).code).toBe(200)
  }
  // What is read of such a text takes seven megabytes.
  expect(residentMegabytes(served.api) - before).toBeLessThan(250)
  await askApi(served.api, `${maps}/text`, { method: 'DELETE' })
})

describe('what an object owns', () => {
  const owned = async (owners: readonly string[]): Promise<void> => {
    const uids = await Promise.all(owners.map(async (name) => JSON.parse((await post(map(name))).body).metadata.uid))
    const ownerReferences = owners.map((name, index) => ({ apiVersion: 'v1', kind: 'ConfigMap', name, uid: uids[index] }))
    expect((await post(map('owned', { ownerReferences }))).code).toBe(201)
  }
  const remove = async (name: string, options: object = {}): Promise<number> =>
    (await askApi(served.api, `${maps}/${name}`, { method: 'DELETE', body: JSON.stringify(options) })).code
  const left = async (): Promise<unknown> => {
    const { code, body } = await askApi(served.api, `${maps}/owned`)
    return code === 200 ? (JSON.parse(body).metadata.ownerReferences ?? []).map(({ name }: { name: string }) => name) : code
  }

  it('goes with the last of its owners', async () => {
    await owned(['first', 'second'])
    expect(await remove('first')).toBe(200)
    expect(await left()).toEqual(['second'])
    expect(await remove('second', { propagationPolicy: 'Foreground' })).toBe(200)
    expect(await left()).toBe(404)
  })

  it.each([{ propagationPolicy: 'Orphan' }, { orphanDependents: true }])('stays when it is asked for by %o', async (options) => {
    await owned(['parent'])
    expect(await remove('parent', options)).toBe(200)
    expect(await left()).toEqual([])
    expect(await remove('owned')).toBe(200)
  })
})

describe('lists and watches', () => {
  it('lists page by page what there was at the first', async () => {
    for (const name of ['p1', 'p2', 'p3']) expect((await post(map(name, { labels: { page: 'x' } }))).code).toBe(201)
    const first = JSON.parse((await askApi(served.api, `${maps}?limit=2`)).body)
    await askApi(served.api, `${maps}/p3`, { method: 'DELETE' })
    const rest = JSON.parse((await askApi(served.api, `${maps}?limit=500&continue=${first.metadata.continue}`)).body)
    expect(first.items).toHaveLength(2)
    expect([...first.items, ...rest.items].map((item) => item.metadata.name)).toContain('p3')
    expect(rest.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
  })

  it('tells a watch what there is, marks its end, and tells what comes', async () => {
    const watch = await openWatch(`${maps}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`)
    await expect.poll(() => watch.events().at(-1)?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
    await post(map('watched'))
    await expect.poll(() => watch.events().at(-1)).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'watched' } } })
    await askApi(served.api, `${maps}/watched`, { method: 'DELETE' })
    await expect.poll(() => watch.events().at(-1)).toMatchObject({ type: 'DELETED', object: { metadata: { name: 'watched' } } })
    watch.socket.destroy()
  })

  it('does not end a watch at once that asks for more time than timers count', { retry: 0 }, async () => {
    const watch = await openWatch(`${maps}?watch=true&resourceVersion=0&timeoutSeconds=3000000`)
    await post(map('late'))
    await expect.poll(() => watch.events().at(-1)).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'late' } } })
    watch.socket.destroy()
    await askApi(served.api, `${maps}/late`, { method: 'DELETE' })
  })

  it('turns a change out of a selection into a deletion, and into one into an addition', async () => {
    const watch = await openWatch(`${maps}?watch=true&labelSelector=in%3Dyes`)
    await post(map('chosen', { labels: { in: 'yes' } }))
    await expect.poll(() => watch.events().map(({ type }) => type)).toEqual(['ADDED'])
    const relabel = (word: string): Promise<Replied> =>
      askApi(served.api, `${maps}/chosen`, {
        method: 'PATCH',
        body: JSON.stringify({ metadata: { labels: { in: word } } }),
        headers: { 'Content-Type': 'application/merge-patch+json' },
      })
    await relabel('no')
    await relabel('yes')
    await expect.poll(() => watch.events().map(({ type }) => type)).toEqual(['ADDED', 'DELETED', 'ADDED'])
    watch.socket.destroy()
  })

  it('gives a watch all that there is, also when that is more than may wait for it', { retry: 0 }, async () => {
    const big = 'x'.repeat(2_800_000)
    const names = Array.from({ length: 7 }, (_, index) => `big-${index}`)
    for (const name of names) {
      const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { big: 'yes' } }, data: { big } })
      expect((await post(body)).code).toBe(201)
    }
    const watch = await openWatch(`${maps}?watch=true&labelSelector=big%3Dyes`)
    await expect.poll(() => watch.events().map(({ type }) => type), { timeout: 20_000 }).toEqual(names.map(() => 'ADDED'))
    watch.socket.destroy()
    for (const name of names) await askApi(served.api, `${maps}/${name}`, { method: 'DELETE' })
  })

  it('tells a watch that asks for what is no longer known that it is too late', async () => {
    // More than a document of declarations may have, and no reason not to start again.
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'long' }, data: { text: 'x'.repeat(1_200_000) } })
    expect((await post(body)).code).toBe(201)
    await served.again()
    expect((await askApi(served.api, `${maps}/long`, { method: 'DELETE' })).code).toBe(200)
    const watch = await openWatch(`${maps}?watch=true&resourceVersion=1`)
    await expect.poll(() => watch.events()).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }])
  })
})

interface Watch {
  readonly socket: TLSSocket
  readonly events: () => readonly { type: string; object: { metadata: { name?: string; annotations?: Record<string, string> } } }[]
}

function openWatch(path: string): Promise<Watch> {
  const { hostname, port } = new URL(served.api.url)
  const ca = readFileSync(join(served.path, 'pki/ca.crt'))
  const token = readFileSync(join(served.path, 'pki/admin.token'), 'utf8').trim()
  const told: ReturnType<Watch['events']>[number][] = []
  let rest = ''
  let isOpen = false
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca, servername: 'localhost' })
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    })
    socket.on('data', (chunk: Buffer) => {
      const lines = chunk.toString().split('\n')
      lines[0] = rest + lines[0]
      rest = lines.pop() ?? ''
      // One line of JSON is one chunk, or begins after the head; each is read once, however much comes.
      for (const line of lines) if (line.startsWith('{"type"')) told.push(JSON.parse(line))
      if (isOpen || !lines.includes('\r')) return
      isOpen = true
      resolve({ socket, events: () => told })
    })
  })
}
