// Reads the lines that Envoy's access logs write for us.
import type { SallyportMetadata } from '../../xds/index.ts'
import type { ConnectionField, RequestField } from '../stock/access-log.ts'

/** One line. A field that Envoy had nothing to say for is absent. */
export interface Entry {
  readonly kind: 'connection' | 'request'
  text(field: ConnectionField | RequestField): string | undefined
  number(field: ConnectionField | RequestField): number
  metadata(field: ConnectionField | RequestField): SallyportMetadata
}

/** Undefined for what is no entry of ours. */
export function readEntry(line: string): Entry | undefined {
  let content: unknown
  try {
    content = JSON.parse(line)
  } catch {
    // A line that was cut off when Envoy ended.
    return undefined
  }
  if (typeof content !== 'object' || content === null) return undefined
  const fields = content as Readonly<Record<string, unknown>>
  const { kind } = fields
  if (kind !== 'connection' && kind !== 'request') return undefined
  return {
    kind,
    text(field) {
      const value = fields[field]
      if (typeof value === 'number') return String(value)
      return typeof value === 'string' && value !== '' && value !== '-' ? value : undefined
    },
    number(field) {
      const value = Number(fields[field])
      return Number.isFinite(value) ? value : 0
    },
    metadata(field) {
      const value = fields[field]
      return typeof value === 'object' && value !== null ? value : {}
    },
  }
}
