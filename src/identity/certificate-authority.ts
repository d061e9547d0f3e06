// Issues the certificates of workloads: an authority of the user's own, which all of a mesh on this machine share.
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
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
import { SallyportError } from '../base/index.ts'
import { keepAuthority, readAuthority } from './authority-file.ts'
import { formatSpiffeId, meshTrustDomain, type SpiffeId } from './spiffe.ts'

export interface IssuedCertificate {
  /** PEM. */
  readonly chain: string
  readonly key: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

export interface CertificateAuthority {
  /** PEM of those whom the mesh trusts. */
  readonly roots: string
  issue(id: SpiffeId, lifetimeMs: number): Promise<IssuedCertificate>
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const YEAR_MS = 365 * 86_400_000
const AUTHORITY_MS = 10 * YEAR_MS
/** Clocks of machines differ a little. */
const SKEW_MS = 120_000

/** The authority of this folder; made when there is none. */
export async function openCertificateAuthority(directory: string, now = Date.now()): Promise<CertificateAuthority> {
  const text = readAuthority(directory) ?? keepAuthority(directory, await makeAuthority(now))
  const [privateKey, certificate] = [blockOf(text, 'PRIVATE KEY'), blockOf(text, 'CERTIFICATE')]
  if (privateKey === undefined || certificate === undefined) throw broken(directory, 'holds no key with its certificate')
  const root = new X509Certificate(certificate)
  if (root.notAfter.getTime() < now) throw broken(directory, `has expired on ${root.notAfter.toISOString()}`)
  const key = await webcrypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(privateKey), algorithm, false, ['sign'])
  return new Authority(root, key)
}

class Authority implements CertificateAuthority {
  readonly roots: string
  readonly #root: X509Certificate
  readonly #key: webcrypto.CryptoKey

  constructor(root: X509Certificate, key: webcrypto.CryptoKey) {
    this.#root = root
    this.#key = key
    this.roots = `${root.toString('pem')}\n`
  }

  async issue(id: SpiffeId, lifetimeMs: number): Promise<IssuedCertificate> {
    const keys = await newKeys()
    const now = Date.now()
    const expires = Math.min(now + lifetimeMs, this.#root.notAfter.getTime())
    const certificate = await X509CertificateGenerator.create(
      {
        serialNumber: serialNumber(),
        issuer: this.#root.subject,
        notBefore: new Date(now - SKEW_MS),
        notAfter: new Date(expires),
        publicKey: keys.publicKey,
        signingKey: this.#key,
        signingAlgorithm: algorithm,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          // Without a subject the names are what it is about (RFC 5280 section 4.1.2.6).
          new SubjectAlternativeNameExtension([{ type: 'url', value: formatSpiffeId(id) }], true),
          await AuthorityKeyIdentifierExtension.create(this.#root.publicKey),
        ],
      },
      webcrypto,
    )
    return { chain: `${certificate.toString('pem')}\n`, key: await exported(keys.privateKey), expires }
  }
}

async function makeAuthority(now: number): Promise<string> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: `O=${meshTrustDomain}`,
      notBefore: new Date(now - SKEW_MS),
      notAfter: new Date(now + AUTHORITY_MS),
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
  return `${await exported(keys.privateKey)}${certificate.toString('pem')}\n`
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

async function exported(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}

/** Positive, and never the same twice. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

function blockOf(text: string, label: string): string | undefined {
  return new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(text)?.[0]
}

function broken(directory: string, what: string): SallyportError {
  return new SallyportError('SLP0401', `the certificate authority in ${directory} ${what}`, {
    fix: 'remove the folder: a new authority is made, which all of the mesh then have to use',
  })
}
