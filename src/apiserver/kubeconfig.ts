// Writes the file by which kubectl finds the server and its administrator.
import { existsSync, readFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import { messageOf, SallyportError } from '../base/index.ts'
import { writePrivately } from './tls-files.ts'

export interface KubeconfigParts {
  /** `https://127.0.0.1:6443` */
  readonly server: string
  readonly authority: string
  readonly token: string
}

const name = 'sallyport'

/** What else stands in the file stays; the server becomes its current context. */
export function writeKubeconfig(path: string, { server, authority, token }: KubeconfigParts): void {
  const cluster = { server, 'certificate-authority-data': Buffer.from(authority).toString('base64') }
  const known = existsSync(path) ? readKnown(path) : {}
  const config = {
    ...known,
    apiVersion: 'v1',
    kind: 'Config',
    clusters: withOurs(known['clusters'], { name, cluster }),
    users: withOurs(known['users'], { name, user: { token } }),
    contexts: withOurs(known['contexts'], { name, context: { cluster: name, user: name, namespace: 'default' } }),
    'current-context': name,
  }
  try {
    writePrivately(path, stringify(config))
  } catch (error) {
    throw new SallyportError('SLP0005', `${path} cannot be written: ${messageOf(error)}`, { cause: error })
  }
}

function withOurs<T extends { readonly name: string }>(list: unknown, ours: T): unknown[] {
  const others = Array.isArray(list) ? list.filter((entry: unknown) => !isNamed(entry, ours.name)) : []
  return [...others, ours]
}

function isNamed(entry: unknown, wanted: string): boolean {
  return typeof entry === 'object' && entry !== null && 'name' in entry && entry.name === wanted
}

function readKnown(path: string): Readonly<Record<string, unknown>> {
  const fix = 'name another file with --kubeconfig-out'
  let known: unknown
  try {
    known = parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new SallyportError('SLP0008', `${path} is no kubeconfig that can be read, and is left as it is: ${messageOf(cause)}`, {
      fix,
      cause,
    })
  }
  if (known === null || known === undefined) return {}
  if (typeof known === 'object' && !Array.isArray(known)) return { ...known }
  throw new SallyportError('SLP0008', `${path} is no kubeconfig, and is left as it is`, { fix })
}
