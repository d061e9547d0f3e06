// Keeps what a server of the API proves itself with, and its administrator: an authority of its own, its certificate and a token, in files that only their owner can read.
import 'reflect-metadata'
import { createHash, randomBytes, webcrypto, X509Certificate as NodeCertificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { parseIp } from '../base/index.ts'

export interface ServerFiles {
  /** PEM. */
  readonly authority: string
  readonly certificate: string
  readonly key: string
  readonly adminToken: string
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3650
const SERVER_DAYS = 365
/** Clocks of machines differ a little. */
const SKEW_MS = 120_000

/** Makes what is missing, or is about to expire, or does not name all of the hosts. */
export async function openServerFiles(directory: string, hosts: readonly string[], now = Date.now()): Promise<ServerFiles> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = (name: string): string => join(directory, name)
  if (!existsSync(path('ca.crt')) || !existsSync(path('ca.key'))) {
    const made = await makeAuthority(now)
    writePrivately(path('ca.key'), made.key)
    writePrivately(path('ca.crt'), made.certificate)
  }
  const authority = readFileSync(path('ca.crt'), 'utf8')
  const known = existsSync(path('server.crt')) && existsSync(path('server.key')) ? readFileSync(path('server.crt'), 'utf8') : undefined
  if (known === undefined || !serves(known, authority, hosts, now)) {
    const made = await makeServerCertificate({ authority, authorityKey: readFileSync(path('ca.key'), 'utf8') }, hosts, now)
    writePrivately(path('server.key'), made.key)
    writePrivately(path('server.crt'), made.certificate)
  }
  if (!existsSync(path('admin.token'))) writePrivately(path('admin.token'), `${randomBytes(32).toString('base64url')}\n`)
  return {
    authority,
    certificate: readFileSync(path('server.crt'), 'utf8'),
    key: readFileSync(path('server.key'), 'utf8'),
    adminToken: readFileSync(path('admin.token'), 'utf8').trim(),
  }
}

/** Whole or not at all. */
export function writePrivately(path: string, text: string): void {
  const draft = `${path}.${randomBytes(4).toString('hex')}`
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx' })
  renameSync(draft, path)
}

function serves(certificate: string, authority: string, hosts: readonly string[], now: number): boolean {
  const parsed = new NodeCertificate(certificate)
  if (Date.parse(parsed.validTo) < now + 30 * DAY_MS || Date.parse(parsed.validFrom) > now) return false
  if (!parsed.verify(new NodeCertificate(authority).publicKey)) return false
  return hosts.every((host) => (parseIp(host) === undefined ? parsed.checkHost(host) : parsed.checkIP(host)) !== undefined)
}

interface Made {
  readonly certificate: string
  readonly key: string
}

async function makeAuthority(now: number): Promise<Made> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: 'CN=sallyport-serve-ca',
      notBefore: new Date(now - SKEW_MS),
      notAfter: new Date(now + AUTHORITY_DAYS * DAY_MS),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  )
  return { certificate: `${certificate.toString('pem')}\n`, key: await exported(keys.privateKey) }
}

interface Issuer {
  readonly authority: string
  readonly authorityKey: string
}

async function makeServerCertificate(issuer: Issuer, hosts: readonly string[], now: number): Promise<Made> {
  const keys = await newKeys()
  const root = new X509Certificate(issuer.authority)
  const signingKey = await webcrypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(issuer.authorityKey), algorithm, false, ['sign'])
  const names = hosts.map((value) => ({ type: parseIp(value) === undefined ? ('dns' as const) : ('ip' as const), value }))
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: 'CN=sallyport-serve',
      issuer: root.subject,
      notBefore: new Date(now - SKEW_MS),
      notAfter: new Date(Math.min(now + SERVER_DAYS * DAY_MS, root.notAfter.getTime())),
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(names),
        await AuthorityKeyIdentifierExtension.create(root.publicKey),
      ],
    },
    webcrypto,
  )
  return { certificate: `${certificate.toString('pem')}\n`, key: await exported(keys.privateKey) }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

async function exported(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}

/** Positive, and never the same twice. */
function serialNumber(): string {
  return createHash('sha256').update(randomBytes(32)).digest('hex').slice(0, 30).replace(/^./, '4')
}
