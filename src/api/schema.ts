// Describes the fields of resources as data, so that checking, documentation and `explain` come from one table.

/** What Sallyport does with a field: carries it out, leaves it undone with a warning, denies what it governs, or has no use for it. */
export type Support = 'yes' | 'warn' | 'deny' | 'no-effect'

interface Described {
  /** One line for the reference: what the field says. */
  readonly description: string
  /** Absent means `yes`. Fields below a field that is not `yes` share its fate and are not reported again. */
  readonly support?: Support
  /** For `deny`, `warn` and `no-effect`: the consequence, as it follows a colon in the message. */
  readonly consequence?: string
  /** Known, without effect and not worth a word: another field already says it, or it never bears on traffic. */
  readonly quiet?: true
}

export interface ObjectSchema extends Described {
  readonly type: 'object'
  readonly fields: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  /** Names of fields of which at most one may be set, and whether one has to be. */
  readonly oneOf?: { readonly names: readonly string[]; readonly needed?: true }
  /** Whoever sets a part of it has set the whole (Kubernetes' `x-kubernetes-map-type: atomic`). */
  readonly atomic?: true
}
export interface MapSchema extends Described {
  readonly type: 'map'
  readonly values: Schema
  readonly maxItems?: number
  /** Whoever sets a part of it has set the whole. */
  readonly atomic?: true
}
export interface ListSchema extends Described {
  readonly type: 'list'
  readonly items: Schema
  readonly maxItems?: number
  /** Entries that differ in these fields are different ones and have owners of their own; else the list is one value. */
  readonly keys?: readonly string[]
  /** No entry stands twice, and each has owners of its own. */
  readonly unique?: true
  /** The field by which a strategic merge patch finds the entry that is meant. */
  readonly patchKey?: string
}
export interface TextSchema extends Described {
  readonly type: 'text'
  readonly maxLength?: number
  /** Bytes as base64, or a point in time. */
  readonly format?: 'byte' | 'date-time'
}
export interface DurationSchema extends Described {
  readonly type: 'duration'
}
export interface IntegerSchema extends Described {
  readonly type: 'integer'
  readonly min?: number
  readonly max?: number
}
export interface ChoiceSchema extends Described {
  readonly type: 'choice'
  readonly values: Readonly<Record<string, ChoiceValue>>
}
export interface PlainSchema extends Described {
  readonly type: 'number' | 'boolean' | 'integer-or-text' | 'anything'
}
/** A value is carried out, or is itself one of the things that are not. */
export type ChoiceValue = true | { readonly support: Exclude<Support, 'yes'>; readonly consequence: string }

export type Schema = ObjectSchema | MapSchema | ListSchema | TextSchema | DurationSchema | IntegerSchema | ChoiceSchema | PlainSchema

type Without<S> = Omit<S, 'type' | 'description'>

export function object(
  description: string,
  fields: Readonly<Record<string, Schema>>,
  options: Pick<ObjectSchema, 'required' | 'oneOf' | 'atomic'> = {},
): ObjectSchema {
  return { type: 'object', description, fields, ...options }
}

export function map(description: string, values: Schema, options: Pick<MapSchema, 'maxItems'> = {}): MapSchema {
  return { type: 'map', description, values, ...options }
}

type ListOptions = Pick<ListSchema, 'maxItems' | 'keys' | 'unique' | 'patchKey'>

export function list(description: string, items: Schema, options: ListOptions = {}): ListSchema {
  return { type: 'list', description, items, ...options }
}

export function text(description: string, options: Pick<TextSchema, 'maxLength' | 'format'> = {}): TextSchema {
  return { type: 'text', description, ...options }
}

/** `1.5s`, `1m30s`: Go's syntax. */
export function duration(description: string): DurationSchema {
  return { type: 'duration', description }
}

export function integer(description: string, options: Without<IntegerSchema> = {}): IntegerSchema {
  return { type: 'integer', description, ...options }
}

/** An unsigned 32-bit number, as most of Istio's are. */
export function count(description: string): IntegerSchema {
  return integer(description, { min: 0, max: 4_294_967_295 })
}

export function number(description: string): PlainSchema {
  return { type: 'number', description }
}

export function flag(description: string): PlainSchema {
  return { type: 'boolean', description }
}

export function integerOrText(description: string): PlainSchema {
  return { type: 'integer-or-text', description }
}

/** Known by name only: its inside is not read, so it must not be `yes`. */
export function anything(description: string): PlainSchema {
  return { type: 'anything', description }
}

export function choice(description: string, values: readonly string[] | ChoiceSchema['values']): ChoiceSchema {
  const table = isList(values) ? Object.fromEntries(values.map((value) => [value, true] as const)) : values
  return { type: 'choice', description, values: table }
}

/** Narrows, protects or selects traffic and is not carried out: the resource is loaded, and what the field governs is denied. */
export function deny<S extends Schema>(consequence: string, schema: S): S {
  return { ...schema, support: 'deny', consequence }
}

/** Not carried out, and leaving it undone opens nothing. */
export function warn<S extends Schema>(consequence: string, schema: S): S {
  return { ...schema, support: 'warn', consequence }
}

/** Says nothing that Sallyport could act on. */
export function idle<S extends Schema>(reason: string, schema: S): S {
  return { ...schema, support: 'no-effect', consequence: reason }
}

/** Part of something that another field already reports, or of no bearing on traffic at all. */
export function quiet<S extends Schema>(support: Exclude<Support, 'yes'>, schema: S): S {
  return { ...schema, support, quiet: true }
}

export function labels(description: string): MapSchema {
  return map(description, text('the value of a label'))
}

export function texts(description: string, options: Pick<ListSchema, 'maxItems'> & Pick<TextSchema, 'maxLength'> = {}): ListSchema {
  const { maxItems, maxLength } = options
  return list(description, text('one entry', maxLength === undefined ? {} : { maxLength }), maxItems === undefined ? {} : { maxItems })
}

function isList(values: readonly string[] | ChoiceSchema['values']): values is readonly string[] {
  return Array.isArray(values)
}
