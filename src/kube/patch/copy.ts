// Copies values that a patch is going to change.
import { copyOf, isJsonList, isJsonObject, setField, type Json, type JsonObject } from '../object.ts'

/** An object that is still being made. */
export type Draft = Record<string, Json | undefined>

export function deepCopy(value: Json): Json {
  if (isJsonList(value)) return value.map(deepCopy)
  return isJsonObject(value) ? deepCopyOf(value) : value
}

export function deepCopyOf(object: JsonObject): Draft {
  const copy = copyOf({})
  for (const [name, member] of Object.entries(object)) if (member !== undefined) setField(copy, name, deepCopy(member))
  return copy
}
