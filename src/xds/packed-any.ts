// Packs messages into `Any` and out of it again: within one process without ever writing them as bytes, because nobody there asks for those.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { type Any, anyIs, AnySchema } from '@bufbuild/protobuf/wkt'
import { decode } from './decode.ts'
import { encode, type Packed } from './encode.ts'

/** The message must not be changed afterwards, as those of a snapshot never are. */
export function packAny<D extends DescMessage>(schema: D, message: MessageShape<D>): Any {
  return new PackedAny(schema, message)
}

/** Undefined when it is of another type. Throws on bytes that are no such message. */
export function unpackAny<D extends DescMessage>(any: Any, schema: D): MessageShape<D> | undefined {
  // What was packed by the same schema is a message of it.
  if (any instanceof PackedAny && any.schema === schema) return any.message as MessageShape<D>
  return anyIs(any, schema) ? decode(schema, any.value) : undefined
}

class PackedAny implements Any, Packed {
  declare readonly $typeName: 'google.protobuf.Any'
  readonly schema: DescMessage
  readonly message: MessageShape<DescMessage>

  constructor(schema: DescMessage, message: MessageShape<DescMessage>) {
    this.schema = schema
    this.message = message
  }

  get typeUrl(): string {
    return `type.googleapis.com/${this.schema.typeName}`
  }

  get value(): Uint8Array {
    return encode(this.schema, this.message)
  }
}

Object.defineProperty(PackedAny.prototype, '$typeName', { value: AnySchema.typeName, enumerable: true })
