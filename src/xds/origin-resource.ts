// Writes and reads the content of `origin/KIND/NS/NAME`: where a declaration stands, as a google.protobuf.Struct.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type Any, AnySchema, type Struct, StructSchema, type Value, ValueSchema } from '@bufbuild/protobuf/wkt'
import type { FieldPlace, OriginPlace } from './snapshot.ts'

/** Of a declaration with more fields, the inner ones are found where the field around them stands. */
const mostFields = 512

/**
 * `source`, `line` (the document's first), and `fields`: path to `LINE:COLUMN`, where lines count from the document's first, which
 * is 0. So a document that moves changes one number.
 */
export function writeOrigin(origin: OriginPlace): Any {
  const content = { source: origin.source, line: origin.line, fields: fieldsOf(origin) }
  return create(AnySchema, {
    typeUrl: `type.googleapis.com/${StructSchema.typeName}`,
    value: toBinary(StructSchema, structOf(content)),
  })
}

/** Throws when `any` holds something else. */
export function readOrigin(any: Any | undefined): OriginPlace {
  if (any?.typeUrl !== `type.googleapis.com/${StructSchema.typeName}`) throw new Error('typed_config is not a google.protobuf.Struct')
  const { fields } = fromBinary(StructSchema, any.value)
  const source = fields['source']?.kind
  const line = fields['line']?.kind
  const places = fields['fields']?.kind
  if (source?.case !== 'stringValue' || line?.case !== 'numberValue') throw new Error('source and line have to be there')
  const texts = places?.case === 'structValue' ? places.value.fields : {}
  return new DistantOrigin(source.value, line.value, new Map(Object.entries(texts).flatMap(([path, value]) => placeOf(path, value.kind))))
}

function fieldsOf(origin: OriginPlace): Record<string, string> {
  const fields: Record<string, string> = {}
  let left = mostFields
  for (const [path, { line, column }] of origin.fields?.() ?? []) {
    if (left-- === 0) break
    fields[path] = `${line - origin.line}:${column}`
  }
  return fields
}

function structOf(content: Record<string, string | number | Record<string, string>>): Struct {
  return create(StructSchema, { fields: Object.fromEntries(Object.entries(content).map(([key, value]) => [key, valueOf(value)])) })
}

function valueOf(value: string | number | Record<string, string>): Value {
  if (typeof value === 'string') return create(ValueSchema, { kind: { case: 'stringValue', value } })
  if (typeof value === 'number') return create(ValueSchema, { kind: { case: 'numberValue', value } })
  return create(ValueSchema, { kind: { case: 'structValue', value: structOf(value) } })
}

function placeOf(path: string, kind: Value['kind']): (readonly [string, FieldPlace])[] {
  const parts = kind.case === 'stringValue' ? /^(\d+):(\d+)$/.exec(kind.value) : undefined
  return parts ? [[path, { line: Number(parts[1]), column: Number(parts[2]) }]] : []
}

class DistantOrigin implements OriginPlace {
  readonly source: string
  readonly line: number
  /** Lines from the first of the document, which is 0. */
  readonly #places: ReadonlyMap<string, FieldPlace>

  constructor(source: string, line: number, places: ReadonlyMap<string, FieldPlace>) {
    this.source = source
    this.line = line
    this.#places = places
  }

  placeOf(field: string): FieldPlace {
    for (let path = field; path !== ''; path = parentOf(path)) {
      const place = this.#places.get(path)
      if (place !== undefined) return this.#absolute(place)
    }
    return { line: this.line, column: 1 }
  }

  *fields(): Iterable<readonly [string, FieldPlace]> {
    for (const [path, place] of this.#places) yield [path, this.#absolute(place)]
  }

  #absolute({ line, column }: FieldPlace): FieldPlace {
    return { line: this.line + line, column }
  }
}

/** `a.b[0]["c.d"]` → `a.b[0]` → `a.b` → `a` → nothing. */
function parentOf(path: string): string {
  if (path.endsWith('"]')) return path.slice(0, Math.max(0, path.lastIndexOf('["')))
  return path.slice(0, Math.max(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('['))))
}
