// Keeps what a server of the API proves itself with, and what it knows its clients by: authorities, its certificate, keys and a token, in files that only their owner can read.
import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectory, parseIp } from '../base/index.ts'
import { type KeyPair, loadIssuer } from '../identity/index.ts'

export interface ServerFiles {
  /** PEM. */
  readonly authority: string
  readonly certificate: string
  readonly key: string
  readonly adminToken: string
  /** Of who signs the certificates of clients. */
  readonly clientAuthority: KeyPair
  /** Signs tokens of service accounts. */
  readonly tokenKey: string
}

const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3650
const SERVER_DAYS = 365

/** Makes what is missing, or is about to expire, or does not name all of the hosts. */
export async function openServerFiles(directory: string, hosts: readonly string[], now = Date.now()): Promise<ServerFiles> {
  makeDirectory(directory)
  const path = (name: string): string => join(directory, name)
  const { certificate: authority, key: authorityKey } = await openAuthority(path('ca'), 'CN=sallyport-serve-ca', now)
  const known = existsSync(path('server.crt')) && existsSync(path('server.key')) ? readFileSync(path('server.crt'), 'utf8') : undefined
  if (known === undefined || !serves(known, authority, hosts, now)) {
    const { ExtendedKeyUsage, openIssuer } = await loadIssuer()
    const issuer = await openIssuer({ certificate: authority, key: authorityKey })
    const names = hosts.map((value) => ({ type: parseIp(value) === undefined ? ('dns' as const) : ('ip' as const), value }))
    const usages = [ExtendedKeyUsage.serverAuth]
    const made = await issuer.issue({ subject: 'CN=sallyport-serve', names, usages, lifetimeMs: SERVER_DAYS * DAY_MS, now })
    writePrivately(path('server.key'), made.key)
    writePrivately(path('server.crt'), made.certificate)
  }
  if (!existsSync(path('admin.token'))) writePrivately(path('admin.token'), `${randomBytes(32).toString('base64url')}\n`)
  if (!existsSync(path('token.key'))) writePrivately(path('token.key'), newTokenKey())
  return {
    authority,
    certificate: readFileSync(path('server.crt'), 'utf8'),
    key: readFileSync(path('server.key'), 'utf8'),
    adminToken: readFileSync(path('admin.token'), 'utf8').trim(),
    clientAuthority: await openAuthority(path('client-ca'), 'CN=sallyport-serve-client-ca', now),
    tokenKey: readFileSync(path('token.key'), 'utf8'),
  }
}

/** Made when it is not there. */
async function openAuthority(path: string, name: string, now: number): Promise<KeyPair> {
  const [certificate, key] = [`${path}.crt`, `${path}.key`]
  if (!existsSync(certificate) || !existsSync(key)) {
    const { makeAuthority } = await loadIssuer()
    const made = await makeAuthority(name, now, AUTHORITY_DAYS * DAY_MS)
    writePrivately(key, made.key)
    writePrivately(certificate, made.certificate)
  }
  return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') }
}

function newTokenKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** Whole or not at all. */
export function writePrivately(path: string, text: string): void {
  const draft = `${path}.${randomBytes(4).toString('hex')}`
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx' })
  renameSync(draft, path)
}

function serves(certificate: string, authority: string, hosts: readonly string[], now: number): boolean {
  const parsed = new X509Certificate(certificate)
  if (Date.parse(parsed.validTo) < now + 30 * DAY_MS || Date.parse(parsed.validFrom) > now) return false
  if (!parsed.verify(new X509Certificate(authority).publicKey)) return false
  return hosts.every((host) => (parseIp(host) === undefined ? parsed.checkHost(host) : parsed.checkIP(host)) !== undefined)
}
