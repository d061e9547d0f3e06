// Writes the plain object that stands for a google.protobuf.Struct: every cluster, chain and route carries one.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import { type BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** Its fields, without tag and length. */
export function writeStruct(writer: BinaryWriter, struct: JsonObject): void {
  for (const [key, value] of Object.entries(struct)) {
    writer.uint32(inside(1)).fork().uint32(inside(1)).string(key).uint32(inside(2)).fork()
    writeValue(writer, value)
    writer.join().join()
  }
}

/** As google.protobuf.Value has it. */
function writeValue(writer: BinaryWriter, value: JsonValue): void {
  if (value === null) writer.tag(1, WireType.Varint).int32(0)
  else if (typeof value === 'number') writer.tag(2, WireType.Bit64).double(finite(value))
  else if (typeof value === 'string') writer.uint32(inside(3)).string(value)
  else if (typeof value === 'boolean') writer.tag(4, WireType.Varint).bool(value)
  else if (Array.isArray(value)) {
    writer.uint32(inside(6)).fork()
    for (const item of value) {
      writer.uint32(inside(1)).fork()
      writeValue(writer, item)
      writer.join()
    }
    writer.join()
  } else {
    writer.uint32(inside(5)).fork()
    writeStruct(writer, value)
    writer.join()
  }
}

/** JSON knows no other numbers, and a struct stands for JSON. */
function finite(value: number): number {
  if (!Number.isFinite(value)) throw new Error(`a struct cannot hold ${value}`)
  return value
}

function inside(number: number): number {
  return (number << 3) | WireType.LengthDelimited
}
