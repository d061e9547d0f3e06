// Reads a kubeconfig as kubectl does, as far as it says how one server is reached.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { type Fields, fieldsOf, messageOf, SallyportError } from '../base/index.ts'
import type { ApiAccess, ApiCredential } from './api-access.ts'

/** Of the current context, or of the cluster that has this server. */
export function readKubeconfig(path: string, server?: string): ApiAccess {
  const config = fieldsOf(parsed(path))
  const cluster = server === undefined ? currentCluster(config, path) : clusterAt(config, path, server)
  const { server: found } = cluster.fields
  if (typeof found !== 'string' || !found.startsWith('https://'))
    throw unusable(path, `cluster "${cluster.name}" has no server of the form https://HOST:PORT`)
  const authority = dataOf(cluster.fields, 'certificate-authority', path)
  if (authority === undefined) throw unusable(path, `cluster "${cluster.name}" does not say who signs the server’s certificate`)
  const user = userOf(config, cluster.name, path)
  return { server: found.replace(/\/+$/, ''), authority, credential: credentialOf(user.fields, user.name, path) }
}

interface Entry {
  readonly name: string
  readonly fields: Fields
}

function parsed(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new SallyportError('SLP6201', `the kubeconfig ${path} cannot be read: ${messageOf(cause)}`, { cause })
  }
}

function currentCluster(config: Fields, path: string): Entry {
  const current = config['current-context']
  const context = entriesOf(config, 'contexts', 'context').find(({ name }) => name === current)
  if (context === undefined) throw unusable(path, 'it has no current context')
  const wanted = context.fields['cluster']
  const cluster = entriesOf(config, 'clusters', 'cluster').find(({ name }) => name === wanted)
  if (cluster === undefined) throw unusable(path, `its context "${context.name}" names no cluster that it has`)
  return cluster
}

function clusterAt(config: Fields, path: string, server: string): Entry {
  const clusters = entriesOf(config, 'clusters', 'cluster')
  const found = clusters.find(({ fields }) => isSameServer(fields['server'], server))
  if (found !== undefined) return found
  const known = clusters.map(({ fields }) => String(fields['server'])).join(', ')
  throw unusable(path, `it knows no server at ${server}${known === '' ? '' : `, but ${known}`}`)
}

function isSameServer(known: unknown, wanted: string): boolean {
  if (typeof known !== 'string' || !URL.canParse(known)) return false
  const [a, b] = [new URL(known), new URL(wanted)]
  return a.protocol === b.protocol && a.port === b.port && (a.hostname === b.hostname || (isLocal(a) && isLocal(b)))
}

function isLocal({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}

/** The user of the current context when that is of this cluster, else of any context of it. */
function userOf(config: Fields, cluster: string, path: string): Entry {
  const contexts = entriesOf(config, 'contexts', 'context').filter(({ fields }) => fields['cluster'] === cluster)
  const context = contexts.find(({ name }) => name === config['current-context']) ?? contexts[0]
  const user = entriesOf(config, 'users', 'user').find(({ name }) => name === context?.fields['user'])
  if (user === undefined) throw unusable(path, `no context of it names a user for cluster "${cluster}"`)
  return user
}

/** What is kept in a file of its own is read each time: somebody may renew it. */
function credentialOf(fields: Fields, name: string, path: string): () => ApiCredential {
  const { token, tokenFile } = fields
  if (typeof token === 'string' && token !== '') return () => ({ token })
  if (typeof tokenFile === 'string') return () => ({ token: textOf(tokenFile, path).trim() })
  const certificate = (): string | undefined => dataOf(fields, 'client-certificate', path)
  const key = (): string | undefined => dataOf(fields, 'client-key', path)
  if (certificate() === undefined || key() === undefined)
    throw unusable(path, `user "${name}" has neither a token nor a client certificate`)
  return () => ({ certificate: certificate() ?? '', key: key() ?? '' })
}

/** `NAME-data`, or the file that `NAME` names. */
function dataOf(fields: Fields, name: string, path: string): string | undefined {
  const data = fields[`${name}-data`]
  if (typeof data === 'string' && data !== '') return Buffer.from(data, 'base64').toString()
  const file = fields[name]
  return typeof file === 'string' && file !== '' ? textOf(file, path) : undefined
}

function textOf(file: string, path: string): string {
  const place = resolve(dirname(path), file)
  try {
    return readFileSync(place, 'utf8')
  } catch (cause) {
    throw unusable(path, `${place}, which it names, cannot be read: ${messageOf(cause)}`)
  }
}

function entriesOf(config: Fields, list: string, kind: string): readonly Entry[] {
  const entries = config[list]
  if (!Array.isArray(entries)) return []
  return entries.flatMap((entry: unknown) => {
    const { name, [kind]: fields } = fieldsOf(entry)
    return typeof name === 'string' ? [{ name, fields: fieldsOf(fields) }] : []
  })
}

function unusable(path: string, why: string): SallyportError {
  return new SallyportError('SLP6201', `the kubeconfig ${path} cannot be used: ${why}`, {
    fix: 'name another one with --kubeconfig, or the server with its --ca-file and --token-file',
  })
}
