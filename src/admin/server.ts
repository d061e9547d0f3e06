// Serves the admin pages over HTTP to those who may see them: on loopback or a Unix socket, within limits.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { messageOf, SallyportError, splitAuthority } from '../base/index.ts'
import { logger, type Metrics } from '../telemetry/index.ts'
import { type AdminAddress, bind, isLoopback, parseAdminAddress } from './bind.ts'
import { type FlowFeed, openFlowFeed } from './flow-feed.ts'
import type { Page, PageBody, PageRequest, Readiness } from './page.ts'
import type { ProxyView } from './proxy-view.ts'
import { certsPage } from './routes/certs.ts'
import { clustersPage } from './routes/clusters.ts'
import { configDumpPage } from './routes/config-dump.ts'
import { flowsPage } from './routes/flows.ts'
import { homePage } from './routes/home.ts'
import { listenersPage } from './routes/listeners.ts'
import { loggingPage } from './routes/logging.ts'
import { metricsPage } from './routes/metrics.ts'
import { readyPage } from './routes/ready.ts'
import { memoryPage, serverInfoPage } from './routes/server-info.ts'
import { statsPage } from './routes/stats.ts'

export interface AdminOptions {
  /** `HOST:PORT`, `:PORT` (loopback), or the path of a Unix socket. Port 0 takes a free one. */
  readonly address: string
  readonly ready: () => Readiness
  readonly metrics: Pick<Metrics, 'render'>
  readonly proxy: ProxyView
  /** Pages besides our own. */
  readonly pages?: readonly Page[]
}

export interface Admin {
  /** `HOST:PORT` or the path of the socket, as it was bound. */
  readonly address: string
  close(): Promise<void>
}

/** Rejects with SLP4101 when the address is not valid or cannot be bound. */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const address = parseAdminAddress(options.address)
  const feed = openFlowFeed()
  const served = [...pagesOf(options, feed), ...(options.pages ?? [])]
  const pages = tableOf([homePage(served), ...served])
  const server = createServer(limits, (request, response) => {
    void answer({ request, response, pages, address })
  })
  server.maxConnections = 32
  server.timeout = 30_000
  server.on('clientError', (_error, socket) => socket.destroy())
  try {
    const bound = await bind(server, address)
    return { address: bound, close: () => close(server, feed) }
  } catch (error) {
    feed.close()
    throw error
  }
}

/** Path and title of every page, for the documentation. */
export function describePages(): readonly Pick<Page, 'path' | 'title'>[] {
  const node = { role: 'sidecar', namespace: '', name: '', labels: {} } as const
  const proxy: ProxyView = {
    node,
    version: '',
    config: () => undefined,
    discovery: () => undefined,
    hosts: () => [],
    loads: () => [],
    certificates: () => undefined,
  }
  const feed: FlowFeed = { remembered: () => [], join: () => undefined, close: () => undefined }
  const served = pagesOf({ ready: () => ({ ready: false }), metrics: { render: () => Promise.resolve('') }, proxy }, feed)
  return [homePage(served), ...served]
}

function pagesOf({ ready, metrics, proxy }: Pick<AdminOptions, 'ready' | 'metrics' | 'proxy'>, feed: FlowFeed): readonly Page[] {
  return [
    certsPage(proxy),
    clustersPage(proxy),
    configDumpPage(proxy),
    flowsPage(feed),
    listenersPage(proxy),
    loggingPage(),
    memoryPage(),
    readyPage(ready),
    serverInfoPage(proxy, ready),
    statsPage({ metrics, ready, proxy }),
    metricsPage(metrics),
  ]
}

// Slow and endless requests are cut off; a page of the admin server is small to ask for.
const limits = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  maxHeaderSize: 8192,
  connectionsCheckingInterval: 2000,
}

const log = logger('admin')

function tableOf(pages: readonly Page[]): ReadonlyMap<string, Page> {
  const table = new Map<string, Page>()
  for (const page of pages) {
    if (table.has(page.path)) throw new SallyportError('SLP0001', `two admin pages have the path ${page.path}`)
    table.set(page.path, page)
  }
  return table
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly pages: ReadonlyMap<string, Page>
  readonly address: AdminAddress
}

/** Never rejects: what fails while it is being written ends with the connection. */
async function answer(exchange: Exchange): Promise<void> {
  const { request, response } = exchange
  const left = new AbortController()
  response.once('close', () => left.abort())
  const { status = 200, type = 'text/plain; charset=utf-8', body } = await bodyFor(exchange, left.signal)
  const headers = {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: methodsOf(exchange) } : {}),
  }
  // A question that nobody answers is not read either; the page knows its words from the path alone.
  request.resume()
  if (typeof body === 'string') {
    const bytes = Buffer.from(body)
    response.writeHead(status, { ...headers, 'content-length': bytes.length })
    response.end(request.method === 'HEAD' ? undefined : bytes)
    return
  }
  response.writeHead(status, headers)
  if (request.method === 'HEAD') response.end()
  else await pump(body, response, left.signal)
}

/** Asks for the next piece when the reader has taken the last one. */
async function pump(body: AsyncIterable<string>, response: ServerResponse, signal: AbortSignal): Promise<void> {
  try {
    for await (const piece of body) {
      if (signal.aborted) break
      if (piece !== '' && !response.write(piece)) await drained(response, signal)
    }
    response.end()
  } catch (error) {
    log.error('an admin page failed while it was being written', { error })
    response.destroy()
  }
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      response.off('drain', end)
      signal.removeEventListener('abort', end)
      resolve()
    }
    response.once('drain', end)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}

/** Never rejects: a page that fails is a 500. */
async function bodyFor({ request, pages, address }: Exchange, signal: AbortSignal): Promise<PageBody> {
  if (isLoopback(address) && !isLocalAuthority(request.headers.host)) return misdirected
  const url = request.url ?? '/'
  const path = url.split('?', 1)[0] ?? '/'
  const page = pages.get(path)
  if (!page) return { status: 404, body: `there is no page ${JSON.stringify(path)}; there are:\n${listOf(pages)}` }
  const asked: PageRequest = { query: new URLSearchParams(url.slice(path.length + 1)), signal }
  try {
    if (request.method === 'GET' || request.method === 'HEAD') return await page.render(asked)
    if (request.method !== 'POST' || page.change === undefined) return { status: 405, body: `${path} is only read: use GET\n` }
    return isForeign(request) ? foreign : page.change(asked)
  } catch (error) {
    log.error(`the admin page ${path} failed`, { error })
    return { status: 500, body: `the page failed: ${messageOf(error)}\n` }
  }
}

function methodsOf({ request, pages }: Exchange): string {
  const page = pages.get((request.url ?? '/').split('?', 1)[0] ?? '/')
  return page?.change === undefined ? 'GET, HEAD' : 'GET, HEAD, POST'
}

const misdirected: PageBody = { status: 421, body: 'ask for this server by its address or as localhost\n' }
const foreign: PageBody = { status: 403, body: 'a page of another origin may change nothing here\n' }

/** A web page can make a browser ask loopback under a name of its own (DNS rebinding); a person or a scraper asks by address. */
function isLocalAuthority(host: string | undefined): boolean {
  const authority = splitAuthority(host ?? '')
  return authority !== undefined && (authority.host === 'localhost' || isAddress(authority.host))
}

/** A browser says which page made it post; programs say nothing. */
function isForeign({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined && headers.origin !== `http://${headers.host ?? ''}`
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^[0-9.]+$/.test(host)
}

function listOf(pages: ReadonlyMap<string, Page>): string {
  return Array.from(pages.values(), ({ path, title }) => `  ${path}  ${title}\n`).join('')
}

/** Readers only lose a page when they are cut off, so nobody is waited for. */
function close(server: Server, feed: FlowFeed): Promise<void> {
  feed.close()
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
