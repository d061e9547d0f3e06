// Gives credentials of service accounts: tokens, as `kubectl create token` asks for them, tokens by which a workload joins once, and certificates of workloads that join.
import type { IncomingMessage } from 'node:http'
import { timeText } from '../../base/index.ts'
import {
  badRequest,
  fieldAtPath,
  forbiddenField,
  invalid,
  invalidValue,
  isJsonList,
  type Json,
  type JsonObject,
  methodNotAllowed,
  type StatusCause,
  StatusError,
  unauthorized,
} from '../../kube/index.ts'
import { type CertificateRequest, type KeyPair, loadIssuer } from '../../identity/index.ts'
import type { ObjectStore } from '../../store/index.ts'
import { type Answer, json } from '../answer.ts'
import { ObjectWriter } from '../object-writer.ts'
import type { ResourcePath } from '../request-path.ts'
import { readJson, readSent } from '../sent-object.ts'
import { bearerOf } from './authentication.ts'
import type { Authorizer } from './authorizer.ts'
import { BootstrapTokens } from './bootstrap-tokens.ts'
import { findServiceAccount } from './service-accounts.ts'
import type { ServiceAccountTokens } from './service-account-tokens.ts'
import { type ServiceAccountName, serviceAccountUserName, type User, workloadOf, workloads } from './user.ts'

export interface CredentialParts {
  readonly store: ObjectStore
  readonly now: () => number
  readonly authorizer: Authorizer
  readonly tokens: ServiceAccountTokens
  /** Signs the certificates of clients. */
  readonly clientAuthority: KeyPair
  /** How long a certificate of a workload is good; a day if absent. */
  readonly certificateMs?: number | undefined
}

export interface NodePath {
  readonly account: ServiceAccountName
  readonly what: 'join' | 'bootstrap'
}

const label = '([a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?)'
const nodePath = new RegExp(`^/apis/node\\.sallyport\\.dev/v1/namespaces/${label}/serviceaccounts/${label}/(join|bootstrap)$`)

export function readNodePath(path: string): NodePath | undefined {
  const [, namespace, name, what] = nodePath.exec(path) ?? []
  if (namespace === undefined || name === undefined || (what !== 'join' && what !== 'bootstrap')) return undefined
  return { account: { namespace, name }, what }
}

/** As short as Kubernetes has it, and as long as its numbers go. */
const [LEAST_SECONDS, MOST_SECONDS, USUAL_SECONDS] = [600, 2 ** 32, 3600]
/** Of tokens by which a workload joins. */
const [USUAL_JOIN_SECONDS, MOST_JOIN_SECONDS] = [900, 86_400]
const USUAL_CERTIFICATE_MS = 86_400_000

export class CredentialRequests {
  readonly #parts: CredentialParts
  readonly #writer: ObjectWriter
  readonly #bootstrap: BootstrapTokens

  constructor(parts: CredentialParts) {
    this.#parts = parts
    this.#writer = new ObjectWriter(parts.store, parts.now)
    this.#bootstrap = new BootstrapTokens(parts.store, parts.now)
  }

  /** `serviceaccounts/NAME/token`; the right to it was judged. */
  async token(message: IncomingMessage, { resource, namespace, name, subresource }: ResourcePath): Promise<Answer> {
    const { kind } = resource.subresources.find((one) => one.name === subresource) ?? {}
    if (message.method !== 'POST' || kind?.schema === undefined) throw new StatusError(methodNotAllowed(resource))
    const part = { kind: kind.kind, apiVersion: `${kind.group}/${kind.version}`, schema: kind.schema }
    const { object } = await readSent(message, { resource, version: kind.version, fieldValidation: 'Ignore', part })
    const seconds = fieldAtPath(object, ['spec', 'expirationSeconds']) ?? USUAL_SECONDS
    const causes = tokenCauses(seconds, fieldAtPath(object, ['spec', 'boundObjectRef']))
    if (typeof seconds !== 'number' || causes.length > 0) throw new StatusError(invalid(kind.group, kind.kind, '', causes))
    const account = { namespace, name }
    const uid = await this.#uidOf(account, false)
    const audiences = textsIn(fieldAtPath(object, ['spec', 'audiences']))
    const { token, expires } = this.#parts.tokens.sign({ account, uid, audiences, seconds })
    const { apiVersion } = part
    const metadata = { name, namespace, creationTimestamp: timeText(this.#parts.now()) }
    const spec = { audiences, expirationSeconds: seconds }
    return json({ kind: kind.kind, apiVersion, metadata, spec, status: { token, expirationTimestamp: timeText(expires) } }, 201)
  }

  /** Whoever has no user yet may have a token by which to join. */
  async answer(message: IncomingMessage, { account, what }: NodePath, user: User | undefined): Promise<Answer> {
    if (message.method !== 'POST') throw new StatusError(methodNotAllowed({ group: 'node.sallyport.dev', plural: 'serviceaccounts' }))
    return what === 'join' ? this.#join(message, account, user) : this.#makeBootstrapToken(message, account, user)
  }

  /** Whoever may have its tokens may let others be it. */
  async #makeBootstrapToken(message: IncomingMessage, account: ServiceAccountName, user: User | undefined): Promise<Answer> {
    if (user === undefined) throw new StatusError(unauthorized())
    this.#checkTokenRight(user, account)
    const seconds = fieldAtPath(await readJson(message), ['spec', 'expirationSeconds']) ?? USUAL_JOIN_SECONDS
    if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 1 || seconds > MOST_JOIN_SECONDS)
      throw new StatusError(badRequest(`spec.expirationSeconds: must be a whole number between 1 and ${MOST_JOIN_SECONDS}`))
    const uid = await this.#uidOf(account, true)
    const { token, expires } = await this.#bootstrap.make(account, uid, seconds)
    return json({ ...head('BootstrapToken', account), status: { token, expirationTimestamp: timeText(expires) } }, 201)
  }

  /** A token is used up before the answer, and not by a request that cannot be signed. */
  async #join(message: IncomingMessage, account: ServiceAccountName, user: User | undefined): Promise<Answer> {
    const token = bearerOf(message.headers.authorization ?? '')
    if (user === undefined && token === undefined) throw new StatusError(unauthorized())
    if (user !== undefined && !isItself(user, account)) this.#checkTokenRight(user, account)
    const sent = fieldAtPath(await readJson(message), ['spec', 'request'])
    const request = typeof sent === 'string' ? await (await loadIssuer()).readCertificateRequest(sent) : undefined
    if (request === undefined)
      throw new StatusError(badRequest('spec.request: must be a certificate request (PKCS#10) as PEM, of a key of P-256'))
    if (user === undefined && !(await this.#bootstrap.use(token ?? '', account))) throw new StatusError(unauthorized())
    return this.#certificate(account, await this.#uidOf(account, false), request)
  }

  async #certificate(account: ServiceAccountName, uid: string, request: CertificateRequest): Promise<Answer> {
    const { ExtendedKeyUsage, openIssuer } = await loadIssuer()
    const { clientAuthority, now, certificateMs = USUAL_CERTIFICATE_MS } = this.#parts
    const issuer = await openIssuer(clientAuthority)
    const { certificate, expires } = await issuer.sign(request, {
      subject: [{ CN: [serviceAccountUserName(account)] }, { O: [workloads] }, { OU: [uid] }],
      names: [],
      usages: [ExtendedKeyUsage.clientAuth],
      lifetimeMs: certificateMs,
      now: now(),
    })
    return json({ ...head('Join', account), status: { certificate, notAfter: timeText(expires) } }, 201)
  }

  #checkTokenRight(user: User, { namespace, name }: ServiceAccountName): void {
    const wanted = { verb: 'create', group: '', resource: 'serviceaccounts', subresource: 'token', namespace, name }
    this.#parts.authorizer.rightsTo(user, wanted)
  }

  #uidOf(account: ServiceAccountName, makes: boolean): Promise<string> {
    return findServiceAccount(account, { store: this.#parts.store, writer: this.#writer, makes })
  }
}

/** A workload renews its certificate by it. A token of the same service account is no reason for more than itself. */
function isItself(user: User, { namespace, name }: ServiceAccountName): boolean {
  const workload = workloadOf(user)
  return workload?.namespace === namespace && workload.name === name
}

function tokenCauses(seconds: Json, boundObject: Json | undefined): readonly StatusCause[] {
  const field = 'spec.expirationSeconds'
  if (typeof seconds === 'number' && seconds < LEAST_SECONDS)
    return [invalidValue(field, seconds, 'may not specify a duration less than 10 minutes')]
  if (typeof seconds === 'number' && seconds > MOST_SECONDS)
    return [invalidValue(field, seconds, 'may not specify a duration larger than 2^32 seconds')]
  return boundObject === undefined || boundObject === null
    ? []
    : [forbiddenField('spec.boundObjectRef', 'tokens are bound to their service account only')]
}

function head(kind: string, { namespace, name }: ServiceAccountName): JsonObject {
  return { kind, apiVersion: 'node.sallyport.dev/v1', metadata: { namespace, name } }
}

function textsIn(value: Json | undefined): readonly string[] {
  return isJsonList(value) ? value.filter((one) => typeof one === 'string') : []
}
