// Says how a role reaches the API server that it joins: as whoever its kubeconfig or token is, or, with a token that is good once, by a certificate of its own that is renewed in time.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { Backoff, longestTimerMs, makeDirectory, messageOf, servedKubeconfig } from '../base/index.ts'
import type { JoinOptions, ProxyOptions } from '../cli/index.ts'
import { type ApiAccess, type ApiCredential, findAccess, joinServer } from '../client/index.ts'
import { authorityDirectory } from './state-directory.ts'

/** Of one process: its Pod and its configuration come by the same. */
const opened = new WeakMap<JoinOptions, Promise<ApiAccess>>()

/** Rejects when nothing says it, or the token is not taken. */
export function accessOf(options: ProxyOptions, join: JoinOptions): Promise<ApiAccess> {
  const known = opened.get(join) ?? openAccess(options, join)
  opened.set(join, known)
  return known
}

interface Kept {
  readonly certificate: string
  readonly privateKey: string
  readonly notAfter: number
  /** Of the token that it was had for. */
  readonly token: string
}

/** Of a renewal: not at once, and then no more seldom than this. */
const [SOONEST_MS, RETRY_MS] = [1000, 60_000]
const bootstrap = /^sallyport-join-/

async function openAccess(options: ProxyOptions, join: JoinOptions): Promise<ApiAccess> {
  const access = findAccess({ ...join, usual: servedKubeconfig() })
  const credential = access.credential()
  if (!('token' in credential) || !bootstrap.test(credential.token)) return access
  const certificate = new WorkloadCertificate(access, options)
  await certificate.open(credential.token)
  return { ...access, credential: () => certificate.credential() }
}

/** Kept where the command of a workload sees nothing: whoever has it is the workload to the server. */
class WorkloadCertificate {
  readonly #access: ApiAccess
  readonly #options: ProxyOptions
  readonly #path: string
  readonly #backoff = new Backoff({ baseMs: SOONEST_MS, maxMs: RETRY_MS })
  #kept: Kept | undefined

  constructor(access: ApiAccess, options: ProxyOptions) {
    const { namespace, serviceAccount } = options
    this.#access = access
    this.#options = options
    const id = hashOf(`${access.server} ${namespace} ${serviceAccount}`).slice(0, 16)
    this.#path = joinPath(authorityDirectory(options), `joined-${id}.json`)
  }

  async open(token: string): Promise<void> {
    const kept = readKept(this.#path)
    const isGood = kept !== undefined && kept.notAfter > Date.now()
    if (isGood && kept.token === hashOf(token)) this.#kept = kept
    else {
      try {
        await this.#have({ token }, hashOf(token))
      } catch (error) {
        if (!isGood) throw error
        this.#note(`the token is not taken, and the certificate from before goes on: ${messageOf(error)}`)
        this.#kept = kept
      }
    }
    this.#planNext()
  }

  credential(): ApiCredential {
    if (this.#kept === undefined) throw new Error('there is no certificate yet')
    return { certificate: this.#kept.certificate, key: this.#kept.privateKey }
  }

  async #have(credential: ApiCredential, token: string): Promise<void> {
    const { server: url, authority: ca } = this.#access
    const { namespace, serviceAccount } = this.#options
    const joined = await joinServer({ ...credential, url, ca, namespace, serviceAccount })
    if (!joined.ok) throw joined.error
    this.#kept = { ...joined.value, token }
    try {
      makeDirectory(authorityDirectory(this.#options))
      writeFileSync(`${this.#path}.new`, JSON.stringify(this.#kept), { mode: 0o600 })
      renameSync(`${this.#path}.new`, this.#path)
    } catch (error) {
      this.#note(`the certificate by which this joins cannot be kept for another start: ${messageOf(error)}`)
    }
  }

  /** When a third of its time is left. */
  #planNext(): void {
    this.#backoff.reset()
    this.#plan(Math.max((((this.#kept?.notAfter ?? 0) - Date.now()) * 2) / 3, SOONEST_MS))
  }

  #plan(afterMs: number): void {
    setTimeout(() => void this.#renew(), Math.min(afterMs, longestTimerMs)).unref()
  }

  async #renew(): Promise<void> {
    try {
      const { credential, token } = this.#proof()
      await this.#have(credential, token)
      this.#planNext()
    } catch (error) {
      this.#note(`the certificate by which this has joined is not renewed yet: ${messageOf(error)}`)
      this.#plan(this.#backoff.next())
    }
  }

  /** One that has expired proves nothing any more: somebody may have put a new token in the place of the first. */
  #proof(): { readonly credential: ApiCredential; readonly token: string } {
    const kept = this.#kept
    if (kept !== undefined && kept.notAfter > Date.now()) return { credential: this.credential(), token: kept.token }
    const credential = this.#access.credential()
    return { credential, token: 'token' in credential ? hashOf(credential.token) : '' }
  }

  #note(text: string): void {
    process.stderr.write(`sallyport: ${text}\n`)
  }
}

function readKept(path: string): Kept | undefined {
  if (!existsSync(path)) return undefined
  try {
    const kept: Kept = JSON.parse(readFileSync(path, 'utf8'))
    return typeof kept.certificate === 'string' && typeof kept.privateKey === 'string' && typeof kept.notAfter === 'number'
      ? kept
      : undefined
  } catch {
    // A file that cannot be read is no certificate; another one is asked for.
    return undefined
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
