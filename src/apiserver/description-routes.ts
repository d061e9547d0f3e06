// Answers what the server tells of itself: what it serves, in which version, with which fields, and how it is.
import type { IncomingMessage } from 'node:http'
import {
  aggregated,
  aggregatedMediaType,
  coreVersions,
  groupList,
  groupOf,
  type JsonObject,
  noSuchPath,
  openApiDocument,
  openApiIndex,
  openApiV2,
  openApiV2MediaType,
  resourceList,
  StatusError,
} from '../kube/index.ts'
import { contentHash } from '../base/index.ts'
import { type Answer, json } from './answer.ts'

/** Of the Kubernetes API that is imitated. */
const version = { major: '1', minor: '33', gitVersion: 'v1.33.0+sallyport', gitCommit: '', gitTreeState: 'clean' } as const

/** Undefined where the path is none of these. */
export function describe(path: string, message: IncomingMessage, address: string): Answer | undefined {
  const found = bodyOf(path, message.headers.accept ?? '', address)
  if (found === undefined || found.code !== 200) return found
  const etag = `"${contentHash(found.body)}"`
  const headers = { ETag: etag, Vary: 'Accept', ...(isByHash(path, message) ? forEver() : { 'Cache-Control': 'public' }) }
  if (message.headers['if-none-match'] === etag) return { code: 304, body: '', headers }
  return { ...found, headers }
}

/** A document that is asked for by its hash is never another, so that kubectl need not ask for it again. */
function isByHash(path: string, { url = '' }: IncomingMessage): boolean {
  const hash = new URL(url, 'https://localhost').searchParams.get('hash') ?? ''
  return hash !== '' && path.startsWith('/openapi/v3/') && openApiDocument(path.slice('/openapi/v3/'.length))?.hash === hash
}

const YEAR_MS = 365 * 86_400_000

function forEver(): Readonly<Record<string, string>> {
  return { 'Cache-Control': 'public, immutable', Expires: new Date(Date.now() + YEAR_MS).toUTCString() }
}

function bodyOf(path: string, accept: string, address: string): Answer | undefined {
  switch (path) {
    case '/version':
      return json({
        ...version,
        buildDate: '1970-01-01T00:00:00Z',
        goVersion: '',
        compiler: '',
        platform: `${process.platform}/${process.arch}`,
      })
    case '/api':
    case '/apis':
      return discovery(path === '/api' ? 'api' : 'apis', accept, address)
    case '/openapi/v2':
      return { code: 200, body: openApiV2, type: openApiV2MediaType }
    case '/openapi/v3':
      return json(openApiIndex())
    default:
      break
  }
  if (path.startsWith('/openapi/v3/')) return openApi(path.slice('/openapi/v3/'.length))
  const [root = '', group = '', one = '', ...more] = path.slice(1).split('/')
  if (root === 'api' && one === '' && more.length === 0) return found(resourceList('', group))
  if (root !== 'apis' || group === '' || more.length > 0) return undefined
  return found(one === '' ? groupOf(group) : resourceList(group, one))
}

function discovery(what: 'api' | 'apis', accept: string, address: string): Answer {
  for (const one of ['v2', 'v2beta1'] as const)
    if (new RegExp(`g=apidiscovery\\.k8s\\.io;v=${one};as=APIGroupDiscoveryList|v=${one};g=apidiscovery\\.k8s\\.io;as=`).test(accept))
      return json(aggregated(what, one), 200, { type: aggregatedMediaType(one) })
  return json(what === 'api' ? coreVersions(address) : groupList())
}

function openApi(path: string): Answer {
  const document = openApiDocument(path)
  if (document === undefined) throw new StatusError(noSuchPath())
  return json(document.body)
}

function found(body: JsonObject | undefined): Answer | undefined {
  return body && json(body)
}
