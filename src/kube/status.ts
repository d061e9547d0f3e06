// Makes the Status objects with which a Kubernetes server answers what it does not do, in Kubernetes' own words.
import type { JsonObject } from './object.ts'

export interface StatusCause extends JsonObject {
  readonly reason?: string
  readonly message?: string
  readonly field?: string
}

export interface StatusDetails extends JsonObject {
  readonly name?: string
  readonly group?: string
  /** The plural name of the resource, but the kind where an object is invalid. */
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly StatusCause[]
  readonly retryAfterSeconds?: number
}

export interface Status extends JsonObject {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: JsonObject
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: StatusDetails
  readonly code: number
}

/** What a status speaks of: a resource such as `serviceentries` of a group. */
export interface ResourceName {
  readonly group: string
  readonly plural: string
}

/** Thrown where a request ends; the server answers with its status. */
export class StatusError extends Error {
  readonly status: Status

  constructor(status: Status) {
    super(status.message ?? status.reason ?? 'refused')
    this.name = 'StatusError'
    this.status = status
  }
}

export function success(details?: StatusDetails): Status {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 200 } as const
  return details === undefined ? status : { ...status, details }
}

export function notFound(resource: ResourceName, name: string): Status {
  return failure(404, 'NotFound', `${qualified(resource)} ${quote(name)} not found`, named(resource, name))
}

/** No such path at all. */
export function noSuchPath(): Status {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {})
}

export function alreadyExists(resource: ResourceName, name: string): Status {
  return failure(409, 'AlreadyExists', `${qualified(resource)} ${quote(name)} already exists`, named(resource, name))
}

/** Optimistic locking: somebody else was first. */
export function conflict(resource: ResourceName, name: string, why = staleVersion): Status {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} ${quote(name)}: ${why}`
  return failure(409, 'Conflict', message, named(resource, name))
}

/** Fields that belong to other managers; each cause names one. */
export function applyConflict(causes: readonly StatusCause[]): Status {
  const [first] = causes
  const one = `1 conflict: ${first?.message ?? ''}: ${first?.field ?? ''}`
  return failure(409, 'Conflict', `Apply failed with ${causes.length === 1 ? one : `${causes.length} conflicts: ${byManager(causes)}`}`, {
    causes,
  })
}

/** 422: the object was read and may not be so; each cause names a field. */
export function invalid(group: string, kind: string, name: string, causes: readonly StatusCause[]): Status {
  const texts = causes.map(({ field, message }) => (field === undefined || field === '' ? message : `${field}: ${message}`))
  const told = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`
  const message = `${group === '' ? kind : `${kind}.${group}`} ${quote(name)} is invalid${texts.length === 0 ? '' : `: ${told}`}`
  return failure(422, 'Invalid', message, { ...(name === '' ? {} : { name }), ...groupOf(group), kind, causes })
}

export function badRequest(message: string): Status {
  return failure(400, 'BadRequest', message)
}

export function unauthorized(): Status {
  return failure(401, 'Unauthorized', 'Unauthorized')
}

export interface ForbiddenRequest {
  readonly user: string
  readonly verb: string
  readonly resource: ResourceName
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
}

export function forbidden(request: ForbiddenRequest): Status {
  const { user, verb, resource, subresource, namespace, name = '' } = request
  const path = subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`
  const where = namespace === undefined || namespace === '' ? 'at the cluster scope' : `in the namespace ${quote(namespace)}`
  const what = `User ${quote(user)} cannot ${verb} resource ${quote(path)} in API group ${quote(resource.group)} ${where}`
  const which = name === '' ? qualified(resource) : `${qualified(resource)} ${quote(name)}`
  return failure(403, 'Forbidden', `${which} is forbidden: ${what}`, named(resource, name))
}

/** Forbidden by a rule rather than for want of a right. */
export function forbiddenBecause(resource: ResourceName, name: string, why: string): Status {
  return failure(403, 'Forbidden', `${qualified(resource)} ${quote(name)} is forbidden: ${why}`, named(resource, name))
}

export function forbiddenPath(user: string, verb: string, path: string): Status {
  return failure(403, 'Forbidden', `forbidden: User ${quote(user)} cannot ${verb} path ${quote(path)}`, {})
}

export function methodNotAllowed(resource?: ResourceName): Status {
  const message = 'the server does not allow this method on the requested resource'
  return failure(405, 'MethodNotAllowed', message, resource === undefined ? {} : named(resource, ''))
}

export function unsupportedMediaType(accepted: readonly string[]): Status {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`
  return failure(415, 'UnsupportedMediaType', message)
}

/** 410: the past that was asked for is no longer kept. */
export function expired(message: string): Status {
  return failure(410, 'Expired', message)
}

export function tooLarge(limit: number): Status {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`)
}

export function internal(message: string): Status {
  return failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] })
}

/** The server ends what took too long; the client may ask again. */
export function timeout(message: string): Status {
  return failure(504, 'Timeout', `Timeout: ${message}`, {})
}

/** What is needed for an answer is not there now. */
export function serviceUnavailable(message: string): Status {
  return failure(503, 'ServiceUnavailable', message, {})
}

const staleVersion = 'the object has been modified; please apply your changes to the latest version and try again'

function failure(code: number, reason: string, message: string, details?: StatusDetails): Status {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason } as const
  return details === undefined ? { ...status, code } : { ...status, details, code }
}

function named({ group, plural }: ResourceName, name: string): StatusDetails {
  return { ...(name === '' ? {} : { name }), ...groupOf(group), kind: plural }
}

function groupOf(group: string): { group?: string } {
  return group === '' ? {} : { group }
}

/** `serviceentries.networking.istio.io`; `pods` in the core group. */
function qualified({ group, plural }: ResourceName): string {
  return group === '' ? plural : `${plural}.${group}`
}

/** Go's %q, for the characters that occur in names. */
function quote(text: string): string {
  return JSON.stringify(text)
}

/** The fields below the manager that has them. */
function byManager(causes: readonly StatusCause[]): string {
  const fields = new Map<string, string>()
  for (const { message = '', field = '' } of causes) fields.set(message, `${fields.get(message) ?? ''}\n- ${field}`)
  return [...fields].map(([message, list]) => `${message.replace('conflict', 'conflicts')}:${list}`).join('\n')
}
