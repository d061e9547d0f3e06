// Tells from the bytes of a message whether every field in it is known, without making anything of them.
import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { allDescriptors } from '../gen/descriptors.js'

/** Looks into what is packed in an `Any` too, as far as its type is known. Throws when the bytes are no message. */
export function hasOnlyKnownFields(schema: DescMessage, bytes: Uint8Array): boolean {
  return scan(schema, new BinaryReader(bytes), bytes.length)
}

/** Of each field that is known: what to look into, if there is anything. */
type Table = ReadonlyMap<number, DescMessage | MapOfMessages | undefined>

interface MapOfMessages {
  readonly valuesOf: DescMessage
}

const tables = new WeakMap<DescMessage, Table>()

function tableOf(schema: DescMessage): Table {
  const known = tables.get(schema)
  if (known !== undefined) return known
  const table = new Map(schema.fields.map((field) => [field.number, insideOf(field)] as const))
  tables.set(schema, table)
  return table
}

/** In the library's own types nothing is unknown, except what an `Any` holds. */
function insideOf(field: DescField): DescMessage | MapOfMessages | undefined {
  const { message } = field
  if (message === undefined || (message.typeName.startsWith('google.protobuf.') && !isAny(message))) return undefined
  return field.fieldKind === 'map' ? { valuesOf: message } : message
}

function isAny({ typeName }: DescMessage): boolean {
  return typeName === 'google.protobuf.Any'
}

function scan(schema: DescMessage, reader: BinaryReader, end: number): boolean {
  if (isAny(schema)) return scanPacked(reader, end)
  const table = tableOf(schema)
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    const inside = table.get(number)
    if (inside === undefined && !table.has(number)) return false
    if (inside === undefined || wireType !== WireType.LengthDelimited) reader.skip(wireType, number)
    else if (!scanInside(inside, reader)) return false
  }
  return true
}

function scanInside(inside: DescMessage | MapOfMessages, reader: BinaryReader): boolean {
  const end = reader.uint32() + reader.pos
  if (end > reader.len) throw new RangeError('premature EOF')
  if (!('valuesOf' in inside)) return scan(inside, reader, end)
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    if (number === 2 && wireType === WireType.LengthDelimited) {
      if (!scanInside(inside.valuesOf, reader)) return false
    } else reader.skip(wireType, number)
  }
  return true
}

/** Field 1 is the type's URL, field 2 the message. */
function scanPacked(reader: BinaryReader, end: number): boolean {
  let typeUrl = ''
  let value: Uint8Array | undefined
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    if (number === 1 && wireType === WireType.LengthDelimited) typeUrl = reader.string()
    else if (number === 2 && wireType === WireType.LengthDelimited) value = reader.bytes()
    else return false
  }
  const schema = allDescriptors.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1))
  if (value === undefined || schema === undefined || schema.typeName.startsWith('google.protobuf.')) return true
  return hasOnlyKnownFields(schema, value)
}
