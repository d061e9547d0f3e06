// Applies configurations on the server: what one manager wants is merged into the object, and fields of others are not taken without force.
import { fieldAtPath, isJsonList, isJsonObject, isSameJson, type Json, type JsonObject, type KubeObject } from '../object.ts'
import { readJsonText } from '../decode/json-text.ts'
import type { ApiResource } from '../resources/resource.ts'
import { applyConflict, badRequest, StatusError, type StatusCause } from '../status.ts'
import { isSameManager, managedIn, withManaged, withoutIgnored, type Managed } from './entries.ts'
import { difference, intersection, isEmpty, noFields, pathsOf, pathText, union, type FieldSet } from './field-set.ts'
import { changesBetween, taken, type Writer } from './record-update.ts'
import { appliedProblem, fieldsIn, merge, unionOf, withNamedFields, without, withoutNulls } from './typed.ts'

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

export interface ApplyRequest {
  /** Absent where the object is not there yet. */
  readonly before?: KubeObject
  readonly applied: KubeObject
  readonly writer: Writer
  readonly force: boolean
}

/** The object that comes of it, with its account; `before` itself where nothing changes. Throws a StatusError: 409 with the fields of others, 400. */
export function serverSideApply(resource: ApiResource, request: ApplyRequest): KubeObject {
  const { before, applied, writer } = request
  if (applied.metadata.managedFields !== undefined) throw new StatusError(badRequest('metadata.managedFields must be nil'))
  const problem = appliedProblem(resource.schema, applied)
  if (problem !== undefined) throw new StatusError(badRequest(typedProblem(applied, problem)))
  const result = play(resource, request)
  if (result.conflicts.length > 0) {
    const all = result.conflicts.map(({ fields }) => fields)
    if (!mayUpgrade(resource, request, unionOf(all))) throw new StatusError(applyConflict(result.conflicts.flatMap(causesOf)))
    return settled(before, play(resource, { ...request, force: true }).object, writer, applied)
  }
  return settled(before, result.object, writer, applied)
}

interface Conflict {
  readonly other: Managed
  readonly fields: FieldSet
}

interface Outcome {
  readonly object: KubeObject
  readonly conflicts: readonly Conflict[]
}

function play(resource: ApiResource, { before, applied, writer, force }: ApplyRequest): Outcome {
  const { schema } = resource
  const { manager, apiVersion, subresource } = writer
  const config = withoutNulls(applied)
  const fields = withoutIgnored(resource, fieldsIn(schema, config, false), subresource)
  const self: Managed = { manager, apiVersion, operation: 'Apply', ...(subresource === undefined ? {} : { subresource }), fields }
  const account = accountOf(resource, before, writer)
  const last = account.find((other) => isSameManager(other, self))?.fields ?? noFields
  const others = account.filter((other) => !isSameManager(other, self))
  const merged = merge(schema, before && { ...before, apiVersion }, config)
  const gone = abandoned(resource, { last, owned: unionOf([self, ...others].map((one) => one.fields)) })
  // What is applied is there, even where it is an empty list that nobody has.
  const pruned = asObject(merge(schema, without(schema, merged, gone), config), applied)
  const changes = changesBetween(resource, before, pruned)
  const set = union(changes.added, changes.modified)
  const conflicts = others
    .map((other) => ({ other, fields: intersection(other.fields, set) }))
    .filter((conflict) => !isEmpty(conflict.fields))
  if (!force && conflicts.length > 0) return { object: pruned, conflicts }
  const rest = others.map((other) => ({ ...other, fields: taken(other.fields, changes) }))
  return { object: withManaged(pruned, [...rest, self], account, writer.time), conflicts: [] }
}

/** Fields that the manager applied before and does not any more, and that nobody else has. */
function abandoned({ schema }: ApiResource, { last, owned }: { readonly last: FieldSet; readonly owned: FieldSet }): FieldSet {
  return difference(withNamedFields(schema, last), withNamedFields(schema, owned))
}

/** What was there before anybody applied belongs to somebody, too. */
function accountOf(resource: ApiResource, before: KubeObject | undefined, { apiVersion, subresource }: Writer): readonly Managed[] {
  const account = managedIn(before)
  if (before === undefined || account.length > 0) return account
  const { managedFields: _, ...metadata } = before.metadata
  const fields = withoutIgnored(resource, fieldsIn(resource.schema, { ...before, metadata }, true), subresource)
  return [{ manager: 'before-first-apply', operation: 'Update', apiVersion, fields }]
}

/** Nothing changed: the object stays as it is, times and all. */
function settled(before: KubeObject | undefined, after: KubeObject, writer: Writer, applied: KubeObject): KubeObject {
  const result = writer.manager === 'kubectl' ? withLastApplied(before, after, applied) : after
  return before !== undefined && isSameJson(before, result) ? before : result
}

/** Fields in the order of their names. */
function sorted(value: Json): Json {
  if (isJsonList(value)) return value.map(sorted)
  if (!isJsonObject(value)) return value
  const names = Object.keys(value).filter((name) => value[name] !== undefined)
  return Object.fromEntries(names.sort().map((name) => [name, sorted(value[name] ?? null)] as const))
}

/** kubectl's own record of what it applied is brought up to date, so that applying by the client goes on to work. */
function withLastApplied(before: KubeObject | undefined, after: KubeObject, applied: KubeObject): KubeObject {
  if (before?.metadata.annotations?.[lastApplied] === undefined || after.metadata.annotations?.[lastApplied] === undefined) return after
  const { [lastApplied]: _, ...annotations } = applied.metadata.annotations ?? {}
  const { annotations: __, ...metadata } = applied.metadata
  const isBare = Object.keys(annotations).length === 0
  const text = `${JSON.stringify(sorted({ ...applied, metadata: isBare ? metadata : { ...metadata, annotations } }))}\n`
  return { ...after, metadata: { ...after.metadata, annotations: { ...after.metadata.annotations, [lastApplied]: text } } }
}

/** From kubectl, fields that it applied by the client before are no conflict: it goes over to applying by the server. */
function mayUpgrade(resource: ApiResource, { before, writer }: ApplyRequest, conflicts: FieldSet): boolean {
  const text = before?.metadata.annotations?.[lastApplied]
  if (writer.manager !== 'kubectl' || text === undefined) return false
  try {
    const known = readJsonText(text).value
    if (!isJsonObject(known)) return false
    return isEmpty(difference(conflicts, withoutIgnored(resource, fieldsIn(resource.schema, known, false), undefined)))
  } catch {
    // An annotation that cannot be read allows nothing.
    return false
  }
}

function causesOf({ other, fields }: Conflict): readonly StatusCause[] {
  const subresource = other.subresource === undefined ? '' : ` with subresource ${JSON.stringify(other.subresource)}`
  const version = other.operation === 'Update' ? ` using ${other.apiVersion}` : ''
  const message = `conflict with ${JSON.stringify(other.manager)}${subresource}${version}`
  return [...pathsOf(fields)].map((path) => ({ reason: 'FieldManagerConflict', message, field: pathText(path) }))
}

function typedProblem({ apiVersion, kind, metadata }: KubeObject, problem: string): string {
  const version = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`
  return `failed to create typed patch object (${metadata.namespace ?? ''}/${metadata.name ?? ''}; ${version}, Kind=${kind}): ${problem}`
}

function asObject(value: unknown, like: KubeObject): KubeObject {
  const object: JsonObject = typeof value === 'object' && value !== null && isJsonObject(value) ? value : {}
  const metadata = fieldAtPath(object, ['metadata'])
  return { ...object, apiVersion: like.apiVersion, kind: like.kind, metadata: isJsonObject(metadata) ? metadata : {} }
}
