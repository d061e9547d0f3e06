// Makes messages of any type, as properties are tested with.
import { create as createWhole, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf'
import fc from 'fast-check'

/** Any message of the type, of which most fields are not set, and not very deep. */
export function messageOf(schema: DescMessage, depth: number): fc.Arbitrary<Message> {
  const some = fc.subarray([...schema.fields], { maxLength: Math.min(5, schema.fields.length) })
  return some.chain((fields) => {
    const values = fields
      .filter((field) => depth > 0 || field.message === undefined)
      .map((field) => valueOf(field, depth).map((value) => ({ field, value })))
    return fc.tuple(...values).map((set) => {
      const message = createWhole(schema)
      for (const { field, value } of set) assign(message, field, value)
      return message
    })
  })
}

function assign(message: Message, field: DescField, value: unknown): void {
  if (field.oneof) Reflect.set(message, field.oneof.localName, { case: field.localName, value })
  else Reflect.set(message, field.localName, value)
}

function valueOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarOf(field.scalar)
    case 'enum':
      return fc.constantFrom(...field.enum.values.map(({ number }) => number))
    case 'message':
      return partOf(field, field.message, depth)
    case 'list': {
      const item =
        field.listKind === 'scalar'
          ? scalarOf(field.scalar)
          : field.listKind === 'enum'
            ? fc.constant(1)
            : partOf(field, field.message, depth)
      return fc.array(item, { maxLength: 3 })
    }
    case 'map': {
      const item =
        field.mapKind === 'scalar'
          ? scalarOf(field.scalar)
          : field.mapKind === 'enum'
            ? fc.constant(1)
            : partOf(field, field.message, depth)
      const key = field.mapKey === ScalarType.STRING ? fc.string() : fc.constantFrom('1', '2')
      return fc.dictionary(key, item, { maxKeys: 3, noNullPrototype: true })
    }
  }
}

function partOf(field: DescField, schema: DescMessage, depth: number): fc.Arbitrary<unknown> {
  if (schema.typeName === 'google.protobuf.Struct' && field.parent.typeName !== 'google.protobuf.Value') return structs
  const [only] = schema.fields
  const isPlain = field.fieldKind === 'message' && field.oneof === undefined && /^google\.protobuf\.\w+Value$/.test(schema.typeName)
  if (isPlain && only?.fieldKind === 'scalar') return scalarOf(only.scalar)
  return messageOf(schema, depth - 1)
}

const structs = fc.dictionary(
  fc.string(),
  fc.jsonValue({ maxDepth: 3 }).filter((value) => !JSON.stringify(value).includes('-0')),
  { noNullPrototype: true, maxKeys: 4 },
)

function scalarOf(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return fc.string({ unit: 'grapheme' })
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 8 })
    case ScalarType.BOOL:
      return fc.boolean()
    case ScalarType.DOUBLE:
      return fc.double({ noNaN: true })
    case ScalarType.FLOAT:
      return fc.float({ noNaN: true })
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.integer({ min: 0, max: 2 ** 32 - 1 })
    default:
      return fc.integer()
  }
}
