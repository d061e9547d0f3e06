// Reads a google.protobuf.Struct from bytes as the plain object that it stands for: every cluster, chain and route carries one.
import type { DescField, DescMessage, JsonObject, JsonValue } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'

/** A struct that is a field stands for a plain object, except inside a Value. */
export function isStructField(field: DescField, schema: DescMessage): boolean {
  return schema.typeName === 'google.protobuf.Struct' && field.parent.typeName !== 'google.protobuf.Value'
}

/** Throws when the bytes are no struct. */
export function readStruct(bytes: Uint8Array): JsonObject {
  return readStructUntil(new BinaryReader(bytes), bytes.length, {})
}

/** Adds to what is there already. */
export function readStructUntil(reader: BinaryReader, end: number, struct: JsonObject, depth = 0): JsonObject {
  if (depth > deepest) throw new Error(`a struct is more than ${deepest} deep`)
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    if (number === 1) readEntry(reader, endOf(reader, wireType, end), { struct, depth })
    else reader.skip(wireType, number)
  }
  return ended(reader, end, struct)
}

/** A field is not written as its type is. */
export function misread(wireType: WireType): Error {
  return new Error(`a field is written with wire type ${wireType}, which its type does not have`)
}

/** Where the message that begins here ends, which is within the one around it. */
export function endOf(reader: BinaryReader, wireType: WireType, outerEnd: number): number {
  if (wireType !== WireType.LengthDelimited) throw misread(wireType)
  const end = reader.uint32() + reader.pos
  if (end > outerEnd) throw new RangeError('a field is longer than the message around it')
  return end
}

/** What was read, when its last field ended where it has to. */
export function ended<T>(reader: BinaryReader, end: number, read: T): T {
  if (reader.pos !== end) throw new RangeError('a field is longer than the message around it')
  return read
}

const deepest = 100

interface Into {
  readonly struct: JsonObject
  readonly depth: number
}

function readEntry(reader: BinaryReader, end: number, { struct, depth }: Into): void {
  let key = ''
  let value: JsonValue = null
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    if (number === 1) key = readText(reader, wireType)
    else if (number === 2) value = readValue(reader, endOf(reader, wireType, end), value, depth)
    else reader.skip(wireType, number)
  }
  ended(reader, end, undefined)
  // `__proto__` is a key like any other.
  if (key === '__proto__') Object.defineProperty(struct, key, { value, enumerable: true, configurable: true, writable: true })
  else struct[key] = value
}

/** The fields of google.protobuf.Value; one that comes twice is merged. */
function readValue(reader: BinaryReader, end: number, before: JsonValue, depth: number): JsonValue {
  let value = before
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    if (number === 1) value = readNull(reader, wireType)
    else if (number === 2) value = readNumber(reader, wireType)
    else if (number === 3) value = readText(reader, wireType)
    else if (number === 4) value = readBool(reader, wireType)
    else if (number === 5) value = readStructUntil(reader, endOf(reader, wireType, end), isStruct(value) ? value : {}, depth + 1)
    else if (number === 6) value = readList(reader, endOf(reader, wireType, end), Array.isArray(value) ? value : [], depth + 1)
    else reader.skip(wireType, number)
  }
  return ended(reader, end, value)
}

function isStruct(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readList(reader: BinaryReader, end: number, list: JsonValue[], depth: number): JsonValue[] {
  if (depth > deepest) throw new Error(`a struct is more than ${deepest} deep`)
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    if (number === 1) list.push(readValue(reader, endOf(reader, wireType, end), null, depth))
    else reader.skip(wireType, number)
  }
  return ended(reader, end, list)
}

function readNull(reader: BinaryReader, wireType: WireType): null {
  if (wireType !== WireType.Varint) throw misread(wireType)
  reader.int32()
  return null
}

function readNumber(reader: BinaryReader, wireType: WireType): number {
  if (wireType !== WireType.Bit64) throw misread(wireType)
  return reader.double()
}

function readText(reader: BinaryReader, wireType: WireType): string {
  if (wireType !== WireType.LengthDelimited) throw misread(wireType)
  return reader.string(true)
}

function readBool(reader: BinaryReader, wireType: WireType): boolean {
  if (wireType !== WireType.Varint) throw misread(wireType)
  return reader.bool()
}
