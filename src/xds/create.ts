// Creates Envoy's messages without the fields that nobody sets: a cluster has over fifty, and there are tens of thousands of clusters.
import type { DescField, DescMessage, DescOneof, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { create as createWhole, isMessage } from '@bufbuild/protobuf'

/**
 * As `create` of the library, and read in the same way: unset fields answer from the prototype. What they answer is frozen and
 * shared by all messages of the type, so a list or map is set as a whole and never added to.
 */
export function create<D extends DescMessage>(schema: D, init?: MessageInitShape<D>): MessageShape<D> {
  if (isMessage(init, schema)) return init
  // The shape was built from the schema, so what it makes is a message of it.
  return make(shapeOf(schema), init) as MessageShape<D>
}

/** One whose fields are to be set. */
export function emptyMessage(schema: DescMessage): Record<string, unknown> {
  const { Message } = shapeOf(schema)
  return new Message()
}

type Fields = Readonly<Record<string, unknown>>
type Message = Record<string, unknown>
type Convert = (value: unknown) => unknown

interface Shape {
  readonly Message: new () => Message
  /** By name of the field or the oneof: how what is given becomes what is kept; absent: as it is. */
  readonly converts: ReadonlyMap<string, Convert | undefined>
}

const shapes = new WeakMap<DescMessage, Shape>()

function shapeOf(schema: DescMessage): Shape {
  const known = shapes.get(schema)
  if (known !== undefined) return known
  // An own class for each type, so that the engine gives its messages room for the fields that they usually have.
  const Message = class {} as Shape['Message']
  Object.assign(Message.prototype, unset(schema))
  const shape = { Message, converts: new Map(schema.members.map((member) => [member.localName, convertOf(member)] as const)) }
  shapes.set(schema, shape)
  return shape
}

/** What every unset field answers. */
function unset(schema: DescMessage): Message {
  const zero: Message = { ...createWhole(schema) }
  for (const value of Object.values(zero)) if (typeof value === 'object') Object.freeze(value)
  return zero
}

function make({ Message, converts }: Shape, init: Fields | undefined): Message {
  const message = new Message()
  if (init === undefined) return message
  for (const name in init) {
    const value = init[name]
    if (value === undefined || value === null || !converts.has(name) || isUnset(message[name], value)) continue
    const convert = converts.get(name)
    message[name] = convert === undefined ? value : convert(value)
  }
  return message
}

/** Empty lists and zeros are what the prototype says already. */
function isUnset(zero: unknown, value: unknown): boolean {
  return value === zero || (Array.isArray(value) && value.length === 0 && Array.isArray(zero))
}

function convertOf(member: DescField | DescOneof): Convert | undefined {
  if (member.kind === 'oneof') return convertOneof(member)
  if (member.fieldKind === 'message') return convertMessage(member)
  if (member.fieldKind === 'list' && member.listKind === 'message') {
    const convert = convertMessage(member)
    return convert && ((list) => (Array.isArray(list) ? list.map(convert) : list))
  }
  if (member.fieldKind === 'map' && member.mapKind === 'message') {
    const convert = convertMessage(member)
    return convert && ((map) => Object.fromEntries(Object.entries(map as Fields).map(([key, value]) => [key, convert(value)])))
  }
  return undefined
}

function convertOneof(oneof: DescOneof): Convert {
  const converts = new Map(
    oneof.fields.map((field) => [field.localName, field.message && !isStruct(field) ? messageMaker(field.message) : undefined]),
  )
  return (given) => {
    const { case: name, value } = given as { readonly case?: string; readonly value?: unknown }
    const convert = name === undefined ? undefined : converts.get(name)
    return convert === undefined ? given : { case: name, value: convert(value) }
  }
}

/** Wrappers and structs stand for themselves as fields, as in the library. */
function convertMessage(field: DescField & { readonly message: DescMessage }): Convert | undefined {
  const isWrapped = field.fieldKind === 'message' && wrappers.has(field.message.typeName)
  return isStruct(field) || isWrapped ? undefined : messageMaker(field.message)
}

/** Kept as a plain object, also among the choices of a oneof. */
function isStruct({ message, parent }: DescField): boolean {
  return message?.typeName === 'google.protobuf.Struct' && parent?.typeName !== 'google.protobuf.Value'
}

function messageMaker(schema: DescMessage): Convert {
  // Found out when it is needed: a message may hold messages of its own type.
  let shape: Shape | undefined
  return (value) => (isMessage(value) || typeof value !== 'object' ? value : make((shape ??= shapeOf(schema)), value as Fields))
}

const wrappers: ReadonlySet<string> = new Set(
  ['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes'].map((name) => `google.protobuf.${name}Value`),
)
