// Reads the object in the body of a request, in whichever of the formats it was sent.
import type { IncomingMessage } from 'node:http'
import { type BodyFormat, readObject, StatusError, unsupportedMediaType, type Wanted } from '../kube/index.ts'
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
