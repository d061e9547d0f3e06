// Reads what a path asks for: a resource, an object, a part of one.
import { type ApiResource, findResource } from '../kube/index.ts'

export interface ResourcePath {
  readonly resource: ApiResource
  readonly version: string
  /** Empty for all namespaces, and for what is in none. */
  readonly namespace: string
  /** Empty for the collection. */
  readonly name: string
  readonly subresource: string
}

/** Undefined where nothing is. Paths are taken as they are written: no dots, no doubled or encoded slashes. */
export function readResourcePath(path: string): ResourcePath | undefined {
  const segments = segmentsOf(path)
  if (segments === undefined) return undefined
  const [root, ...rest] = segments
  if (root !== 'api' && root !== 'apis') return undefined
  const group = root === 'api' ? '' : (rest.shift() ?? '')
  const version = rest.shift() ?? ''
  if (root === 'apis' && group === '') return undefined
  return inNamespace(group, version, rest) ?? inNone(group, version, rest)
}

/** Undefined if a segment is no name. */
function segmentsOf(path: string): string[] | undefined {
  const segments: string[] = []
  for (const part of path.slice(1).split('/')) {
    const segment = decode(part)
    if (segment === undefined || segment === '' || segment === '.' || segment === '..' || /[/\\%]/.test(segment)) return undefined
    segments.push(segment)
  }
  return segments
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

function inNamespace(group: string, version: string, rest: readonly string[]): ResourcePath | undefined {
  const [word, namespace, plural, name = '', subresource = '', ...more] = rest
  if (word !== 'namespaces' || namespace === undefined || plural === undefined || more.length > 0) return undefined
  const resource = findResource(group, version, plural)
  return resource?.namespaced ? { resource, version, namespace, name, subresource } : undefined
}

function inNone(group: string, version: string, rest: readonly string[]): ResourcePath | undefined {
  const [plural, name = '', subresource = '', ...more] = rest
  const resource = plural === undefined || more.length > 0 ? undefined : findResource(group, version, plural)
  // An object of a namespace is found in its namespace only.
  if (resource === undefined || (resource.namespaced && name !== '')) return undefined
  return { resource, version, namespace: '', name, subresource }
}
