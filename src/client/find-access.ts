// Finds out how an API server is reached: from files that were named, from a kubeconfig, or from that of a server on this machine.
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { messageOf, SallyportError } from '../base/index.ts'
import type { ApiAccess } from './api-access.ts'
import { readKubeconfig } from './kubeconfig.ts'

export interface AccessOptions {
  /** `https://HOST:PORT`; absent: that of the kubeconfig. */
  readonly server?: string
  readonly kubeconfig?: string
  /** Holds a bearer token; read at each use. */
  readonly tokenFile?: string
  /** Holds the certificates, as PEM, of who may sign the server's. */
  readonly caFile?: string
  /** Where `sallyport serve` writes its kubeconfig unless told otherwise. */
  readonly usual: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** Throws SLP6201 when there is nothing that says it. */
export function findAccess(options: AccessOptions): ApiAccess {
  const { server, tokenFile, caFile } = options
  if (server !== undefined && tokenFile !== undefined && caFile !== undefined)
    return { server: server.replace(/\/+$/, ''), authority: readNamed(caFile, 'the authority'), credential: tokenOf(tokenFile) }
  const known = readKubeconfig(findKubeconfig(options), server)
  return {
    server: known.server,
    authority: caFile === undefined ? known.authority : readNamed(caFile, 'the authority'),
    credential: tokenFile === undefined ? known.credential : tokenOf(tokenFile),
  }
}

function findKubeconfig({ kubeconfig, server, tokenFile, usual, env = process.env }: AccessOptions): string {
  if (kubeconfig !== undefined) return kubeconfig
  const named = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  const places = named.length > 0 ? named : [usual, join(homedir(), '.kube', 'config')]
  const found = places.find((path) => existsSync(path))
  if (found !== undefined) return found
  const wanted = server ?? 'an API server'
  const missing =
    server !== undefined && tokenFile !== undefined ? '--ca-file FILE' : '--kubeconfig FILE, or --ca-file FILE and --token-file FILE'
  throw new SallyportError('SLP6201', `nothing says how ${wanted} is to be known: there is no kubeconfig at ${places.join(' or ')}`, {
    fix: `add ${missing}`,
  })
}

function tokenOf(path: string): ApiAccess['credential'] {
  const read = (): string => readNamed(path, 'the token').trim()
  if (read() === '') throw new SallyportError('SLP6201', `${path} holds no token`)
  return () => ({ token: read() })
}

function readNamed(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new SallyportError('SLP6201', `${what} cannot be read from ${path}: ${messageOf(cause)}`, { cause })
  }
}
