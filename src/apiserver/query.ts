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

export function isDryRun(query: URLSearchParams): boolean {
  const words = query.getAll('dryRun').filter((word) => word !== '')
  if (words.some((word) => word !== 'All'))
    throw new StatusError(badRequest(`dryRun: Unsupported value: ${JSON.stringify(words[0])}: supported values: "All"`))
  return words.length > 0
}

export function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const word = query.get('fieldValidation') ?? ''
  if (word === '') return 'Warn'
  if (isFieldValidation(word)) return word
  throw new StatusError(
    badRequest(`fieldValidation: Unsupported value: ${JSON.stringify(word)}: supported values: "Ignore", "Strict", "Warn"`),
  )
}

const longestManager = 128

/** Who sets the fields: what the client says, or what it calls itself. */
export function managerOf({ headers }: IncomingMessage, query: URLSearchParams): string {
  const told = query.get('fieldManager') ?? ''
  if (told.length > longestManager) throw optionProblem(tooLong('fieldManager', longestManager))
  return told === '' ? ((headers['user-agent'] ?? '').split('/')[0] ?? '').slice(0, longestManager) || 'unknown' : told
}

/** Who applies has to say who they are. */
export function appliedBy(query: URLSearchParams): string {
  const told = query.get('fieldManager') ?? ''
  if (told === '') throw optionProblem(required('fieldManager', 'is required for apply patch'))
  if (told.length > longestManager) throw optionProblem(tooLong('fieldManager', longestManager))
  return told
}

export function forbidForce(query: URLSearchParams): void {
  if (query.has('force')) throw optionProblem(forbiddenField('force', 'may not be specified for non-apply patch'))
}

function optionProblem(cause: StatusCause): StatusError {
  return new StatusError(invalid('meta.k8s.io', 'PatchOptions', '', [cause]))
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
