// Finds out who a client is: by the bearer token that comes with a request, else by the certificate of its connection.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type PeerCertificate, TLSSocket } from 'node:tls'
import type { ObjectStore } from '../../store/index.ts'
import type { ServiceAccountTokens } from './service-account-tokens.ts'
import { administrators, authenticated, serviceAccountOf, serviceAccountUser, type User, workloads } from './user.ts'
import { uidOf } from './service-accounts.ts'

/** What a client proves itself with, whichever protocol it speaks. */
export interface Proof {
  /** The header `authorization`. */
  readonly authorization?: string | undefined
  /** Of the connection, when somebody has signed it whom the server trusts. */
  readonly certificate?: PeerCertificate
}

export type Authenticate = (proof: Proof) => User | undefined

export interface Known {
  readonly adminToken: string
  readonly tokens: ServiceAccountTokens
  readonly store: ObjectStore
  readonly now: () => number
}

/** A token decides alone, also when it is not known. */
export function authenticator({ adminToken, tokens, store, now }: Known): Authenticate {
  const wanted = digest(adminToken)
  return ({ authorization, certificate }) => {
    if (authorization === undefined) return certificate && userOfCertificate(certificate, store, now())
    const sent = bearerOf(authorization)
    if (sent === undefined) return undefined
    if (timingSafeEqual(digest(sent), wanted)) return { name: 'admin', groups: [administrators, authenticated] }
    return tokens.userOf(sent)
  }
}

export function bearerOf(authorization: string): string | undefined {
  return /^Bearer ([\w.~+/=-]{1,8192})$/i.exec(authorization)?.[1]
}

export function proofOf({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): Proof {
  const { authorization } = headers
  const certificate = socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate() : undefined
  return { authorization, ...(certificate === undefined ? {} : { certificate }) }
}

/** CN is the user, each O a group, as Kubernetes has it. That of a workload is good as long as its service account is there. */
function userOfCertificate({ subject, valid_from, valid_to }: PeerCertificate, store: ObjectStore, now: number): User | undefined {
  // A connection may last longer than the certificate that began it.
  if (!(Date.parse(valid_from) <= now && now <= Date.parse(valid_to))) return undefined
  const [name, ...more] = listOf(subject.CN)
  if (name === undefined || name === '' || more.length > 0) return undefined
  const groups = listOf(subject.O)
  const account = serviceAccountOf(name)
  if (account === undefined) return { name, groups: [...groups.filter((group) => group !== workloads), authenticated] }
  const uid = uidOf(store, account)
  if (uid === undefined || !listOf(subject.OU).includes(uid)) return undefined
  return serviceAccountUser(account, uid, groups.includes(workloads) ? [workloads] : [])
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : value
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
