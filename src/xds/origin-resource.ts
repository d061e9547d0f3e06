// Writes and reads the content of `origin/KIND/NS/NAME`: where a declaration stands, as a google.protobuf.Struct.
import type { JsonObject } from '@bufbuild/protobuf'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { type Any, AnySchema, StructSchema } from '@bufbuild/protobuf/wkt'
import { create } from './create.ts'
import { readStruct } from './decode-struct.ts'
import { joined } from './delimited.ts'
import { writeStruct } from './encode-struct.ts'
import type { FieldPlace, OriginPlace } from './snapshot.ts'

/** Of a declaration with more fields, the inner ones are found where the field around them stands. */
const mostFields = 512

/**
 * `source`, `line` (the document's first), and `fields`: path to `LINE:COLUMN`, where lines count from the document's first, which
 * is 0. So a document that moves changes one number.
 */
export function writeOrigin(origin: OriginPlace): Any {
  const writer = new BinaryWriter()
  writeStruct(writer, { source: origin.source, line: origin.line })
  const value = joined([writer.finish(), fieldsOf(origin)])
  return create(AnySchema, { typeUrl: `type.googleapis.com/${StructSchema.typeName}`, value })
}

/** Throws when `any` holds something else. */
export function readOrigin(any: Any | undefined): OriginPlace {
  if (any?.typeUrl !== `type.googleapis.com/${StructSchema.typeName}`) throw new Error('typed_config is not a google.protobuf.Struct')
  const { source, line, fields } = readStruct(any.value)
  if (typeof source !== 'string' || typeof line !== 'number') throw new Error('source and line have to be there')
  return new DistantOrigin(source, line, typeof fields === 'object' && fields !== null && !Array.isArray(fields) ? fields : {})
}

/** By layout: finding them takes reading the document again. */
const known = new WeakMap<object, Uint8Array>()

function fieldsOf(origin: OriginPlace): Uint8Array {
  const { layout = origin } = origin
  const before = known.get(layout)
  if (before !== undefined) return before
  const writer = new BinaryWriter()
  writeStruct(writer, { fields: Object.fromEntries(textsOf(origin)) })
  const entry = writer.finish()
  known.set(layout, entry)
  return entry
}

function textsOf(origin: OriginPlace): readonly (readonly [string, string])[] {
  const texts: [string, string][] = []
  for (const [path, { line, column }] of origin.fields?.() ?? []) {
    if (texts.length === mostFields) break
    texts.push([path, `${line - origin.line}:${column}`])
  }
  return texts
}

/** Undefined when the text is no place. */
function placeOf(text: unknown): FieldPlace | undefined {
  const parts = typeof text === 'string' ? /^(\d+):(\d+)$/.exec(text) : null
  return parts === null ? undefined : { line: Number(parts[1]), column: Number(parts[2]) }
}

/** Its places are read when they are asked for: of ten thousand declarations few are ever named by a record. */
class DistantOrigin implements OriginPlace {
  readonly source: string
  readonly line: number
  /** Lines count from the first of the document, which is 0. */
  readonly #texts: JsonObject

  constructor(source: string, line: number, texts: JsonObject) {
    this.source = source
    this.line = line
    this.#texts = texts
  }

  placeOf(field: string): FieldPlace {
    for (let path = field; path !== ''; path = parentOf(path)) {
      const place = Object.hasOwn(this.#texts, path) ? placeOf(this.#texts[path]) : undefined
      if (place !== undefined) return this.#absolute(place)
    }
    return { line: this.line, column: 1 }
  }

  *fields(): Iterable<readonly [string, FieldPlace]> {
    for (const [path, text] of Object.entries(this.#texts)) {
      const place = placeOf(text)
      if (place !== undefined) yield [path, this.#absolute(place)]
    }
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
