// Makes the causes for which an object is invalid, in Kubernetes' words.
import type { Json } from '../object.ts'
import type { StatusCause } from '../status.ts'

export function invalidValue(field: string, value: Json | undefined, why: string): StatusCause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${shown(value)}: ${why}`, field }
}

export function required(field: string, why?: string): StatusCause {
  return { reason: 'FieldValueRequired', message: why === undefined ? 'Required value' : `Required value: ${why}`, field }
}

export function notSupported(field: string, value: Json, supported: readonly string[]): StatusCause {
  const known = supported.map((one) => JSON.stringify(one)).join(', ')
  return { reason: 'FieldValueNotSupported', message: `Unsupported value: ${shown(value)}: supported values: ${known}`, field }
}

export function forbiddenField(field: string, why: string): StatusCause {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field }
}

export function tooLong(field: string, most: number): StatusCause {
  return { reason: 'FieldValueTooLong', message: `Too long: may not be more than ${most} bytes`, field }
}

export function wrongType(field: string, found: string, wanted: string): StatusCause {
  const message = `Invalid value: ${JSON.stringify(found)}: ${field} in body must be of type ${wanted}: ${JSON.stringify(found)}`
  return { reason: 'FieldValueTypeInvalid', message, field }
}

function shown(value: Json | undefined): string {
  const text = JSON.stringify(value ?? null)
  return text.length > 1024 ? `${text.slice(0, 1024)}…` : text
}
