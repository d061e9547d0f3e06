// Checks a value against its schema, field by field, so that one wrong field hides no other, and hands on what is sound.
import { parseDuration } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import type { Finding } from './finding.ts'
import type { IssueCode } from './issue-codes.ts'
import type { ChoiceSchema, IntegerSchema, ListSchema, MapSchema, ObjectSchema, Schema, Support } from './schema.ts'
import { nearest } from './suggestion.ts'

export interface Structure {
  /** The value without what is wrong in it, so that the rules of meaning can run over the rest. */
  readonly value: unknown
  readonly findings: readonly Finding[]
}

export function checkStructure(schema: Schema, value: unknown, path: string): Structure {
  const walk = new Walk(schema)
  const checked = walk.value(schema, value, path, true)
  return { value: checked === dropped ? undefined : checked, findings: walk.findings }
}

/** The schema of the field at `path`, if the schema has one. */
export function schemaAt(schema: Schema, path: readonly (string | number)[]): Schema | undefined {
  let node: Schema | undefined = schema
  for (const segment of path) {
    if (node?.type === 'list') node = node.items
    else if (node?.type === 'map') node = node.values
    else if (node?.type === 'object') node = Object.hasOwn(node.fields, segment) ? node.fields[segment] : undefined
    else return undefined
  }
  return node
}

interface Undone {
  readonly support: Exclude<Support, 'yes'>
  /** The field, or the field and its value. */
  readonly what: string
  readonly consequence: string | undefined
}

const dropped = Symbol('dropped')

class Walk {
  readonly findings: Finding[] = []
  readonly #root: Schema

  constructor(root: Schema) {
    this.#root = root
  }

  /** `live` is false below a field that is not carried out: its fate was told already. */
  value(schema: Schema, value: unknown, path: string, live: boolean): unknown {
    if (value === null || value === undefined) return this.#nothing(path)
    switch (schema.type) {
      case 'object':
        return this.#object(schema, value, path, live)
      case 'map':
        return this.#map(schema, value, path, live)
      case 'list':
        return this.#list(schema, value, path, live)
      case 'choice':
        return this.#choice(schema, value, path, live)
      case 'integer':
        return this.#integer(schema, value, path)
      case 'text':
        if (typeof value !== 'string') return this.#wrongType(schema, value, path)
        if (schema.maxLength !== undefined && value.length > schema.maxLength) {
          return this.#error('SLP1105', path, `${nameOf(path)} is ${value.length} characters long; at most ${schema.maxLength} are allowed`)
        }
        return value
      case 'duration':
        return this.#duration(schema, value, path)
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#wrongType(schema, value, path)
      case 'number':
        return typeof value === 'number' && Number.isFinite(value) ? value : this.#wrongType(schema, value, path)
      case 'integer-or-text':
        return typeof value === 'string' || Number.isInteger(value) ? value : this.#wrongType(schema, value, path)
      case 'anything':
        return value
    }
  }

  #object(schema: ObjectSchema, value: unknown, path: string, live: boolean): unknown {
    if (!isObject(value)) return this.#wrongType(schema, value, path)
    const result: Record<string, unknown> = {}
    for (const [name, member] of Object.entries(value)) {
      const field = Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined
      const at = fieldAt(path, name)
      if (!field) {
        this.#unknownField(schema, name, at)
        continue
      }
      const reported = live && this.#tellSupport(field, member, at)
      const checked = this.value(field, member, at, live && !reported && (field.support ?? 'yes') === 'yes')
      if (checked !== dropped) result[name] = checked
    }
    this.#requirements(schema, value, path)
    return result
  }

  #requirements(schema: ObjectSchema, value: Readonly<Record<string, unknown>>, path: string): void {
    for (const name of schema.required ?? []) {
      if (Object.hasOwn(value, name)) continue
      const field = schema.fields[name]
      const fix = field ? `add \`${name}\`: ${field.description}` : undefined
      this.#error('SLP1104', fieldAt(path, name), `${path === '' ? name : fieldAt(nameOf(path), name)} is missing`, fix)
    }
    if (!schema.oneOf) return
    const set = schema.oneOf.names.filter((name) => Object.hasOwn(value, name))
    const names = schema.oneOf.names.join(', ')
    if (set.length > 1) {
      const message = `${nameOf(path)} has ${set.join(' and ')}; only one of ${names} is allowed, because it would be open which of them counts`
      const at = fieldAt(path, set[1] ?? '')
      this.findings.push({ level: 'error', code: 'SLP1106', path: at, message, fix: 'keep the one that is meant', at: 'key' })
    }
    if (set.length === 0 && schema.oneOf.needed) {
      this.#error('SLP1106', path, `${nameOf(path)} says nothing: one of ${names} is needed`)
    }
  }

  /** True if the field was told to be left undone. */
  #tellSupport(field: Schema, value: unknown, path: string): boolean {
    const support = field.support ?? 'yes'
    if (support === 'yes' || field.quiet || value === null || isEmpty(value)) return false
    // A switch that is off asks for nothing.
    if (support === 'deny' && value === false) return false
    this.#undone({ support, what: shortName(path), consequence: field.consequence }, path, 'key')
    return true
  }

  #undone(undone: Undone, path: string, at?: 'key'): void {
    const { support, what } = undone
    const told = undone.consequence === undefined ? '' : `: ${undone.consequence}`
    const where = at === undefined ? {} : { at }
    if (support === 'deny') {
      const message = `${what} is understood but not carried out yet${told}`
      this.findings.push({ level: 'error', code: 'SLP1201', path, message, unsupported: true, ...where })
    } else if (support === 'warn') {
      this.findings.push({ level: 'warning', code: 'SLP1202', path, message: `${what} is not carried out yet${told}`, ...where })
    } else {
      this.findings.push({ level: 'warning', code: 'SLP1203', path, message: `${what} has no effect${told}`, ...where })
    }
  }

  #map(schema: MapSchema, value: unknown, path: string, live: boolean): unknown {
    if (!isObject(value)) return this.#wrongType(schema, value, path)
    this.#limitItems(schema.maxItems, Object.keys(value).length, path)
    const result: Record<string, unknown> = {}
    for (const [name, member] of Object.entries(value)) {
      const checked = this.value(schema.values, member, fieldAt(path, name), live)
      // Assigning would set the prototype instead of a key that is called so.
      if (checked !== dropped) Object.defineProperty(result, name, { value: checked, enumerable: true, configurable: true, writable: true })
    }
    return result
  }

  #list(schema: ListSchema, value: unknown, path: string, live: boolean): unknown {
    if (!Array.isArray(value)) return this.#wrongType(schema, value, path)
    this.#limitItems(schema.maxItems, value.length, path)
    return value.map((entry: unknown, index) => {
      const checked = this.value(schema.items, entry, fieldAt(path, index), live)
      // Entries keep their numbers; what this one lacks was told just now.
      return checked === dropped ? zeroOf(schema.items) : checked
    })
  }

  #choice(schema: ChoiceSchema, value: unknown, path: string, live: boolean): unknown {
    if (typeof value !== 'string') return this.#wrongType(schema, value, path)
    const known = Object.hasOwn(schema.values, value) ? schema.values[value] : undefined
    if (known === undefined) {
      const words = Object.keys(schema.values)
      const meant = nearest(value, words)
      const fix = meant === undefined ? `write one of ${words.join(', ')}` : `did you mean ${meant}? Known are ${words.join(', ')}`
      return this.#error('SLP1103', path, `${nameOf(path)} cannot be ${JSON.stringify(value)}`, fix)
    }
    if (known !== true && live) this.#undone({ ...known, what: `${shortName(path)} ${value}` }, path)
    return value
  }

  #integer(schema: IntegerSchema, value: unknown, path: string): unknown {
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) return this.#wrongType(schema, value, path)
    const { min, max } = schema
    if (min !== undefined && value < min) return this.#error('SLP1105', path, `${nameOf(path)} is ${value}; the least is ${min}`)
    if (max !== undefined && value > max) return this.#error('SLP1105', path, `${nameOf(path)} is ${value}; the most is ${max}`)
    return value
  }

  #duration(schema: Schema, value: unknown, path: string): unknown {
    if (typeof value !== 'string' && typeof value !== 'number') return this.#wrongType(schema, value, path)
    if (typeof value === 'string' && parseDuration(value) !== undefined) return value
    const fix = /^\d+(\.\d+)?$/.test(String(value)) ? `give the unit: ${value}s or ${value}ms` : 'write it as 250ms, 1.5s or 1m30s'
    return this.#error('SLP1105', path, `${nameOf(path)} is ${JSON.stringify(value)}, which is no duration`, fix)
  }

  #limitItems(limit: number | undefined, length: number, path: string): void {
    if (limit === undefined || length <= limit) return
    this.#error('SLP1105', path, `${nameOf(path)} has ${length} entries; at most ${limit} are allowed`)
  }

  #nothing(path: string): typeof dropped {
    const fix = 'give it a value, or remove the line'
    return this.#error('SLP1107', path, `${nameOf(path)} has no value; whether nothing or everything is meant would be a guess`, fix)
  }

  #wrongType(schema: Schema, value: unknown, path: string): typeof dropped {
    const message = `${nameOf(path)} must be ${typeNames[schema.type]}, and is ${describe(value)}`
    return this.#error('SLP1102', path, message, typeFix(schema, value))
  }

  #unknownField(schema: ObjectSchema, name: string, path: string): void {
    const known = Object.keys(schema.fields)
    const meant = nearest(name, known)
    const elsewhere = meant === undefined ? findField(this.#root, name) : undefined
    let fix = `known here are ${known.join(', ')}`
    if (meant !== undefined) fix = `did you mean ${meant}? Known here are ${known.join(', ')}`
    else if (elsewhere !== undefined) fix = `it belongs at ${elsewhere}; check the indentation`
    this.findings.push({ level: 'error', code: 'SLP1101', path, message: `unknown field ${JSON.stringify(name)}`, fix, at: 'key' })
  }

  #error(code: IssueCode, path: string, message: string, fix?: string): typeof dropped {
    this.findings.push({ level: 'error', code, path, message, ...(fix === undefined ? {} : { fix }) })
    return dropped
  }
}

const typeNames: Readonly<Record<Schema['type'], string>> = {
  object: 'a mapping of fields',
  map: 'a mapping',
  list: 'a list',
  text: 'text',
  duration: 'a duration such as 1.5s',
  integer: 'a whole number',
  choice: 'one of the known words',
  number: 'a number',
  boolean: 'true or false',
  'integer-or-text': 'a whole number or text',
  anything: 'anything',
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An empty list or mapping is the same as none (Istio, observed), so nothing is left undone. Empty objects do say something. */
function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (isObject(value)) return 'a mapping'
  if (typeof value === 'string') return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`
  return typeof value === 'boolean' || typeof value === 'number' ? String(value) : 'something else'
}

function typeFix(schema: Schema, value: unknown): string | undefined {
  if (schema.type === 'list' && !Array.isArray(value) && typeof value === 'string') return `write [${JSON.stringify(value)}]`
  if (schema.type === 'list' && !Array.isArray(value)) return 'begin each entry with a dash'
  if (schema.type === 'text' && isObject(value)) {
    // `- 2001:db8::` is a mapping to YAML, because it ends in a colon.
    const [only, ...others] = Object.entries(value)
    if (only && others.length === 0 && only[1] === null && /^[\da-f:]*$/i.test(only[0])) return `quote it: "${only[0]}:"`
  }
  if (schema.type === 'text' && (typeof value === 'number' || typeof value === 'boolean')) return `quote it: "${value}"`
  if (schema.type === 'integer' && typeof value === 'string' && /^\d+$/.test(value)) return `write ${value} without quotes`
  if (schema.type === 'boolean' && typeof value === 'string') {
    if (/^(y|yes|on|true)$/i.test(value)) return 'write true'
    if (/^(n|no|off|false)$/i.test(value)) return 'write false'
  }
  return undefined
}

function zeroOf(schema: Schema): unknown {
  switch (schema.type) {
    case 'object':
    case 'map':
      return {}
    case 'list':
      return []
    case 'integer':
    case 'number':
      return 0
    case 'boolean':
      return false
    case 'text':
    case 'duration':
    case 'choice':
    case 'integer-or-text':
    case 'anything':
      return ''
  }
}

/** The last name in a path, with the numbers behind it: `match[0]` of `spec.http[1].match[0]`. */
function nameOf(path: string): string {
  if (path === '') return 'the document'
  return /(?:^|\.)([^.]*(?:\["(?:[^"\\]|\\.)*"\])?(?:\[\d+\])*)$/.exec(path)?.[1] ?? path
}

/** A field with the one around it: `tls.mode`. */
function shortName(path: string): string {
  return /(?:^|\.)([^.]+\.[^.]+)$/.exec(path)?.[1]?.replace(/^spec\./, '') ?? path
}

function findField(schema: Schema, name: string, path = '', depth = 0): string | undefined {
  if (depth > 8) return undefined
  if (schema.type === 'list') return findField(schema.items, name, `${path}[]`, depth + 1)
  if (schema.type === 'map') return undefined
  if (schema.type !== 'object') return undefined
  if (path !== '' && Object.hasOwn(schema.fields, name)) return fieldAt(path, name)
  for (const [field, inner] of Object.entries(schema.fields)) {
    const found = findField(inner, name, path === '' ? field : `${path}.${field}`, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}
