// Signs X.509 certificates with a key of its own. Its library is heavy: whoever may not need it imports this file late.
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type PublicKey,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

export { ExtendedKeyUsage }

/** PEM. */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

/** PKCS#10, whose sender has shown to have the key. */
export interface CertificateRequest {
  readonly publicKey: PublicKey
}

export interface Leaf {
  /** Without one the names are what the certificate is about. */
  readonly subject?: string | JsonName
  readonly names: JsonGeneralNames
  readonly usages: readonly ExtendedKeyUsage[]
  readonly lifetimeMs: number
  /** Milliseconds since the epoch. */
  readonly now: number
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
/** Clocks of machines differ a little. */
const SKEW_MS = 120_000

/** An authority that has no other above it, and none below. */
export async function makeAuthority(name: string, now: number, lifetimeMs: number): Promise<KeyPair> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name,
      notBefore: new Date(now - SKEW_MS),
      notAfter: new Date(now + lifetimeMs),
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
  return { certificate: pemOf(certificate), key: await exported(keys.privateKey) }
}

export async function openIssuer({ certificate, key }: KeyPair): Promise<Issuer> {
  const signingKey = await webcrypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(key), algorithm, false, ['sign'])
  return new Issuer(new X509Certificate(certificate), signingKey)
}

export class Issuer {
  readonly #root: X509Certificate
  readonly #key: webcrypto.CryptoKey

  constructor(root: X509Certificate, key: webcrypto.CryptoKey) {
    this.#root = root
    this.#key = key
  }

  /** PEM of its own certificate. */
  get certificate(): string {
    return pemOf(this.#root)
  }

  /** When its own certificate ends; milliseconds since the epoch. */
  get expires(): number {
    return this.#root.notAfter.getTime()
  }

  /** No certificate outlives that of its issuer. */
  async issue(leaf: Leaf): Promise<KeyPair & { readonly expires: number }> {
    const keys = await newKeys()
    return { ...(await this.#certify(keys.publicKey, leaf)), key: await exported(keys.privateKey) }
  }

  /** For the key of a request, whatever else it asks for. */
  sign({ publicKey }: CertificateRequest, leaf: Leaf): Promise<{ readonly certificate: string; readonly expires: number }> {
    return this.#certify(publicKey, leaf)
  }

  async #certify(
    publicKey: PublicKey | webcrypto.CryptoKey,
    { subject, names, usages, lifetimeMs, now }: Leaf,
  ): Promise<{ readonly certificate: string; readonly expires: number }> {
    const expires = Math.min(now + lifetimeMs, this.expires)
    const certificate = await X509CertificateGenerator.create(
      {
        serialNumber: serialNumber(),
        ...(subject !== undefined && { subject }),
        issuer: this.#root.subject,
        notBefore: new Date(now - SKEW_MS),
        notAfter: new Date(expires),
        publicKey,
        signingKey: this.#key,
        signingAlgorithm: algorithm,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension(Array.from(usages)),
          // Critical where there is no subject (RFC 5280 section 4.1.2.6).
          ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names, subject === undefined)]),
          await AuthorityKeyIdentifierExtension.create(this.#root.publicKey),
        ],
      },
      webcrypto,
    )
    return { certificate: pemOf(certificate), expires }
  }
}

/** Asks for a certificate: a new key, and a request (PKCS#10) that is signed with it. PEM. */
export async function makeCertificateRequest(): Promise<{ readonly request: string; readonly key: string }> {
  const keys = await newKeys()
  const request = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm }, webcrypto)
  return { request: `${request.toString('pem')}\n`, key: await exported(keys.privateKey) }
}

/** Undefined if the text is none, or its sender has not the key, or the key is of another kind than P-256. */
export async function readCertificateRequest(text: string): Promise<CertificateRequest | undefined> {
  try {
    const request = new Pkcs10CertificateRequest(text)
    // Of another curve it cannot be read.
    await request.publicKey.export(algorithm, ['verify'], webcrypto)
    return (await request.verify(webcrypto)) ? request : undefined
  } catch {
    // Whatever the library cannot read is no request.
    return undefined
  }
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`
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
