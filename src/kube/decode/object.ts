// Reads the body of a request as an object of the kind that its path asks for, and says what is wrong with it as Kubernetes does.
import type { ObjectSchema } from '../../api/index.ts'
import { apiVersionOf, isJsonObject, type Json, type JsonObject, type KubeObject } from '../object.ts'
import type { ApiResource } from '../resources/resource.ts'
import { ProtobufProblem, readProtobuf } from '../protobuf/read.ts'
import { badRequest, invalid, StatusError, unsupportedMediaType } from '../status.ts'
import { findTypeMismatch, keepKnownFields, typeName, type TypeMismatch } from './fields.ts'
import { JsonProblem, readJsonText } from './json-text.ts'
import { readYamlText, YamlProblem } from './yaml-text.ts'

/** What becomes of unknown and repeated fields: refused, told as warnings, or dropped without a word. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore'

/** Protobuf is read for the kinds that kubectl sends so. */
export type BodyFormat = 'json' | 'yaml' | 'protobuf'

export interface Wanted {
  readonly resource: ApiResource
  readonly version: string
  readonly fieldValidation: FieldValidation
  /** Where a subresource takes another kind than the resource's own. */
  readonly part?: { readonly kind: string; readonly apiVersion: string; readonly schema: ObjectSchema }
}

export interface ReadObject {
  readonly object: KubeObject
  /** For `Warning:` headers. */
  readonly warnings: readonly string[]
}

export interface ParsedBody {
  readonly value: Json
  /** `duplicate field "spec.hosts"`. */
  readonly duplicates: readonly string[]
}

/** Throws a StatusError: 400, or 422 where Kubernetes has it so. */
export function readObject(body: Uint8Array, format: BodyFormat, wanted: Wanted): ReadObject {
  const { value, duplicates } = parseFor(body, format, wanted)
  const { kind } = targetOf(wanted)
  const refuse = (problem: string): StatusError =>
    new StatusError(badRequest(`${kind} in version ${JSON.stringify(wanted.version)} cannot be handled as a ${kind}: ${problem}`))
  return objectOf(value, { duplicates, snippet: () => snippetOf(body, format), refuse }, wanted)
}

/** The object that a patch leads to, checked as one that was sent. */
export function readPatched(value: JsonObject, duplicates: readonly string[], wanted: Wanted): ReadObject {
  return objectOf(value, { duplicates, snippet: () => '', refuse: patchProblem }, wanted)
}

/** Throws JsonProblem, YamlProblem or ProtobufProblem; a StatusError of 415 for kinds that are not read as protobuf. */
export function parseBody(body: Uint8Array, format: BodyFormat): ParsedBody {
  if (format === 'protobuf') {
    const value = readProtobuf(body)
    if (value === undefined) throw new StatusError(unsupportedMediaType(['application/json', 'application/yaml']))
    return { value, duplicates: [] }
  }
  const text = decoder.decode(body)
  if (format === 'json') {
    const { value, duplicates } = readJsonText(text)
    return { value, duplicates: duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`) }
  }
  const { value, duplicates } = readYamlText(text)
  return { value, duplicates: duplicates.length === 0 ? [] : [`yaml: unmarshal errors:\n${duplicates.join('\n')}`] }
}

export function isFieldValidation(text: string): text is FieldValidation {
  return text === 'Strict' || text === 'Warn' || text === 'Ignore'
}

const decoder = new TextDecoder('utf-8')

function parseFor(body: Uint8Array, format: BodyFormat, wanted: Wanted): ParsedBody {
  try {
    return parseBody(body, format)
  } catch (error) {
    if (!(error instanceof JsonProblem) && !(error instanceof YamlProblem) && !(error instanceof ProtobufProblem)) throw error
    const told = error instanceof JsonProblem ? `couldn't get version/kind; json parse error: ${error.message}` : error.message
    throw unrecognized(wanted, `${told} (${snippetOf(body, format)})`)
  }
}

interface Given {
  readonly duplicates: readonly string[]
  readonly snippet: () => string
  readonly refuse: (problem: string) => StatusError
}

/** Differs from Kubernetes: the object is not repeated in the message. */
function patchProblem(problem: string): StatusError {
  return new StatusError(invalid('', '', '', [{ reason: 'FieldValueInvalid', message: `Invalid value: ${problem}`, field: 'patch' }]))
}

function objectOf(value: Json, { duplicates, snippet, refuse }: Given, wanted: Wanted): ReadObject {
  if (!isJsonObject(value)) {
    const problem = `couldn't get version/kind; json parse error: json: cannot unmarshal ${typeName(value ?? {})} into Go value of type runtime.TypeMeta`
    throw unrecognized(wanted, `${problem} (${snippet()})`)
  }
  const { kind, apiVersion, schema } = targetOf(wanted)
  const { custom } = wanted.resource
  const identified = withKind(value, wanted, snippet)
  const mismatch = findTypeMismatch(custom ? metadataOnly(schema) : schema, identified)
  if (mismatch !== undefined) throw refuse(mismatchText(kind, mismatch, custom))
  const { value: pruned, unknown } = keepKnownFields(schema, identified)
  const problems = [...duplicates, ...inOrder(unknown, custom).map((path) => `unknown field ${JSON.stringify(path)}`)]
  if (wanted.fieldValidation === 'Strict' && problems.length > 0) throw refuse(`strict decoding error: ${problems.join(', ')}`)
  const metadata = isJsonObject(pruned['metadata']) ? pruned['metadata'] : {}
  return { object: { ...pruned, apiVersion, kind, metadata }, warnings: wanted.fieldValidation === 'Warn' ? problems : [] }
}

function targetOf({ resource, version, part }: Wanted): {
  readonly kind: string
  readonly apiVersion: string
  readonly schema: ObjectSchema
} {
  return part ?? { kind: resource.kind, apiVersion: apiVersionOf({ group: resource.group, version }), schema: resource.schema }
}

/** Kinds of Kubernetes' own need not say that they are what the path says; custom ones have to. */
function withKind(value: JsonObject, wanted: Wanted, snippet: () => string): JsonObject {
  const { kind, apiVersion } = targetOf(wanted)
  const { custom, group } = wanted.resource
  const said = { kind: textOf(value['kind']), apiVersion: textOf(value['apiVersion']) }
  if (custom && said.kind === '') throw unrecognized(wanted, `Object 'Kind' is missing in '${snippet()}'`)
  if (said.apiVersion !== '' && said.apiVersion !== apiVersion) {
    const differs = `the API version in the data (${said.apiVersion}) does not match the expected API version (${apiVersion})`
    throw new StatusError(badRequest(differs))
  }
  if (said.kind !== '' && said.kind !== kind) {
    if (custom) {
      const cause = { reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(said.kind)}: must be ${kind}`, field: 'kind' }
      throw new StatusError(invalid(group, said.kind, textOf(isJsonObject(value['metadata']) ? value['metadata']['name'] : ''), [cause]))
    }
    const version = JSON.stringify(wanted.version)
    throw new StatusError(badRequest(`${said.kind} in version ${version} cannot be handled as a ${kind}: it is of kind ${said.kind}`))
  }
  return { ...value, kind, apiVersion }
}

function unrecognized(wanted: Wanted, problem: string): StatusError {
  return new StatusError(badRequest(`the object provided is unrecognized (must be of type ${targetOf(wanted).kind}): ${problem}`))
}

/** What custom resources are decoded into by type; the rest is judged as a whole, with all that is wrong in it. */
function metadataOnly(schema: ObjectSchema): ObjectSchema {
  const { metadata, apiVersion, kind } = schema.fields
  return { ...schema, fields: { ...(metadata && { metadata }), ...(apiVersion && { apiVersion }), ...(kind && { kind }) } }
}

/** Metadata come first in custom resources, and the rest by name; elsewhere as they stand. */
function inOrder(unknown: readonly string[], custom: boolean): readonly string[] {
  if (!custom) return unknown
  const isMeta = (path: string): boolean => path.startsWith('metadata.')
  return [...unknown].sort((a, b) => Number(isMeta(b)) - Number(isMeta(a)) || (a < b ? -1 : 1))
}

function mismatchText(kind: string, { path, found, wanted }: TypeMismatch, custom: boolean): string {
  const names = path.filter((segment) => typeof segment === 'string')
  const isLabel = names[0] === 'metadata' && (names[1] === 'labels' || names[1] === 'annotations')
  const shown = isLabel ? names.slice(0, 2) : dropKeys(names)
  const owner = names[0] === 'metadata' && names.length > 1 ? 'ObjectMeta' : kind
  const field = (owner === 'ObjectMeta' && custom ? shown.slice(1) : shown).join('.')
  return `json: cannot unmarshal ${found} into Go struct field ${owner}.${field} of type ${wanted}`
}

/** The keys of data are no fields. */
function dropKeys(names: readonly string[]): readonly string[] {
  return names[0] === 'data' || names[0] === 'stringData' || names[0] === 'binaryData' ? names.slice(0, 1) : names
}

/** The beginning of a body, as Kubernetes quotes it. */
function snippetOf(body: Uint8Array, format: BodyFormat): string {
  if (body.length === 0) return '<empty>'
  const most = 30
  const start = Buffer.from(body.subarray(0, most))
  const more = body.length > most ? ' ...' : ''
  return `${format === 'json' && body[0] === 0x7b ? start.toString('utf8') : start.toString('hex')}${more}`
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
