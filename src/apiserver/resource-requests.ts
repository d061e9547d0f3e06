// Carries out what is asked of a resource: each method with its own rules of what is read and how it is answered.
import { longestTimerMs } from '../base/index.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  apiVersionOf,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  badRequest,
  isJsonObject,
  type Json,
  JsonProblem,
  type KubeObject,
  methodNotAllowed,
  noSuchPath,
  notFound,
  parseBody,
  readObject,
  readPatched,
  StatusError,
  success,
  unsupportedMediaType,
  type Verb,
  type Wanted,
} from '../kube/index.ts'
import type { ObjectStore, Stored } from '../store/index.ts'
import type { Rights } from './access/authorizer.ts'
import { isRole, refuseRole, roleObjects } from './access/role-objects.ts'
import { type Answer, json, statusAnswer } from './answer.ts'
import { readBody } from './body.ts'
import { listAnswer, tableAnswer } from './collection.ts'
import { readDeleteOptions } from './delete-options.ts'
import type { NodeAdmission } from './node-admission.ts'
import { ObjectWriter, type Target, type WriteOptions, type Written } from './object-writer.ts'
import { checkWriteOptions, fieldValidationOf, isDryRun, isTrue, managerOf, numberOf, selectionOf } from './query.ts'
import type { ResourcePath } from './request-path.ts'
import { verbOf } from './request-verb.ts'
import { mediaTypeOf, readSent } from './sent-object.ts'
import { bytesOf, keyOf, objectOf, storeNameOf } from './stored-objects.ts'
import { streamWatch } from './watch-stream.ts'

export interface ResourceRequest {
  readonly message: IncomingMessage
  readonly response: ServerResponse
  readonly path: ResourcePath
  readonly query: URLSearchParams
  readonly rights: Rights
}

/** What is said of an object besides its own faults, to whoever wrote it. */
export type Consequences = (object: KubeObject) => readonly string[]

export interface ResourceParts {
  readonly store: ObjectStore
  readonly now: () => number
  readonly consequences: Consequences
  readonly nodePods?: NodeAdmission | undefined
}

export class ResourceRequests {
  readonly #store: ObjectStore
  readonly #writer: ObjectWriter
  readonly #consequences: Consequences

  constructor({ store, now, consequences, nodePods }: ResourceParts) {
    this.#store = store
    this.#writer = new ObjectWriter(store, now, nodePods)
    this.#consequences = consequences
  }

  /** Undefined where the answer is a stream that has begun. */
  async answer(request: ResourceRequest): Promise<Answer | undefined> {
    const { path, message, query, rights } = request
    const verb = verbOf(message.method ?? '', path, query)
    if (path.subresource !== '' && path.subresource !== 'status') throw new StatusError(noSuchPath())
    if (isRole(path.resource)) return this.#role(request, verb)
    if (verb === undefined || !path.resource.verbs.includes(verb)) throw new StatusError(methodNotAllowed(path.resource))
    checkWriteOptions(message.method ?? '', query, mediaTypeOf(message) === applyType)
    switch (verb) {
      case 'watch':
        return this.#watch(request)
      case 'list':
        return listAnswer(this.#store, { path, query, asTable: wantsTable(message), rights })
      case 'get':
        return this.#get(request)
      case 'create':
        return this.#create(request)
      case 'update':
        return this.#update(request)
      case 'patch':
        return this.#patch(request)
      case 'delete':
        return this.#delete(request)
      case 'deletecollection':
        return this.#deleteCollection(request)
      default:
        return verb satisfies never
    }
  }

  /** Nobody writes them, so nothing of them is stored, or watched. */
  #role(request: ResourceRequest, verb: Verb | undefined): Answer {
    const { path, message, query, rights } = request
    const { resource } = path
    const roles = roleObjects(this.#store, resource)
    if (verb === 'list') return listAnswer(roles, { path, query, asTable: wantsTable(message), rights })
    if (verb === 'watch' || verb === undefined) throw new StatusError(methodNotAllowed(resource))
    if (verb !== 'get') throw refuseRole(resource, path.name)
    const stored = roles.get(keyOf(resource, '', path.name))
    if (stored === undefined) throw new StatusError(notFound(resource, path.name))
    return this.#shown(request, stored)
  }

  #get(request: ResourceRequest): Answer {
    return this.#shown(request, this.#writer.get(request.path))
  }

  #shown({ path, message, query, rights }: ResourceRequest, stored: Stored): Answer {
    const object = objectOf(stored, path.resource, path.version)
    if (!rights.sees(object)) throw new StatusError(notFound(path.resource, path.name))
    if (wantsTable(message)) return tableAnswer(path, [object], query)
    return { code: 200, body: bytesOf(stored, path.resource, path.version) }
  }

  #watch({ path, message, query, response, rights }: ResourceRequest): undefined {
    const { resource, version, namespace, name } = path
    const since = numberOf(query, 'resourceVersion') ?? 0
    const startsWithAll = query.has('sendInitialEvents') ? isTrue(query, 'sendInitialEvents') : since === 0
    const seconds = numberOf(query, 'timeoutSeconds') ?? 0
    streamWatch(this.#store, response, {
      resource,
      version,
      namespace,
      matches: selectionOf(resource, query, name, rights).matches,
      ...(startsWithAll ? {} : { since: since === 0 ? this.#store.revision : since }),
      bookmarks: isTrue(query, 'allowWatchBookmarks'),
      marksInitialEnd: startsWithAll && isTrue(query, 'sendInitialEvents'),
      asTable: wantsTable(message),
      timeoutMs: seconds > 0 ? Math.min(seconds * 1000, longestTimerMs) : watchMs(),
    })
    return undefined
  }

  async #create(request: ResourceRequest): Promise<Answer> {
    const { path, message, query } = request
    if (path.name !== '') throw new StatusError(methodNotAllowed(path.resource))
    const read = await readSent(message, wantedOf(path, query))
    const written = await this.#writer.create({ ...path, name: read.object.metadata.name ?? '' }, read.object, writeOptionsOf(request))
    return this.#written(request, written, { code: 201, warnings: read.warnings })
  }

  async #update(request: ResourceRequest): Promise<Answer> {
    const { path, message, query } = request
    const read = await readSent(message, wantedOf(path, query))
    const change = () => ({ object: read.object, warnings: read.warnings })
    const isStatus = path.subresource === 'status'
    return this.#written(request, await this.#writer.change(path, change, { ...writeOptionsOf(request), isStatus }))
  }

  async #patch(request: ResourceRequest): Promise<Answer> {
    const { path, message, query } = request
    const wanted = wantedOf(path, query)
    if (mediaTypeOf(message) === applyType) return this.#apply(request, wanted)
    const apply = patchOf(path, mediaTypeOf(message), await readBody(message))
    const change = (before: KubeObject) => {
      const { value, duplicates } = apply(before)
      if (!isJsonObject(value)) throw new StatusError(badRequest('the patch leaves no object'))
      return readPatched(value, duplicates, wanted)
    }
    const isStatus = path.subresource === 'status'
    return this.#written(request, await this.#writer.change(path, change, { ...writeOptionsOf(request), isStatus }))
  }

  async #apply(request: ResourceRequest, wanted: Wanted): Promise<Answer> {
    const { path, message, query, rights } = request
    if (path.subresource !== '') throw new StatusError(methodNotAllowed(path.resource))
    const body = await readBody(message)
    // JSON is YAML, and is read faster as what it is.
    const read = readObject(body, body[0] === 0x7b ? 'json' : 'yaml', wanted)
    const { isNew, ...written } = await this.#writer.apply(path, read, {
      isDryRun: isDryRun(query),
      manager: managerOf(message, query),
      force: isTrue(query, 'force'),
      admit: rights.admit,
      mayRun: rights.mayRun,
    })
    return this.#written(request, written, isNew ? { code: 201, warnings: read.warnings } : {})
  }

  async #delete({ path, message, query, rights }: ResourceRequest): Promise<Answer> {
    const { preconditions, ...options } = await readDeleteOptions(message, query)
    const { gone, left } = await this.#writer.delete(path, preconditions, { ...options, admit: rights.admit })
    if (left !== undefined) return json(left)
    const { group, plural } = path.resource
    const { uid } = gone.metadata
    return statusAnswer(
      success({ name: path.name, ...(group === '' ? {} : { group }), kind: plural, ...(uid === undefined ? {} : { uid }) }),
    )
  }

  async #deleteCollection({ path, message, query, rights }: ResourceRequest): Promise<Answer> {
    const { preconditions: _, ...options } = await readDeleteOptions(message, query)
    const { resource, version, namespace } = path
    const selection = selectionOf(resource, query, '', rights)
    const listed = this.#store.list(storeNameOf(resource), namespace === '' ? {} : { namespace })
    const items: KubeObject[] = []
    for (const stored of listed.items) {
      const object = objectOf(stored, resource, version)
      if (!selection.matches(object)) continue
      const target: Target = { resource, version, namespace: stored.key.namespace, name: stored.key.name }
      const deleted = await unlessGone(this.#writer.delete(target, {}, { ...options, admit: rights.admit }))
      if (deleted !== undefined) items.push(deleted.left ?? deleted.gone)
    }
    const metadata = { resourceVersion: String(this.#store.revision) }
    return json({ kind: resource.listKind, apiVersion: apiVersionOf({ group: resource.group, version }), metadata, items })
  }

  #written({ path, message, query }: ResourceRequest, { object, warnings }: Written, more: Partial<Answer> = {}): Answer {
    const told = [...(more.warnings ?? []), ...warnings, ...(isDryRun(query) ? [] : this.#consequences(object))]
    const answer = wantsTable(message) ? tableAnswer(path, [object], query) : json(object)
    return { ...answer, ...more, warnings: told }
  }
}

type PatchResult = { readonly value: Json; readonly duplicates: readonly string[] }

const applyType = 'application/apply-patch+yaml'
const patchTypes = ['application/json-patch+json', 'application/merge-patch+json', applyType]

function patchOf({ resource }: ResourcePath, type: string, body: Buffer): (before: KubeObject) => PatchResult {
  const accepted = resource.custom ? patchTypes : [...patchTypes, 'application/strategic-merge-patch+json']
  if (!accepted.includes(type)) throw new StatusError(unsupportedMediaType(accepted))
  const { value: patch, duplicates } = parseJson(body)
  switch (type) {
    case 'application/json-patch+json':
      return (before) => ({ value: applyJsonPatch(before, patch), duplicates })
    case 'application/merge-patch+json':
      return (before) => ({ value: applyMergePatch(before, patch), duplicates })
    default:
      if (!isJsonObject(patch)) throw new StatusError(badRequest('a strategic merge patch is an object'))
      return (before) => ({ value: applyStrategicMergePatch(resource.schema, before, patch), duplicates })
  }
}

function parseJson(body: Buffer): PatchResult {
  try {
    return parseBody(body, 'json')
  } catch (error) {
    if (error instanceof JsonProblem) throw new StatusError(badRequest(`error decoding patch: ${error.message}`))
    throw error
  }
}

/** Somebody else has deleted it meanwhile, or what it belonged to. */
async function unlessGone<T>(deleting: Promise<T>): Promise<T | undefined> {
  try {
    return await deleting
  } catch (error) {
    if (error instanceof StatusError && error.status.code === 404) return undefined
    throw error
  }
}

function writeOptionsOf({ message, query, rights }: ResourceRequest): WriteOptions {
  return { isDryRun: isDryRun(query), manager: managerOf(message, query), admit: rights.admit, mayRun: rights.mayRun }
}

function wantedOf({ resource, version }: ResourcePath, query: URLSearchParams): Wanted {
  return { resource, version, fieldValidation: fieldValidationOf(query) }
}

function wantsTable({ headers }: IncomingMessage): boolean {
  const [first = ''] = (headers.accept ?? '').split(',')
  return /;\s*as=Table\b/.test(first) && /;\s*v=v1\b/.test(first)
}

/** As a real server does: some time between half an hour and an hour, so that not all come back at once. */
function watchMs(): number {
  return (1800 + Math.floor(Math.random() * 1800)) * 1000
}
