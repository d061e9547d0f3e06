// Finds fields that nobody here knows: what a newer control plane says with them may narrow or protect, so it is not passed over.
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf'
import { fromBinary } from '@bufbuild/protobuf'
import { allDescriptors } from '../gen/descriptors.js'

/** So many are told of one resource. */
const most = 8

/**
 * Paths of unknown fields, with their numbers, as Envoy writes paths: `virtual_hosts[3].routes[0].match, field 57`. Goes into what is
 * packed in an `Any` too, as far as its type is known; what is not is somebody else's to refuse.
 *
 * Differs from Envoy: unknown fields are refused, not ignored.
 */
export function findUnknownFields(schema: DescMessage, bytes: Uint8Array): readonly string[] {
  const found: string[] = []
  visit(schema, fromBinary(schema, bytes), { path: '', found })
  return found
}

interface Place {
  readonly path: string
  readonly found: string[]
}

type Fields = Message & Readonly<Record<string, unknown>>

function visit(schema: DescMessage, message: Message, { path, found }: Place): void {
  for (const { no } of message.$unknown ?? []) if (found.length < most) found.push(path === '' ? `field ${no}` : `${path}, field ${no}`)
  if (schema.typeName === 'google.protobuf.Any') return visitPacked(message, { path, found })
  const fields = message as Fields
  for (const member of messageMembers(schema)) {
    if (found.length >= most) return
    const value = fields[member.localName]
    if (value === undefined) continue
    if (member.kind === 'field') visitField(member, value, { path, found })
    else visitOneof(member.fields, value, { path, found })
  }
}

const members = new WeakMap<DescMessage, DescMessage['members']>()

/** Most fields hold numbers and texts, and there are tens of thousands of clusters. */
function messageMembers(schema: DescMessage): DescMessage['members'] {
  const known = members.get(schema)
  if (known !== undefined) return known
  const found = schema.members.filter((member) => (member.kind === 'field' ? messageOf(member) : member.fields.some(messageOf)))
  members.set(schema, found)
  return found
}

function visitOneof(fields: readonly DescField[], value: unknown, place: Place): void {
  if (typeof value !== 'object' || value === null || !('case' in value) || !('value' in value)) return
  const field = fields.find(({ localName }) => localName === value.case)
  if (field !== undefined) visitField(field, value.value, place)
}

function visitField(field: DescField, value: unknown, { path, found }: Place): void {
  const schema = messageOf(field)
  if (schema === undefined) return
  const here = path === '' ? field.name : `${path}.${field.name}`
  if (field.fieldKind === 'list' && Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) visit(schema, value[i], { path: `${here}[${i}]`, found })
  } else if (field.fieldKind === 'map' && typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) visit(schema, each, { path: `${here}["${key}"]`, found })
  } else if (isMessage(value)) visit(schema, value, { path: here, found })
}

/** Structs and wrappers hold plain values, in which nothing is unknown. */
function messageOf(field: DescField): DescMessage | undefined {
  const schema = field.message
  if (schema === undefined || (schema.typeName.startsWith('google.protobuf.') && schema.typeName !== 'google.protobuf.Any'))
    return undefined
  return schema
}

function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && '$typeName' in value
}

function visitPacked(any: Message, place: Place): void {
  const { typeUrl, value } = any as Fields
  if (typeof typeUrl !== 'string' || !(value instanceof Uint8Array)) return
  const schema = allDescriptors.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1))
  if (schema === undefined || schema.typeName.startsWith('google.protobuf.')) return
  visit(schema, fromBinary(schema, value), place)
}
