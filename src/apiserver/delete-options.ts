// Reads what a deletion is asked to mind: conditions, time to end, and what becomes of what the object owns.
import type { IncomingMessage } from 'node:http'
import {
  badRequest,
  invalid,
  invalidValue,
  isJsonObject,
  type JsonObject,
  notSupported,
  type StatusCause,
  StatusError,
} from '../kube/index.ts'
import type { Preconditions } from './object-writer.ts'
import { isDryRun, numberOf } from './query.ts'
import { readJson } from './sent-object.ts'

export interface DeleteOptions {
  readonly preconditions: Preconditions
  readonly isDryRun: boolean
  readonly graceSeconds: number | undefined
  /** What it owns stays, and is nobody's. Differs from Kubernetes: in the foreground is in the background, as both are over with the answer. */
  readonly orphans: boolean
}

export async function readDeleteOptions(message: IncomingMessage, query: URLSearchParams): Promise<DeleteOptions> {
  const value = await readJson(message)
  const options = isJsonObject(value) ? value : {}
  const wanted = isJsonObject(options['preconditions']) ? options['preconditions'] : {}
  const { uid, resourceVersion } = wanted
  const preconditions = {
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
  }
  const { dryRun, gracePeriodSeconds = numberOf(query, 'gracePeriodSeconds') } = options
  return {
    preconditions,
    isDryRun: (Array.isArray(dryRun) && dryRun.includes('All')) || isDryRun(query),
    graceSeconds: typeof gracePeriodSeconds === 'number' ? gracePeriodSeconds : undefined,
    orphans: readOrphans(options, query),
  }
}

const policies = ['Foreground', 'Background', 'Orphan', 'nil']

function readOrphans(options: JsonObject, query: URLSearchParams): boolean {
  const policy = options['propagationPolicy'] ?? query.get('propagationPolicy') ?? undefined
  const old = options['orphanDependents'] ?? undefined
  if (old !== undefined && typeof old !== 'boolean') throw new StatusError(badRequest('orphanDependents: must be true or false'))
  if (policy === undefined) return old === true
  if (old !== undefined)
    throw refusal(invalidValue('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'))
  if (typeof policy !== 'string' || !policies.slice(0, 3).includes(policy))
    throw refusal(notSupported('propagationPolicy', policy, policies))
  return policy === 'Orphan'
}

function refusal(cause: StatusCause): StatusError {
  return new StatusError(invalid('meta.k8s.io', 'DeleteOptions', '', [cause]))
}
