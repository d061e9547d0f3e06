// Reads bodies in Kubernetes' protobuf, which kubectl sends for the kinds it makes itself, as the JSON that they stand for.
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { setField, type Json, type JsonObject } from '../object.ts'
import { messages, type FieldType, type Message, type MessageField } from './messages.ts'

export class ProtobufProblem extends Error {
  override readonly name = 'ProtobufProblem'
}

/** Undefined where the kind is not one of those whose numbers are known. */
export function readProtobuf(body: Uint8Array): JsonObject | undefined {
  const isMarked = magic.every((byte, index) => body[index] === byte)
  if (!isMarked) throw new ProtobufProblem('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  try {
    const { apiVersion, kind, raw } = readEnvelope(body.subarray(magic.length))
    const message = messages.get(`${apiVersion}/${kind}`)
    return message && { apiVersion, kind, ...readMessage(message, raw) }
  } catch (error) {
    if (error instanceof ProtobufProblem) throw error
    throw new ProtobufProblem(`proto: ${error instanceof Error ? error.message : 'cannot be read'}`)
  }
}

const magic = [0x6b, 0x38, 0x73, 0x00]

interface Envelope {
  readonly apiVersion: string
  readonly kind: string
  readonly raw: Uint8Array
}

/** `runtime.Unknown`: typeMeta, raw, contentEncoding, contentType. */
function readEnvelope(bytes: Uint8Array): Envelope {
  let type: JsonObject = {}
  let raw: Uint8Array = new Uint8Array()
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag()
    if (field === 1 && wire === WireType.LengthDelimited) type = readMessage(typeMeta, reader.bytes())
    else if (field === 2 && wire === WireType.LengthDelimited) raw = reader.bytes()
    else reader.skip(wire, field)
  }
  const { apiVersion, kind } = type
  return { apiVersion: typeof apiVersion === 'string' ? apiVersion : '', kind: typeof kind === 'string' ? kind : '', raw }
}

const typeMeta: Message = { fields: { 1: { name: 'apiVersion', type: 'text' }, 2: { name: 'kind', type: 'text' } } }

type Fields = Record<string, Json | undefined>

/** What goes on from field to field is made in place: a body of three megabytes may have a million entries. */
interface Draft {
  readonly object: Fields
  readonly lists: Map<string, Json[]>
  readonly maps: Map<string, Fields>
}

function readMessage({ fields }: Message, bytes: Uint8Array): JsonObject {
  const draft: Draft = { object: {}, lists: new Map(), maps: new Map() }
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag()
    const field = Object.hasOwn(fields, number) ? fields[number] : undefined
    if (field === undefined) reader.skip(wire, number)
    else readField(draft, field, reader, wire)
  }
  return draft.object
}

/** Zero values say nothing, as in the JSON that Go writes. */
function readField(
  { object, lists, maps }: Draft,
  { name, type, many, explicit }: MessageField,
  reader: BinaryReader,
  wire: WireType,
): void {
  if (many === 'map') {
    const { key, value } = readEntry(type, reader, wire)
    const map = maps.get(name) ?? {}
    setField(map, key, value)
    maps.set(name, map)
    object[name] = map
    return
  }
  const value = readValue(type, reader, wire)
  if (many === 'list') {
    const list = lists.get(name) ?? []
    list.push(value ?? {})
    lists.set(name, list)
    object[name] = list
  } else if (value !== undefined && (explicit || !isZero(value))) object[name] = value
}

function readEntry(type: FieldType, reader: BinaryReader, wire: WireType): { readonly key: string; readonly value: Json } {
  if (wire !== WireType.LengthDelimited) throw new ProtobufProblem(`proto: wrong wireType = ${wire}`)
  const entry = new BinaryReader(reader.bytes())
  let key = ''
  let value: Json | undefined
  while (entry.pos < entry.len) {
    const [number, wire] = entry.tag()
    if (number === 1 && wire === WireType.LengthDelimited) key = entry.string()
    else if (number === 2) value = readValue(type, entry, wire)
    else entry.skip(wire, number)
  }
  return { key, value: value ?? '' }
}

function readValue(type: FieldType, reader: BinaryReader, wire: WireType): Json | undefined {
  const wanted = type === 'integer' || type === 'flag' ? WireType.Varint : WireType.LengthDelimited
  if (wire !== wanted) throw new ProtobufProblem(`proto: wrong wireType = ${wire}`)
  if (type === 'text') return reader.string()
  if (type === 'flag') return reader.bool()
  if (type === 'integer') return Number(reader.int64())
  if (type === 'bytes') return Buffer.from(reader.bytes()).toString('base64')
  const bytes = reader.bytes()
  if (type === 'time') return readTime(bytes)
  if (type === 'int-or-string') return readIntOrString(bytes)
  return readMessage(type, bytes)
}

function readTime(bytes: Uint8Array): Json | undefined {
  const { seconds } = readMessage({ fields: { 1: { name: 'seconds', type: 'integer' } } }, bytes)
  if (typeof seconds !== 'number' || Math.abs(seconds) > 8_640_000_000_000) return undefined
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}

function readIntOrString(bytes: Uint8Array): Json {
  const fields = {
    1: { name: 'type', type: 'integer' },
    2: { name: 'number', type: 'integer' },
    3: { name: 'text', type: 'text' },
  } as const
  const { type, number, text } = readMessage({ fields }, bytes)
  return type === 1 ? (text ?? '') : (number ?? 0)
}

function isZero(value: Json): boolean {
  if (value === '' || value === 0 || value === false) return true
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
}
