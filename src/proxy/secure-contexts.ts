// Keeps one secure context for each set of certificates, and makes another when its files or secrets have changed.
import { constants } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { Clock } from '../base/index.ts'
import { type SecretMaterial, type SecretsByName, systemBundles } from '../identity/index.ts'
import type { CertificateSource, RootsSource } from '../runtime/index.ts'

/** How often files are looked at, at most. */
const CHECK_MS = 1000
/** Sets that are kept; one with the system's bundle weighs a megabyte. */
const MAX_SETS = 256

/** Of a plan for one side or the other. */
export interface ContextPlan {
  readonly roots?: RootsSource
  readonly crl?: string
  readonly certificate?: CertificateSource
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly ciphers?: readonly string[]
}

interface KeptSet {
  readonly context: SecureContext
  /** What the files looked like when they were read. */
  readonly stamp: string
  /** Those that were looked at last, whether or not they could be used. */
  secrets: readonly (SecretMaterial | undefined)[]
  checked: number
}

export class SecureContexts {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #secret: SecretsByName
  readonly #sets = new Map<string, KeptSet>()
  readonly #keys = new WeakMap<ContextPlan, string>()

  constructor(clock: Pick<Clock, 'monotonic'>, secret: SecretsByName) {
    this.#clock = clock
    this.#secret = secret
  }

  /** Throws only while there is nothing to go on with: what was read last serves on when a newer state cannot be used. */
  of(plan: ContextPlan, side: 'client' | 'server'): SecureContext {
    const key = `${side} ${this.#keyOf(plan)}`
    const now = this.#clock.monotonic()
    const known = this.#sets.get(key)
    const secrets = secretNamesOf(plan).map((name) => this.#secret(name))
    const isSame = known?.secrets.every((secret, i) => secret === secrets[i]) === true
    if (known && isSame && now - known.checked < CHECK_MS) return known.context
    try {
      const stamp = filesOf(plan).map(stampOf).join(' ')
      if (known && isSame && known.stamp === stamp) {
        known.checked = now
        return known.context
      }
      const context = createSecureContext({ ...readOptions(plan, this.#secret), ...(side === 'server' && serverOptions(plan)) })
      this.#keep(key, { context, stamp, secrets, checked: now })
      return context
    } catch (error) {
      if (!known) throw error
      // A secret that cannot be used is not read again for every connection: it would have to be another one.
      known.secrets = secrets
      known.checked = now
      return known.context
    }
  }

  #keyOf(plan: ContextPlan): string {
    const known = this.#keys.get(plan)
    if (known !== undefined) return known
    const { roots, crl, certificate, minVersion, maxVersion, ciphers } = plan
    const key = JSON.stringify([roots ?? null, crl ?? null, certificate ?? null, minVersion, maxVersion, ciphers ?? null])
    this.#keys.set(plan, key)
    return key
  }

  #keep(key: string, set: KeptSet): void {
    this.#sets.delete(key)
    const [oldest] = this.#sets.size >= MAX_SETS ? this.#sets.keys() : []
    if (oldest !== undefined) this.#sets.delete(oldest)
    this.#sets.set(key, set)
  }
}

/** A resumed session would stand for a certificate that nobody has looked at again. */
function serverOptions({ roots }: ContextPlan): SecureContextOptions {
  return roots === undefined ? {} : { secureOptions: constants.SSL_OP_NO_TICKET, sessionTimeout: 1 }
}

function secretNamesOf({ roots, certificate }: ContextPlan): readonly string[] {
  return [
    ...(typeof roots === 'object' ? [roots.secret] : []),
    ...(certificate !== undefined && 'secret' in certificate ? [certificate.secret] : []),
  ]
}

function filesOf({ roots, crl, certificate }: ContextPlan): string[] {
  const pair = certificate !== undefined && 'chain' in certificate ? [certificate.chain, certificate.key] : []
  return [typeof roots === 'string' ? rootsFile(roots) : undefined, crl, ...pair].filter((file) => file !== undefined)
}

function rootsFile(roots: string): string {
  if (roots !== 'system') return roots
  const found = systemBundles.find((file) => statSync(file, { throwIfNoEntry: false }) !== undefined)
  if (found === undefined) throw new Error(`the system has no bundle of trusted certificates at ${systemBundles.join(', ')}`)
  return found
}

/** A file that is replaced by another, perhaps behind a link, is another inode. */
function stampOf(file: string): string {
  const { mtimeMs, size, ino } = statSync(file)
  return `${mtimeMs}/${size}/${ino}`
}

/** Without these among what is asked for Node speaks no TLS 1.3; there is nothing to choose among them. */
const newestCiphers = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256']

function readOptions(
  { roots, crl, certificate, minVersion, maxVersion, ciphers }: ContextPlan,
  secret: SecretsByName,
): SecureContextOptions {
  return {
    // An empty list trusts nobody, and is not asked when nothing is verified; without it Node would load its own bundle.
    ca: roots === undefined ? [] : readRoots(roots, secret),
    ...revoked(roots, crl, secret),
    ...(certificate && readCertificate(certificate, secret)),
    minVersion,
    maxVersion,
    ...(ciphers && { ciphers: [...newestCiphers, ...ciphers].join(':') }),
  }
}

function readRoots(source: RootsSource, secret: SecretsByName): Buffer | string {
  if (typeof source === 'string') return readFileSync(rootsFile(source))
  const { roots } = needed(source.secret, secret)
  if (roots === undefined) throw new Error(`the secret "${source.secret}" says nobody to trust`)
  return roots
}

/** A list of a configuration's own counts before that of a secret, as with Envoy, whose messages are merged. */
function revoked(roots: RootsSource | undefined, crl: string | undefined, secret: SecretsByName): Pick<SecureContextOptions, 'crl'> {
  if (crl !== undefined) return { crl: readFileSync(crl) }
  const given = typeof roots === 'object' ? needed(roots.secret, secret).crl : undefined
  return given === undefined ? {} : { crl: given }
}

function readCertificate(source: CertificateSource, secret: SecretsByName): Pick<SecureContextOptions, 'cert' | 'key'> {
  if ('chain' in source) return { cert: readFileSync(source.chain), key: readFileSync(source.key) }
  const { certificate } = needed(source.secret, secret)
  if (certificate === undefined) throw new Error(`the secret "${source.secret}" is no certificate`)
  return { cert: certificate.chain, key: certificate.key }
}

function needed(name: string, secret: SecretsByName): SecretMaterial {
  const found = secret(name)
  if (found === undefined) throw new Error(`nobody has given the secret "${name}"`)
  return found
}
