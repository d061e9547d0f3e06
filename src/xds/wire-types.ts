// Says how values of the types of protobuf stand on the wire, for whoever reads or writes them.
import { type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { WireType } from '@bufbuild/protobuf/wire'

/** A message that stands for the one value in it. */
export function isWrapper({ typeName }: DescMessage): boolean {
  return /^google\.protobuf\.(Double|Float|U?Int(64|32)|Bool|String|Bytes)Value$/.test(typeName)
}

export function wireTypeOf(type: ScalarType): WireType {
  switch (type) {
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Bit64
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Bit32
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.LengthDelimited
    default:
      return WireType.Varint
  }
}
