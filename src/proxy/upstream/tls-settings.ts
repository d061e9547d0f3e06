// Keeps one secure context for each set of certificate files, reads them again when they change, and resumes sessions.
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { type Clock, messageOf, parseIp, splitAuthority } from '../../base/index.ts'
import type { TlsPlan } from '../../runtime/index.ts'
import type { TlsSetup } from '../transport.ts'
import { nameProblem } from './certificate-names.ts'

/** How often files are looked at, at most. */
const CHECK_MS = 1000
/** Sets of files that are kept; a set with the system's bundle weighs a megabyte. */
const MAX_SETS = 256
/** Sessions that are kept for each plan, one for each server name. */
const MAX_SESSIONS = 256

/** Where systems keep the bundle of those they trust, in the order in which Istio looks for it. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

interface FileSet {
  readonly context: SecureContext
  /** What the files looked like when they were read. */
  readonly stamp: string
  checked: number
}

interface PlanState {
  readonly key: string
  context: SecureContext | undefined
  readonly sessions: Map<string, Buffer>
}

export class TlsSettings {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #sets = new Map<string, FileSet>()
  readonly #plans = new WeakMap<TlsPlan, PlanState>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** `authority` is that of the request; absent for bytes that are no request. A problem is told in words. */
  prepare(plan: TlsPlan, authority: string | undefined, isHttp2 = false): TlsSetup | { readonly problem: string } {
    const state = this.#stateOf(plan)
    let context: SecureContext
    try {
      context = this.#contextOf(state.key, plan)
    } catch (error) {
      return { problem: messageOf(error) }
    }
    if (state.context !== context) {
      state.context = context
      state.sessions.clear()
    }
    const host = authority === undefined ? plan.host : hostOf(authority)
    const serverName = plan.sni ?? (plan.autoSni && host !== undefined && parseIp(host) === undefined ? host : '')
    // What was judged for one host must not be resumed for another, even when neither was asked for by name.
    const sessionKey = `${serverName} ${plan.autoSan ? (host ?? '') : ''}`
    return {
      context,
      serverName,
      alpn: plan.alpn.length > 0 ? plan.alpn : authority === undefined ? [] : [isHttp2 ? 'h2' : 'http/1.1'],
      isVerified: plan.roots !== undefined,
      judgeNames: (certificate) => nameProblem(certificate, plan, host),
      session: state.sessions.get(sessionKey),
      keepSession: (session) => {
        if (state.context !== context) return
        if (state.sessions.size >= MAX_SESSIONS) state.sessions.clear()
        state.sessions.set(sessionKey, session)
      },
    }
  }

  #stateOf(plan: TlsPlan): PlanState {
    const known = this.#plans.get(plan)
    if (known) return known
    const { roots, crl, certificate, minVersion, maxVersion } = plan
    const key = JSON.stringify([roots ?? null, crl ?? null, certificate?.chain ?? null, certificate?.key ?? null, minVersion, maxVersion])
    const state: PlanState = { key, context: undefined, sessions: new Map() }
    this.#plans.set(plan, state)
    return state
  }

  /** Throws only while there is nothing to go on with: what was read last serves on when a newer state cannot be used. */
  #contextOf(key: string, plan: TlsPlan): SecureContext {
    const now = this.#clock.monotonic()
    const known = this.#sets.get(key)
    if (known && now - known.checked < CHECK_MS) return known.context
    try {
      const files = filesOf(plan)
      const stamp = files.map(stampOf).join(' ')
      if (known && known.stamp === stamp) {
        known.checked = now
        return known.context
      }
      const context = createSecureContext(readOptions(plan))
      this.#keep(key, { context, stamp, checked: now })
      return context
    } catch (error) {
      if (!known) throw error
      known.checked = now
      return known.context
    }
  }

  #keep(key: string, set: FileSet): void {
    this.#sets.delete(key)
    const [oldest] = this.#sets.size >= MAX_SETS ? this.#sets.keys() : []
    if (oldest !== undefined) this.#sets.delete(oldest)
    this.#sets.set(key, set)
  }
}

/** In lower case and without port, as Envoy asks for it; no certificate and no server name ends in a dot (RFC 6066 section 3). */
export function hostOf(authority: string): string {
  return (splitAuthority(authority)?.host ?? authority).toLowerCase().replace(/\.$/, '')
}

function filesOf({ roots, crl, certificate }: TlsPlan): string[] {
  const all = [roots === undefined ? undefined : rootsFile(roots), crl, certificate?.chain, certificate?.key]
  return all.filter((file) => file !== undefined)
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

function readOptions({ roots, crl, certificate, minVersion, maxVersion }: TlsPlan): SecureContextOptions {
  return {
    // An empty list trusts nobody, and is not asked when nothing is verified; without it Node would load its own bundle.
    ca: roots === undefined ? [] : readFileSync(rootsFile(roots)),
    ...(crl !== undefined && { crl: readFileSync(crl) }),
    ...(certificate && { cert: readFileSync(certificate.chain), key: readFileSync(certificate.key) }),
    minVersion,
    maxVersion,
  }
}
