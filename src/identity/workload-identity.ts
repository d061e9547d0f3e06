// Holds the certificate of one workload and renews it in good time, so that no connection ever waits for one.
import { type Clock, messageOf, systemClock, type Timer } from '../base/index.ts'
import type { CertificateAuthority } from './certificate-authority.ts'
import type { SecretMaterial } from './secret.ts'
import type { SpiffeId } from './spiffe.ts'

export interface WorkloadIdentityOptions {
  /** Of the authority, which is read anew for each certificate. */
  readonly directory: string
  readonly id: SpiffeId
  /** Told after each renewal. */
  readonly onRenewed: () => void
  readonly onNote: (text: string) => void
  readonly lifetimeMs?: number
  readonly clock?: Clock
}

export interface IdentitySecrets {
  readonly certificate: SecretMaterial
  readonly roots: SecretMaterial
}

const HOUR_MS = 3_600_000
/** A failure is tried again so often. */
const RETRY_MS = 10_000

export class WorkloadIdentity {
  readonly #options: WorkloadIdentityOptions
  readonly #clock: Clock
  readonly #lifetimeMs: number
  #secrets: IdentitySecrets | undefined
  #timer: Timer | undefined
  #first: Promise<void> | undefined
  #problem: string | undefined
  #isClosed = false

  constructor(options: WorkloadIdentityOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#lifetimeMs = options.lifetimeMs ?? HOUR_MS
  }

  /** Undefined before there are any. */
  get secrets(): IdentitySecrets | undefined {
    return this.#secrets
  }

  /** Begins, where that has not been done; resolves when the first certificate is there, or cannot be had for now. */
  begin(): Promise<void> {
    this.#first ??= this.#renew()
    return this.#first
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  async #renew(): Promise<void> {
    const { directory, id, onRenewed, onNote } = this.#options
    let nextMs = RETRY_MS
    try {
      const authority = await openAuthority(directory)
      const { chain, key } = await authority.issue(id, this.#lifetimeMs)
      const { roots } = authority
      const before = this.#secrets
      this.#secrets = { certificate: { certificate: { chain, key } }, roots: before?.roots.roots === roots ? before.roots : { roots } }
      this.#problem = undefined
      // At half its life, and not all at once.
      nextMs = this.#lifetimeMs * (0.45 + Math.random() / 10)
      if (!this.#isClosed) onRenewed()
    } catch (error) {
      const problem = messageOf(error)
      if (problem !== this.#problem) onNote(`there is no certificate for the mesh’s own mutual TLS: ${problem}`)
      this.#problem = problem
    }
    if (!this.#isClosed) this.#timer = this.#clock.setTimer(nextMs, () => void this.#renew())
  }
}

/** X.509 is loaded only by who issues certificates. */
async function openAuthority(directory: string): Promise<CertificateAuthority> {
  const { openCertificateAuthority } = await import('./certificate-authority.ts')
  return openCertificateAuthority(directory)
}
