// Applies merge patches (RFC 7386): objects are merged, null takes a field away, everything else replaces.
import { copyOf, isJsonObject, setField, type Json } from '../object.ts'
import { deepCopy } from './copy.ts'

export function applyMergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return deepCopy(patch)
  const merged = copyOf(isJsonObject(target) ? target : {})
  for (const [name, change] of Object.entries(patch)) {
    if (change === null || change === undefined) delete merged[name]
    else setField(merged, name, applyMergePatch(Object.hasOwn(merged, name) ? merged[name] : undefined, change))
  }
  return merged
}
