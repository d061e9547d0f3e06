// Looks into values of which nobody has said yet what they hold.

export type Fields = Readonly<Record<string, unknown>>

const none: Fields = Object.freeze({})

/** The fields of a mapping; of anything else, none. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : none
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
