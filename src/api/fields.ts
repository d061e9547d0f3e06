// Looks into parts of specs that have no type of their own because nothing carries them out yet.

export type Fields = Readonly<Record<string, unknown>>

const none: Fields = Object.freeze({})

/** The fields of a mapping; of anything else, none. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : none
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
