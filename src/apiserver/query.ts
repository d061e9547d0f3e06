// Reads the parameters of a request.
import type { IncomingMessage } from 'node:http'
import {
  type ApiResource,
  badRequest,
  type FieldValidation,
  forbiddenField,
  invalid,
  isFieldValidation,
  type KubeObject,
  notSupported,
  parseFieldSelector,
  parseLabelSelector,
  required,
  type StatusCause,
  StatusError,
  tooLong,
} from '../kube/index.ts'
import type { Position } from '../store/index.ts'
import type { Rights } from './access/authorizer.ts'

export interface Selection {
  readonly matches: (object: KubeObject) => boolean
  readonly isEmpty: boolean
}

/** What the client may not see is not selected. */
export function selectionOf(resource: ApiResource, query: URLSearchParams, name: string, rights: Rights): Selection {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '')
  const fields = parseFieldSelector(resource, query.get('fieldSelector') ?? '')
  return {
    isEmpty: labels.isEmpty && fields.isEmpty && name === '',
    matches: (object) =>
      labels.matches(object.metadata.labels) &&
      fields.matches(object) &&
      (name === '' || object.metadata.name === name) &&
      rights.sees(object),
  }
}

/** Refuses what the parameters of a write may not say, all of it at once. */
export function checkWriteOptions(method: string, query: URLSearchParams, isApply: boolean): void {
  const kind = Object.hasOwn(optionKinds, method) ? optionKinds[method] : undefined
  if (kind === undefined) return
  const causes = kind === 'DeleteOptions' ? dryRunCauses(query) : [...patchCauses(method, query, isApply), ...writeCauses(query)]
  if (causes.length > 0) throw new StatusError(invalid('meta.k8s.io', kind, '', causes))
}

const optionKinds: Readonly<Record<string, string>> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
  DELETE: 'DeleteOptions',
}

const fieldValidations = ['', 'Ignore', 'Strict', 'Warn']
const longestManager = 128

function patchCauses(method: string, query: URLSearchParams, isApply: boolean): readonly StatusCause[] {
  if (method !== 'PATCH') return []
  // Who applies has to say who they are.
  if (isApply) return (query.get('fieldManager') ?? '') === '' ? [required('fieldManager', 'is required for apply patch')] : []
  return query.has('force') ? [forbiddenField('force', 'may not be specified for non-apply patch')] : []
}

function writeCauses(query: URLSearchParams): readonly StatusCause[] {
  const manager = query.get('fieldManager') ?? ''
  const validation = query.get('fieldValidation') ?? ''
  return [
    ...(manager.length > longestManager ? [tooLong('fieldManager', longestManager)] : []),
    ...dryRunCauses(query),
    ...(fieldValidations.includes(validation) ? [] : [notSupported('fieldValidation', validation, fieldValidations)]),
  ]
}

function dryRunCauses(query: URLSearchParams): readonly StatusCause[] {
  const words = dryRunWords(query)
  return words.some((word) => word !== 'All') ? [notSupported('dryRun', words, ['All'])] : []
}

function dryRunWords(query: URLSearchParams): readonly string[] {
  return query.getAll('dryRun').filter((word) => word !== '')
}

/** Of options that are good, as the next ones. */
export function isDryRun(query: URLSearchParams): boolean {
  return dryRunWords(query).length > 0
}

export function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const word = query.get('fieldValidation') ?? ''
  return isFieldValidation(word) ? word : 'Warn'
}

/** Who sets the fields: what the client says, or what it calls itself. */
export function managerOf({ headers }: IncomingMessage, query: URLSearchParams): string {
  const told = query.get('fieldManager') ?? ''
  return told === '' ? ((headers['user-agent'] ?? '').split('/')[0] ?? '').slice(0, longestManager) || 'unknown' : told
}

export function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? ''
  if (text === '') return undefined
  if (!/^\d{1,15}$/.test(text)) throw new StatusError(badRequest(`${name}: Invalid value: ${JSON.stringify(text)}`))
  return Number(text)
}

/** `1` and `true` as Go reads them. */
export function isTrue(query: URLSearchParams, name: string): boolean {
  return ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(query.get(name) ?? '')
}

export function continueToken({ revision, namespace, name }: Position): string {
  return Buffer.from(JSON.stringify([revision, namespace, name])).toString('base64url')
}

export function positionOf(token: string): Position {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString())
    if (Array.isArray(value) && value.length === 3) {
      const [revision, namespace, name]: unknown[] = value
      if (Number.isSafeInteger(revision) && typeof namespace === 'string' && typeof name === 'string')
        return { revision: Number(revision), namespace, name }
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new StatusError(badRequest('continue key is not valid'))
}
