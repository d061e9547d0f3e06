// Holds what the admin server answers, to whom, and within which limits.
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { configureLog, createMetrics, type LogSettings } from '../telemetry/index.ts'
import { type Admin, type AdminOptions, type ProxyView, type Readiness, startAdmin } from './index.ts'

const proxy: ProxyView = {
  node: { role: 'sidecar', namespace: 'shop', name: 'cart', labels: {} },
  version: '0.0.0',
  config: () => undefined,
  discovery: () => undefined,
  hosts: () => [],
  loads: () => [],
  certificates: () => undefined,
}

let opened: Admin[]
let folder: string
let before: LogSettings
let complaints: string[]

beforeEach(() => {
  opened = []
  complaints = []
  folder = mkdtempSync(join(tmpdir(), 'admin-'))
  before = configureLog({ write: (line) => complaints.push(line) })
})
afterEach(async () => {
  await Promise.all(opened.map((admin) => admin.close()))
  configureLog(before)
  rmSync(folder, { recursive: true })
})

async function start(change: Partial<AdminOptions> = {}): Promise<Admin> {
  const admin = await startAdmin({ address: '127.0.0.1:0', ready: () => ({ ready: true }), metrics: createMetrics(), proxy, ...change })
  opened.push(admin)
  return admin
}

interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

interface Question {
  readonly path?: string
  readonly method?: string
  readonly host?: string
}

function ask(admin: Admin, { path = '/', method = 'GET', host }: Question = {}): Promise<Reply> {
  const where = admin.address.startsWith('/') ? { socketPath: admin.address } : { host: '127.0.0.1', port: admin.address.split(':').at(-1) }
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...where, path, method, agent: false, headers: { host: host ?? admin.address } }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    request.on('error', reject)
    request.end()
  })
}

describe('readiness', () => {
  const cases: Record<string, { ready: Readiness; status: number; body: string }> = {
    'ready, in Envoy’s word': { ready: { ready: true }, status: 200, body: 'LIVE\n' },
    'not ready, with the reason': {
      ready: { ready: false, why: 'no configuration has been loaded yet' },
      status: 503,
      body: 'PRE_INITIALIZING\nno configuration has been loaded yet\n',
    },
    'not ready, without a reason': { ready: { ready: false }, status: 503, body: 'PRE_INITIALIZING\n' },
  }
  test.each(Object.entries(cases))('%s', async (_name, { ready, status, body }) => {
    const reply = await ask(await start({ ready: () => ready }), { path: '/ready' })
    expect({ status: reply.status, body: reply.body }).toEqual({ status, body })
  })
})

test('metrics are in Prometheus’ format at Envoy’s path', async () => {
  const reply = await ask(await start(), { path: '/stats/prometheus?usedonly' })
  expect(reply.status).toBe(200)
  expect(reply.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(reply.body).toContain('# TYPE istio_requests_total counter\n')
})

test('the first page and the 404 list all pages', async () => {
  const pages = [{ path: '/mine', title: 'flows <now>', render: () => ({ body: 'x' }) }]
  const admin = await start({ pages })
  const home = await ask(admin)
  expect(home.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(home.body).toContain('<a href="/mine"><code>/mine</code></a> <td>flows &#60;now&#62;')
  const missing = await ask(admin, { path: '/nothing' })
  expect(missing.status).toBe(404)
  for (const path of ['/ready', '/stats/prometheus', '/mine']) {
    expect(home.body).toContain(`href="${path}"`)
    expect(missing.body).toContain(`  ${path}  `)
  }
})

test('a page that fails is a 500, and the log says which', async () => {
  const fails = (): never => {
    throw new Error('out of order')
  }
  const admin = await start({ pages: [{ path: '/broken', title: '', render: fails }] })
  expect(await ask(admin, { path: '/broken' })).toMatchObject({ status: 500, body: 'the page failed: out of order\n' })
  expect(complaints.join('')).toContain('/broken')
  expect((await ask(admin, { path: '/ready' })).status).toBe(200)
})

test('HEAD has the headers of GET and no body', async () => {
  const admin = await start()
  const [head, get] = [await ask(admin, { path: '/ready', method: 'HEAD' }), await ask(admin, { path: '/ready' })]
  expect(head).toMatchObject({ status: 200, body: '' })
  expect(head.headers['content-length']).toBe(get.headers['content-length'])
})

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is refused', async (method) => {
  expect(await ask(await start(), { path: '/ready', method })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
})

describe('a browser that was led to loopback under another name sees nothing', () => {
  const cases: Record<string, { host: string; status: number }> = {
    'a name of the web': { host: 'rebound.example:80', status: 421 },
    'a name that begins like localhost': { host: 'localhost.evil.example', status: 421 },
    localhost: { host: 'localhost:15000', status: 200 },
    'an address': { host: '127.0.0.1', status: 200 },
    'an IPv6 address': { host: '[::1]:15000', status: 200 },
  }
  test.each(Object.entries(cases))('%s', async (_name, { host, status }) => {
    expect((await ask(await start(), { path: '/ready', host })).status).toBe(status)
  })
})

describe('where it listens', () => {
  test.each([':0', '0', 'localhost:0'])('%s is on loopback', async (address) => {
    expect((await start({ address })).address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/)
  })

  test('an address beyond loopback answers to names', async () => {
    const admin = await start({ address: '0.0.0.0:0' })
    expect((await ask(admin, { path: '/ready', host: 'sallyport.example' })).status).toBe(200)
  })

  test.each(['', 'example.com:80', '1.2.3.4', '::1:80', '127.0.0.1:99999'])('%j is refused', async (address) => {
    await expect(start({ address })).rejects.toMatchObject({ code: 'SLP4101', fix: expect.any(String) })
  })

  test('an address that is taken is an error with its code', async () => {
    const first = await start()
    await expect(start({ address: first.address })).rejects.toMatchObject({
      code: 'SLP4101',
      message: expect.stringContaining(first.address),
    })
  })

  test('a Unix socket is its owner’s alone', async () => {
    const address = join(folder, 'admin.sock')
    const admin = await start({ address })
    expect(admin.address).toBe(address)
    expect(statSync(address).mode & 0o777).toBe(0o600)
    expect((await ask(admin, { path: '/ready', host: 'anything' })).status).toBe(200)
    await admin.close()
    expect(existsSync(address)).toBe(false)
  })

  test('a socket that a killed program left behind is replaced', async () => {
    const address = join(folder, 'stale.sock')
    await leaveSocket(address)
    expect((await ask(await start({ address }), { path: '/ready' })).status).toBe(200)
  })

  test('a socket that somebody answers is left to them', async () => {
    const address = join(folder, 'live.sock')
    await start({ address })
    await expect(start({ address })).rejects.toMatchObject({ code: 'SLP4101' })
  })

  test('a file that is no socket is not removed', async () => {
    const address = join(folder, 'file')
    writeFileSync(address, 'precious')
    await expect(start({ address })).rejects.toMatchObject({ code: 'SLP4101' })
    expect(existsSync(address)).toBe(true)
  })
})

test('closing cuts off whoever still holds a connection', async () => {
  const admin = await start()
  const idle = connect(Number(admin.address.split(':')[1]), '127.0.0.1')
  await new Promise((resolve) => idle.once('connect', resolve))
  const cut = new Promise((resolve) => idle.once('close', resolve))
  idle.on('error', () => undefined)
  await admin.close()
  await cut
})

test('bytes that are no HTTP end the connection, not the server', async () => {
  const admin = await start()
  const socket = connect(Number(admin.address.split(':')[1]), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('\x16\x03\x01 no http\r\n\r\n')
  await vi.waitFor(() => expect(socket.destroyed).toBe(true), { timeout: 5000, interval: 5 })
  expect((await ask(admin, { path: '/ready' })).status).toBe(200)
})

/** Closes a listening socket without removing its file, as a killed program does. */
async function leaveSocket(path: string): Promise<void> {
  const server: Server = createServer()
  const hidden = `${path}.hidden`
  await new Promise<void>((resolve) => server.listen(path, resolve))
  renameSync(path, hidden)
  await new Promise((resolve) => server.close(resolve))
  renameSync(hidden, path)
}
