// Keeps the tokens by which a workload joins once: of one service account, until they expire, and only as hashes.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { forbiddenBecause, isJsonObject, StatusError } from '../../kube/index.ts'
import { type ObjectStore, RevisionConflict, type Stored } from '../../store/index.ts'
import { uidOf } from './service-accounts.ts'
import type { ServiceAccountName } from './user.ts'

interface Kept {
  readonly hash: string
  readonly serviceAccount: string
  readonly uid: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

const resource = 'bootstraptokens.node.sallyport.dev'
/** Of one namespace; expired ones make room. */
const mostTokens = 1000
const format = /^sallyport-join-([\da-f]{16})\.[\w-]{43}$/

export class BootstrapTokens {
  readonly #store: ObjectStore
  readonly #now: () => number

  constructor(store: ObjectStore, now: () => number) {
    this.#store = store
    this.#now = now
  }

  /** Resolves when it is on disk. */
  async make(
    { namespace, name }: ServiceAccountName,
    uid: string,
    seconds: number,
  ): Promise<{ readonly token: string; readonly expires: number }> {
    const expires = this.#now() + seconds * 1000
    const id = randomBytes(8).toString('hex')
    const token = `sallyport-join-${id}.${randomBytes(32).toString('base64url')}`
    const known = this.#store.list(resource, { namespace }).items
    const old = known.filter((stored) => (keptIn(stored)?.expires ?? 0) <= this.#now())
    if (known.length - old.length >= mostTokens)
      throw new StatusError(
        forbiddenBecause({ group: '', plural: 'serviceaccounts' }, name, `${mostTokens} tokens of this namespace wait to be used`),
      )
    const kept: Kept = { hash: digest(token).toString('hex'), serviceAccount: name, uid, expires }
    await this.#store.commit([
      ...old.map(({ key, revision }) => ({ key, expected: revision })),
      { key: { resource, namespace, name: id }, value: Buffer.from(JSON.stringify(kept)), expected: 0 },
    ])
    return { token, expires }
  }

  /** Resolves with whether it was good, when it is known on disk that it is no longer. */
  async use(token: string, account: ServiceAccountName): Promise<boolean> {
    const [, id = ''] = format.exec(token) ?? []
    const stored = id === '' ? undefined : this.#store.get({ resource, namespace: account.namespace, name: id })
    const kept = stored && keptIn(stored)
    if (stored === undefined || kept === undefined || !this.#isGood(kept, token, account)) return false
    try {
      await this.#store.commit([{ key: stored.key, expected: stored.revision }])
      return true
    } catch (error) {
      // Somebody else was first.
      if (error instanceof RevisionConflict) return false
      throw error
    }
  }

  #isGood({ hash, serviceAccount, uid, expires }: Kept, token: string, account: ServiceAccountName): boolean {
    if (!timingSafeEqual(Buffer.from(hash, 'hex'), digest(token))) return false
    return serviceAccount === account.name && this.#now() < expires && uidOf(this.#store, account) === uid
  }
}

function keptIn({ value }: Stored): Kept | undefined {
  const kept: unknown = JSON.parse(value.toString())
  if (!isJsonObject(kept)) return undefined
  const { hash, serviceAccount, uid, expires } = kept
  if (typeof hash !== 'string' || typeof serviceAccount !== 'string' || typeof uid !== 'string' || typeof expires !== 'number')
    return undefined
  return { hash, serviceAccount, uid, expires }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
