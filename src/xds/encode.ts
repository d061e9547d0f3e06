// Writes Envoy's messages as bytes by looking at the fields that are set only: a message made by `create` holds no others, and a cluster could have fifty.
import {
  type DescField,
  type DescMessage,
  type DescOneof,
  type JsonObject,
  type MessageShape,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf'
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { readNow } from './decode-lazily.ts'
import { isStructField } from './decode-struct.ts'
import { writeStruct } from './encode-struct.ts'
import { isWrapper, wireTypeOf } from './wire-types.ts'

/** The bytes that the library writes. */
export function encode<D extends DescMessage>(schema: D, message: MessageShape<D>): Uint8Array {
  const writer = spare ?? new BinaryWriter()
  // Not given back when something is thrown: it would begin with what was written by then.
  spare = undefined
  writerOf(schema).write(writer, message)
  const bytes = writer.finish()
  if (bytes.length <= MOST_SPARE) spare = writer
  return bytes
}

/** It has its room already. */
let spare: BinaryWriter | undefined
/** One that has written more is let go, because it would keep room for that. */
const MOST_SPARE = 256 * 1024

type Message = Readonly<Record<string, unknown>>
type WriteValue = (writer: BinaryWriter, value: unknown) => void

interface FieldWriter {
  readonly number: number
  readonly write: (writer: BinaryWriter, message: Message) => void
}

/** The fields of a oneof, by name. */
type OneofWriter = ReadonlyMap<string, FieldWriter>

const writers = new WeakMap<DescMessage, MessageWriter>()

function writerOf(schema: DescMessage): MessageWriter {
  const known = writers.get(schema)
  if (known !== undefined) return known
  const made = new MessageWriter(schema)
  writers.set(schema, made)
  return made
}

class MessageWriter {
  readonly #schema: DescMessage
  readonly #isForeign: boolean
  /** By the names that properties have. Most are never there, so they are prepared when they first are. */
  readonly #members = new Map<string, FieldWriter | OneofWriter>()

  constructor(schema: DescMessage) {
    this.#schema = schema
    this.#isForeign = isForeign(schema)
  }

  write(writer: BinaryWriter, message: Message): void {
    readNow(message)
    if (this.#isForeign || message['$unknown'] !== undefined) writer.raw(toBinary(this.#schema, message as never))
    else for (const field of this.#fieldsOf(message)) field.write(writer, message)
  }

  /** In the order of their numbers. There are few, and most come in that order. */
  #fieldsOf(message: Message): readonly FieldWriter[] {
    const fields: FieldWriter[] = []
    for (const name of Object.keys(message)) {
      const field = name === '$typeName' ? undefined : this.#fieldOf(name, message)
      if (field === undefined) continue
      let at = fields.length
      for (; at > 0; at--) {
        const before = fields[at - 1]
        if (before === undefined || before.number < field.number) break
        fields[at] = before
      }
      fields[at] = field
    }
    return fields
  }

  #fieldOf(name: string, message: Message): FieldWriter | undefined {
    const member = this.#members.get(name) ?? this.#prepare(name)
    if (!(member instanceof Map)) return member as FieldWriter | undefined
    return member.get((message[name] as { readonly case?: string }).case ?? '')
  }

  #prepare(name: string): FieldWriter | OneofWriter | undefined {
    const member = this.#schema.members.find(({ localName }) => localName === name)
    if (member === undefined) return undefined
    const made = member.kind === 'oneof' ? oneofWriter(member) : fieldWriter(member)
    this.#members.set(name, made)
    return made
  }
}

/** What only other syntaxes have is left to the library, and so are keys of maps that are no text. */
function isForeign({ fields, file }: DescMessage): boolean {
  return file.edition !== EDITION_PROTO3 || fields.some((field) => field.fieldKind === 'map' && field.mapKey !== ScalarType.STRING)
}

const EDITION_PROTO3 = 999
const IMPLICIT = 2

function oneofWriter({ fields, localName }: DescOneof): OneofWriter {
  return new Map(
    fields.map((field) => {
      const write = valueWriter(field as SingleField)
      return [
        field.localName,
        { number: field.number, write: (writer, message) => write(writer, (message[localName] as { readonly value: unknown }).value) },
      ]
    }),
  )
}

function fieldWriter(field: DescField): FieldWriter {
  const { number, localName } = field
  const write = writeOf(field)
  return { number, write: (writer, message) => write(writer, message[localName]) }
}

function writeOf(field: DescField): WriteValue {
  if (field.fieldKind === 'list') return listWriter(field)
  if (field.fieldKind === 'map') return mapWriter(field)
  const write = valueWriter(field)
  if (field.fieldKind === 'message' || field.presence !== IMPLICIT) {
    return (writer, value) => {
      if (value !== undefined) write(writer, value)
    }
  }
  return (writer, value) => {
    if (!isZero(value)) write(writer, value)
  }
}

/** Minus zero is a value of its own. */
function isZero(value: unknown): boolean {
  return Object.is(value, 0) || value === '' || value === false || value === 0n || (value instanceof Uint8Array && value.length === 0)
}

type SingleField = DescField & { readonly fieldKind: 'scalar' | 'enum' | 'message' }
type ListField = DescField & { readonly fieldKind: 'list' }
type MapField = DescField & { readonly fieldKind: 'map' }

/** With its tag, whatever it is. */
function valueWriter(field: SingleField): WriteValue {
  if (field.fieldKind === 'message') return nested(field.number, contentWriter(field, field.message))
  return tagged(field.number, field.fieldKind === 'enum' ? ScalarType.INT32 : field.scalar)
}

function tagged(number: number, type: ScalarType): WriteValue {
  const tag = tagOf(number, wireTypeOf(type))
  const write = scalarWriters[type]
  return (writer, value) => write(writer.uint32(tag), value as never)
}

function nested(number: number, write: WriteValue): WriteValue {
  const tag = tagOf(number, WireType.LengthDelimited)
  return (writer, value) => {
    writer.uint32(tag).fork()
    write(writer, value)
    writer.join()
  }
}

function tagOf(number: number, type: WireType): number {
  return ((number << 3) | type) >>> 0
}

/** What stands between the lengths: structs and wrappers are kept as what they stand for. */
function contentWriter(field: DescField, schema: DescMessage): WriteValue {
  if (schema.typeName === AnySchema.typeName) return writeAny
  if (isStructField(field, schema)) return (writer, value) => writeStruct(writer, value as JsonObject)
  if (isWrapper(schema) && field.fieldKind === 'message' && field.oneof === undefined) return wrappedWriter(schema)
  let inner: MessageWriter | undefined
  // Found out when it is needed: a message may hold messages of its own type.
  return (writer, value) => (inner ??= writerOf(schema)).write(writer, value as Message)
}

/** An `Any` whose message is still at hand, and is written where it stands. */
export interface Packed {
  readonly schema: DescMessage
  readonly message: MessageShape<DescMessage>
}

function writeAny(writer: BinaryWriter, any: unknown): void {
  const { typeUrl } = any as Any
  if (typeUrl !== '') writer.uint32(tagOf(1, WireType.LengthDelimited)).string(typeUrl)
  if (isLean(any as Any | Packed)) writePacked(writer, any as Packed)
  else if ((any as Any).value.length > 0) writer.uint32(tagOf(2, WireType.LengthDelimited)).bytes((any as Any).value)
}

/** Of a message that the library made, it cannot be seen at once whether anything is set in it. */
function isLean(any: Any | Packed): any is Packed {
  return 'schema' in any && !Object.hasOwn(any.message, '$typeName')
}

function writePacked(writer: BinaryWriter, { schema, message }: Packed): void {
  if (Object.keys(message).length === 0) return
  writer.uint32(tagOf(2, WireType.LengthDelimited)).fork()
  writerOf(schema).write(writer, message)
  writer.join()
}

function wrappedWriter(schema: DescMessage): WriteValue {
  const [only] = schema.fields
  if (only === undefined) throw new Error(`${schema.typeName} wraps nothing`)
  return writeOf(only)
}

function listWriter(field: ListField): WriteValue {
  if (field.listKind !== 'message' && field.packed) return packedWriter(field)
  const write =
    field.listKind === 'message'
      ? nested(field.number, contentWriter(field, field.message))
      : tagged(field.number, field.listKind === 'enum' ? ScalarType.INT32 : field.scalar)
  return (writer, list) => {
    for (const item of list as readonly unknown[]) write(writer, item)
  }
}

function packedWriter(field: ListField & { readonly listKind: 'scalar' | 'enum' }): WriteValue {
  const write = scalarWriters[field.listKind === 'enum' ? ScalarType.INT32 : field.scalar]
  const whole = nested(field.number, (writer, list) => {
    for (const item of list as readonly unknown[]) write(writer, item as never)
  })
  return (writer, list) => {
    if ((list as readonly unknown[]).length > 0) whole(writer, list)
  }
}

/** An entry is a message with the key as its first field and the value as its second. */
function mapWriter(field: MapField): WriteValue {
  const writeKey = tagged(1, ScalarType.STRING)
  const writeValue =
    field.mapKind === 'message'
      ? nested(2, contentWriter(field, field.message))
      : tagged(2, field.mapKind === 'enum' ? ScalarType.INT32 : field.scalar)
  const writeEntry = nested(field.number, (writer, entry) => {
    const [key, value] = entry as readonly [string, unknown]
    writeKey(writer, key)
    writeValue(writer, value)
  })
  return (writer, map) => {
    for (const entry of Object.entries(map as Message)) writeEntry(writer, entry)
  }
}

const scalarWriters: Readonly<Record<ScalarType, (writer: BinaryWriter, value: never) => unknown>> = {
  [ScalarType.DOUBLE]: (writer, value) => writer.double(value),
  [ScalarType.FLOAT]: (writer, value) => writer.float(value),
  [ScalarType.INT64]: (writer, value) => writer.int64(value),
  [ScalarType.UINT64]: (writer, value) => writer.uint64(value),
  [ScalarType.INT32]: (writer, value) => writer.int32(value),
  [ScalarType.FIXED64]: (writer, value) => writer.fixed64(value),
  [ScalarType.FIXED32]: (writer, value) => writer.fixed32(value),
  [ScalarType.BOOL]: (writer, value) => writer.bool(value),
  [ScalarType.STRING]: (writer, value) => writer.string(value),
  [ScalarType.BYTES]: (writer, value) => writer.bytes(value),
  [ScalarType.UINT32]: (writer, value) => writer.uint32(value),
  [ScalarType.SFIXED32]: (writer, value) => writer.sfixed32(value),
  [ScalarType.SFIXED64]: (writer, value) => writer.sfixed64(value),
  [ScalarType.SINT32]: (writer, value) => writer.sint32(value),
  [ScalarType.SINT64]: (writer, value) => writer.sint64(value),
}
