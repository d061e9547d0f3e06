// Makes messages that are read from their bytes when somebody first looks into them: of ten thousand clusters that were good once, few are ever used.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { emptyMessage } from './create.ts'
import { decode } from './decode.ts'

const waiting = new WeakMap<object, Uint8Array>()

/** Nobody has looked into it yet. */
export function isUnread(message: object): boolean {
  return waiting.has(message)
}

/** Looks into it, for whoever does not ask for its fields by name. */
export function readNow(message: { readonly $typeName: string }): void {
  if (!waiting.has(message)) return
  for (const name in message) if (name !== '$typeName') return void Reflect.get(message, name)
}

/** As `decode`, later: bytes that are no such message throw when they are looked into. */
export function decodeLazily<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  const message: object = Object.create(prototypeOf(schema))
  waiting.set(message, bytes)
  // It answers like a message of the schema.
  return message as MessageShape<D>
}

const prototypes = new WeakMap<DescMessage, object>()

function prototypeOf(schema: DescMessage): object {
  const known = prototypes.get(schema)
  if (known !== undefined) return known
  const made = Object.create(Object.prototype, { $typeName: { value: schema.typeName, enumerable: true } })
  for (const { localName } of schema.members) {
    Object.defineProperty(made, localName, {
      enumerable: true,
      configurable: true,
      get(this: object) {
        read(this, schema)
        return Reflect.get(this, localName)
      },
    })
  }
  prototypes.set(schema, made)
  return made
}

/** From now on it is as if it had been read at the beginning. */
function read(message: object, schema: DescMessage): void {
  const bytes = waiting.get(message)
  if (bytes === undefined) return
  const whole = decode(schema, bytes)
  waiting.delete(message)
  Object.setPrototypeOf(message, Object.getPrototypeOf(emptyMessage(schema)))
  Object.assign(message, whole)
}
