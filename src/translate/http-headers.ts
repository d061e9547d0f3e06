// Turns header operations into Envoy's header changes; the authority among them is a rewrite of its own.
import type { HeaderOperations, Headers } from '../api/index.ts'
import { compareText } from '../registry/index.ts'
import { create } from '../xds/index.ts'
import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction as AppendAction,
  HeaderValueOptionSchema,
} from '../xds/gen/envoy/config/core/v3/base_pb.js'

export interface HeaderFields {
  readonly requestHeadersToAdd: HeaderValueOption[]
  readonly requestHeadersToRemove: string[]
  readonly responseHeadersToAdd: HeaderValueOption[]
  readonly responseHeadersToRemove: string[]
}

export function headerFields(all: readonly (Headers | undefined)[]): HeaderFields {
  const request = all.map((headers) => headers?.request)
  const response = all.map((headers) => headers?.response)
  return {
    requestHeadersToAdd: request.flatMap(additions),
    requestHeadersToRemove: request.flatMap(removals),
    responseHeadersToAdd: response.flatMap(additions),
    responseHeadersToRemove: response.flatMap(removals),
  }
}

/** What a request is renamed to by setting or adding Host. */
export function authorityAmong(headers: Headers | undefined): string {
  return namedIn(headers?.request?.set) || namedIn(headers?.request?.add)
}

function namedIn(operations: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(operations ?? {}).findLast(([name]) => /^(:authority|host)$/i.test(name))?.[1] ?? ''
}

/** Replaced first, then added; by name in each. */
function additions(operations: HeaderOperations | undefined): HeaderValueOption[] {
  const { OVERWRITE_IF_EXISTS_OR_ADD, APPEND_IF_EXISTS_OR_ADD } = AppendAction
  return [...options(operations?.set, OVERWRITE_IF_EXISTS_OR_ADD), ...options(operations?.add, APPEND_IF_EXISTS_OR_ADD)]
}

function options(operations: Readonly<Record<string, string>> | undefined, appendAction: AppendAction): HeaderValueOption[] {
  return Object.entries(operations ?? {})
    .filter(([name]) => !isInternal(name))
    .sort(([a], [b]) => compareText(a, b))
    .map(([key, value]) => create(HeaderValueOptionSchema, { header: { key, value }, appendAction }))
}

function removals(operations: HeaderOperations | undefined): string[] {
  return (operations?.remove ?? []).filter((name) => !isInternal(name))
}

function isInternal(name: string): boolean {
  return name.startsWith(':') || name.toLowerCase() === 'host'
}
