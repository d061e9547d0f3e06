// Reads fields of JSON that somebody else wrote: what is not there, or is something else, is absent.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf'

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function at(value: JsonValue | undefined, ...path: readonly string[]): JsonValue | undefined {
  let found = value
  for (const key of path) found = isObject(found) ? found[key] : undefined
  return found
}

export function textAt(value: JsonValue | undefined, ...path: readonly string[]): string {
  const found = at(value, ...path)
  return typeof found === 'string' ? found : typeof found === 'number' ? String(found) : ''
}

export function listAt(value: JsonValue | undefined, ...path: readonly string[]): readonly JsonObject[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found.filter(isObject) : []
}

export function textsAt(value: JsonValue | undefined, ...path: readonly string[]): readonly string[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found.filter((one) => typeof one === 'string') : []
}

/** The declaration that a resource's metadata names, as istioctl writes it: `NAME.NAMESPACE`. */
export function declaredBy(value: JsonValue | undefined, kind: string): string {
  const own = at(value, 'metadata', 'filter_metadata', 'dev.sallyport')
  if (textAt(own, 'kind') === kind) return `${textAt(own, 'name')}.${textAt(own, 'namespace')}`
  // Istio's own: a path such as `/apis/networking.istio.io/v1/namespaces/NS/virtual-service/NAME`.
  const [, namespace, what, name] =
    /\/namespaces\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(textAt(value, 'metadata', 'filter_metadata', 'istio', 'config')) ?? []
  return what?.replaceAll('-', '') === kind.toLowerCase() ? `${name}.${namespace}` : ''
}
