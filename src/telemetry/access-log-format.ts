// Carries out Envoy's format strings for access logs: text with `%OPERATOR%`s, or JSON with one in each value.
import type { AccessValues } from './access-values.ts'

/** Text, or labels whose values are texts, numbers, lists or labels again. */
export type AccessLogFormat = { readonly text: string } | { readonly labels: Readonly<Record<string, unknown>> }

export interface CompiledFormat {
  /** One line without its end. */
  readonly format: (values: AccessValues) => string
  /** Operators and headers that are not known here; `-` stands for them. */
  readonly unknown: readonly string[]
}

export function compileFormat(said: AccessLogFormat): CompiledFormat {
  const unknown = new Set<string>()
  if ('text' in said) {
    const parts = splitFormat(said.text.replace(/\n$/, ''), unknown)
    return {
      format: (values) => parts.map((part) => (typeof part === 'string' ? part : safe(String(part(values))))).join(''),
      unknown: [...unknown],
    }
  }
  const tree = compileValue(said.labels, unknown)
  return { format: (values) => JSON.stringify(tree(values)), unknown: [...unknown] }
}

type Value = string | number
type Reader = (values: AccessValues) => Value
type Tree = (values: AccessValues) => unknown

/** A value that is one operator alone keeps its type, as in Envoy; `-` alone is null there. */
function compileValue(said: unknown, unknown: Set<string>): Tree {
  if (Array.isArray(said)) {
    const items = said.map((item) => compileValue(item, unknown))
    return (values) => items.map((item) => item(values))
  }
  if (typeof said === 'object' && said !== null) {
    const fields = Object.entries(said).map(([name, value]) => [name, compileValue(value, unknown)] as const)
    return (values) => Object.fromEntries(fields.map(([name, read]) => [name, read(values)]))
  }
  if (typeof said !== 'string') return () => said
  const parts = splitFormat(said, unknown)
  const [only] = parts
  if (parts.length === 1 && typeof only === 'function') return (values) => (only(values) === '-' ? null : only(values))
  return (values) => parts.map((part) => (typeof part === 'string' ? part : String(part(values)))).join('')
}

/** `%%` is a percent sign; `%NAME%`, `%NAME(ARGUMENT)%` and `%NAME(ARGUMENT):LENGTH%` are operators. */
function splitFormat(text: string, unknown: Set<string>): (string | Reader)[] {
  const parts: (string | Reader)[] = []
  let end = 0
  for (const found of text.matchAll(/%(?:%|([A-Z0-9_]+)(?:\(([^)]*)\))?(?::(\d+))?%)/g)) {
    if (found.index > end) parts.push(text.slice(end, found.index))
    end = found.index + found[0].length
    const [whole, name, argument, length] = found
    if (name === undefined) parts.push('%')
    else parts.push(shortened(readerOf(name, argument) ?? missing(whole, unknown), length))
  }
  if (end < text.length) parts.push(text.slice(end))
  return parts
}

function missing(whole: string, unknown: Set<string>): Reader {
  unknown.add(whole)
  return () => '-'
}

function shortened(read: Reader, length: string | undefined): Reader {
  if (length === undefined) return read
  return (values) => {
    const value = read(values)
    return typeof value === 'string' ? value.slice(0, Number(length)) : value
  }
}

const operators: Readonly<Record<string, keyof AccessValues>> = {
  START_TIME: 'start_time',
  PROTOCOL: 'protocol',
  RESPONSE_CODE: 'response_code',
  RESPONSE_FLAGS: 'response_flags',
  RESPONSE_CODE_DETAILS: 'response_code_details',
  CONNECTION_TERMINATION_DETAILS: 'connection_termination_details',
  UPSTREAM_TRANSPORT_FAILURE_REASON: 'upstream_transport_failure_reason',
  BYTES_RECEIVED: 'bytes_received',
  BYTES_SENT: 'bytes_sent',
  DURATION: 'duration',
  UPSTREAM_HOST: 'upstream_host',
  UPSTREAM_CLUSTER: 'upstream_cluster',
  UPSTREAM_CLUSTER_RAW: 'upstream_cluster',
  UPSTREAM_LOCAL_ADDRESS: 'upstream_local_address',
  DOWNSTREAM_LOCAL_ADDRESS: 'downstream_local_address',
  DOWNSTREAM_REMOTE_ADDRESS: 'downstream_remote_address',
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: 'downstream_remote_address',
  REQUESTED_SERVER_NAME: 'requested_server_name',
  ROUTE_NAME: 'route_name',
}

/** Of requests, and of responses: the headers that a record keeps. */
const headers: Readonly<Record<string, Readonly<Record<string, keyof AccessValues>>>> = {
  REQ: {
    ':METHOD': 'method',
    ':PATH': 'path',
    'X-ENVOY-ORIGINAL-PATH': 'path',
    ':AUTHORITY': 'authority',
    HOST: 'authority',
    'X-FORWARDED-FOR': 'x_forwarded_for',
    'USER-AGENT': 'user_agent',
    'X-REQUEST-ID': 'request_id',
  },
  RESP: { 'X-ENVOY-UPSTREAM-SERVICE-TIME': 'upstream_service_time' },
}

function readerOf(name: string, argument: string | undefined): Reader | undefined {
  const known = headers[name]
  if (known === undefined) {
    const key = argument === undefined ? operators[name] : undefined
    return key && ((values) => values[key])
  }
  // `A?B`: B where there is no A.
  const keys = (argument ?? '').split('?').map((header) => known[header.toUpperCase()])
  const [first, second] = keys
  if (first === undefined || keys.length > 2) return undefined
  return (values) => (values[first] === '-' && second !== undefined ? values[second] : values[first])
}

/** Differs from Istio: what a client sent must not forge a field or a line. */
function safe(value: string): string {
  return value.replace(/["\\\p{Cc}]/gu, (character) =>
    character === '"' || character === '\\' ? `\\${character}` : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
