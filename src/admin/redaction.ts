// Takes secrets out of what the pages show: keys, passwords, and headers that carry credentials.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf'

export const redacted = '[redacted]'

/** Fields of Envoy's messages whose contents are secret; a file name in them is not. */
const secretFields =
  /^(private_key|password|session_ticket_keys|generic_secret|client_secret|hmac_secret|token_secret|pkcs12|private_key_provider)$/
const secretHeaders = /authorization|cookie|token|secret|password|api[-_]?key|credential/i

/** A copy without secrets; parts that hold none are shared with the original. */
export function redact(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(redact)
  if (typeof value !== 'object' || value === null) return value
  return redactObject(value)
}

export function redactObject(value: JsonObject): JsonObject {
  const { key } = value
  const isSecretHeader = typeof key === 'string' && secretHeaders.test(key)
  return Object.fromEntries(
    Object.entries(value).map(([name, part]): [string, JsonValue] => {
      if (secretFields.test(name)) return [name, hide(part)]
      if (isSecretHeader && (name === 'value' || name === 'raw_value')) return [name, redacted]
      return [name, redact(part)]
    }),
  )
}

function hide(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(hide)
  if (typeof value !== 'object' || value === null) return redacted
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, name === 'filename' ? part : hide(part)]))
}
