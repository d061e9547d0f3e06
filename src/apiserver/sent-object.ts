// Reads the object in the body of a request, in whichever of the formats it was sent.
import type { IncomingMessage } from 'node:http'
import {
  badRequest,
  type BodyFormat,
  type Json,
  JsonProblem,
  parseBody,
  readObject,
  StatusError,
  unsupportedMediaType,
  type Wanted,
} from '../kube/index.ts'
import { readBody } from './body.ts'

const formats: Readonly<Record<string, BodyFormat>> = {
  'application/json': 'json',
  'application/yaml': 'yaml',
  'application/vnd.kubernetes.protobuf': 'protobuf',
}

export async function readSent(message: IncomingMessage, wanted: Wanted): Promise<ReturnType<typeof readObject>> {
  const type = mediaTypeOf(message)
  const format = type === '' ? 'json' : Object.hasOwn(formats, type) ? formats[type] : undefined
  if (format === undefined) throw new StatusError(unsupportedMediaType(Object.keys(formats)))
  return readObject(await readBody(message), format, wanted)
}

export function mediaTypeOf({ headers }: IncomingMessage): string {
  return (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

/** Of what is no object of a kind: parameters, for instance. An empty body is an empty object. */
export async function readJson(message: IncomingMessage): Promise<Json> {
  const body = await readBody(message)
  try {
    return body.length === 0 ? {} : parseBody(body, 'json').value
  } catch (error) {
    if (error instanceof JsonProblem) throw new StatusError(badRequest(error.message))
    throw error
  }
}
