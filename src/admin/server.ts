// Serves the admin pages over HTTP to those who may see them: on loopback or a Unix socket, read-only, within limits.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { messageOf, SallyportError, splitAuthority } from '../base/index.ts'
import { logger, type Metrics } from '../telemetry/index.ts'
import { type AdminAddress, bind, isLoopback, parseAdminAddress } from './bind.ts'
import type { Page, PageBody, Readiness } from './page.ts'
import { homePage } from './routes/home.ts'
import { metricsPage } from './routes/metrics.ts'
import { readyPage } from './routes/ready.ts'

export interface AdminOptions {
  /** `HOST:PORT`, `:PORT` (loopback), or the path of a Unix socket. Port 0 takes a free one. */
  readonly address: string
  readonly ready: () => Readiness
  readonly metrics: Pick<Metrics, 'render'>
  /** Pages besides `/`, `/ready` and `/stats/prometheus`. */
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
  const served = [readyPage(options.ready), metricsPage(options.metrics), ...(options.pages ?? [])]
  const pages = tableOf([homePage(served), ...served])
  const server = createServer(limits, (request, response) => {
    void answer({ request, response, pages, address })
  })
  server.maxConnections = 32
  server.timeout = 30_000
  server.on('clientError', (_error, socket) => socket.destroy())
  const bound = await bind(server, address)
  return { address: bound, close: () => close(server) }
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

async function answer(exchange: Exchange): Promise<void> {
  const { request, response } = exchange
  const { status = 200, type = 'text/plain; charset=utf-8', body } = await bodyFor(exchange)
  const bytes = Buffer.from(body)
  response.writeHead(status, {
    'content-type': type,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

/** Never rejects: a page that fails is a 500. */
async function bodyFor({ request, pages, address }: Exchange): Promise<PageBody> {
  if (isLoopback(address) && !isLocalAuthority(request.headers.host)) return misdirected
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  const page = pages.get(path)
  if (!page) return { status: 404, body: `there is no page ${JSON.stringify(path)}; there are:\n${listOf(pages)}` }
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: `${path} is only read: use GET\n` }
  try {
    return await page.render()
  } catch (error) {
    log.error(`the admin page ${path} failed`, { error })
    return { status: 500, body: `the page failed: ${messageOf(error)}\n` }
  }
}

const misdirected: PageBody = { status: 421, body: 'ask for this server by its address or as localhost\n' }

/** A web page can make a browser ask loopback under a name of its own (DNS rebinding); a person or a scraper asks by address. */
function isLocalAuthority(host: string | undefined): boolean {
  const authority = splitAuthority(host ?? '')
  return authority !== undefined && (authority.host === 'localhost' || isAddress(authority.host))
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^[0-9.]+$/.test(host)
}

function listOf(pages: ReadonlyMap<string, Page>): string {
  return Array.from(pages.values(), ({ path, title }) => `  ${path}  ${title}\n`).join('')
}

/** Readers only lose a page when they are cut off, so nobody is waited for. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
