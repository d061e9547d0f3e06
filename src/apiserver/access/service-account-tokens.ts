// Signs tokens of service accounts, as JSON Web Tokens (RFC 7519) with ES256, and knows its own again.
import { createPrivateKey, createPublicKey, type KeyObject, randomUUID, sign, verify } from 'node:crypto'
import { isJsonObject, type JsonObject } from '../../kube/index.ts'
import type { ObjectStore } from '../../store/index.ts'
import { uidOf } from './service-accounts.ts'
import { type ServiceAccountName, serviceAccountUser, serviceAccountUserName, type User } from './user.ts'

export interface TokenParts {
  readonly account: ServiceAccountName
  readonly uid: string
  /** Whom it is for; none: this server. */
  readonly audiences: readonly string[]
  readonly seconds: number
}

export const ownAudience = 'https://kubernetes.default.svc.cluster.local'

/** Clocks that were set back a little do not take a token away. */
const SKEW_SECONDS = 60

export class ServiceAccountTokens {
  readonly #key: KeyObject
  readonly #publicKey: KeyObject
  readonly #store: ObjectStore
  readonly #now: () => number

  /** The key is PEM, of P-256. */
  constructor(key: string, store: ObjectStore, now: () => number) {
    this.#key = createPrivateKey(key)
    this.#publicKey = createPublicKey(key)
    this.#store = store
    this.#now = now
  }

  sign({ account, uid, audiences, seconds }: TokenParts): { readonly token: string; readonly expires: number } {
    const issued = Math.floor(this.#now() / 1000)
    const claims = {
      iss: ownAudience,
      sub: serviceAccountUserName(account),
      aud: audiences.length === 0 ? [ownAudience] : audiences,
      iat: issued,
      nbf: issued,
      exp: issued + seconds,
      jti: randomUUID(),
      'kubernetes.io': { namespace: account.namespace, serviceaccount: { name: account.name, uid } },
    }
    const signed = `${encoded({ alg: 'ES256', typ: 'JWT' })}.${encoded(claims)}`
    const signature = sign('sha256', Buffer.from(signed), { key: this.#key, dsaEncoding: 'ieee-p1363' })
    return { token: `${signed}.${signature.toString('base64url')}`, expires: claims.exp * 1000 }
  }

  /** Undefined for what this server has not signed, for others, in the past or in the future, and of a service account that is gone. */
  userOf(token: string): User | undefined {
    const [head = '', body = '', signature = '', ...more] = token.split('.')
    if (more.length > 0 || signature === '') return undefined
    const key = { key: this.#publicKey, dsaEncoding: 'ieee-p1363' } as const
    // Whatever the head says of the algorithm: there is one.
    if (!verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))) return undefined
    const claims: unknown = JSON.parse(Buffer.from(body, 'base64url').toString())
    if (!isJsonObject(claims) || !isGoodNow(claims, this.#now() / 1000)) return undefined
    return this.#userOf(claims)
  }

  #userOf({ 'kubernetes.io': about }: JsonObject): User | undefined {
    const { namespace, serviceaccount } = isJsonObject(about) ? about : {}
    const { name, uid } = isJsonObject(serviceaccount) ? serviceaccount : {}
    if (typeof namespace !== 'string' || typeof name !== 'string' || typeof uid !== 'string') return undefined
    if (uidOf(this.#store, { namespace, name }) !== uid) return undefined
    return serviceAccountUser({ namespace, name }, uid)
  }
}

/** By the clock of the machine. One that was set back lengthens the life of a token by as much, and refuses those that were signed meanwhile. */
function isGoodNow({ aud, exp, nbf }: JsonObject, seconds: number): boolean {
  if (typeof exp !== 'number' || typeof nbf !== 'number' || !Array.isArray(aud) || !aud.includes(ownAudience)) return false
  return nbf - SKEW_SECONDS <= seconds && seconds < exp
}

function encoded(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
