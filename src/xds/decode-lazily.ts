// Makes messages that are read from their bytes when somebody first looks into them: of ten thousand clusters that were good once, few are ever used.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { emptyMessage } from './create.ts'
import { decode } from './decode.ts'

/** Where a message keeps the bytes that nobody has looked into: there are too many for a map of all. */
const waiting = Symbol('bytes that were not read')

/** Nobody has looked into it yet. */
export function isUnread(message: object): boolean {
  return bytesOf(message) !== undefined
}

function bytesOf(message: { readonly [waiting]?: Uint8Array | undefined }): Uint8Array | undefined {
  return message[waiting]
}

/** Looks into it, for whoever does not ask for its fields by name. */
export function readNow(message: { readonly $typeName: string }): void {
  if (!isUnread(message)) return
  for (const name in message) if (name !== '$typeName') return void Reflect.get(message, name)
}

/** As `decode`, later: bytes that are no such message throw when they are looked into. */
export function decodeLazily<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  const message: object = new (unreadOf(schema))(bytes)
  // It answers like a message of the schema.
  return message as MessageShape<D>
}

type Unread = new (bytes: Uint8Array) => { [waiting]?: Uint8Array | undefined }

const classes = new WeakMap<DescMessage, Unread>()

function unreadOf(schema: DescMessage): Unread {
  const known = classes.get(schema)
  if (known !== undefined) return known
  const Message = class {
    [waiting]: Uint8Array | undefined

    constructor(bytes: Uint8Array) {
      this[waiting] = bytes
    }
  }
  const made = Message.prototype
  Object.defineProperty(made, '$typeName', { value: schema.typeName, enumerable: true })
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
  classes.set(schema, Message)
  return Message
}

/** From now on it is as if it had been read at the beginning. */
function read(message: { [waiting]?: Uint8Array | undefined }, schema: DescMessage): void {
  const bytes = bytesOf(message)
  if (bytes === undefined) return
  const whole = decode(schema, bytes)
  delete message[waiting]
  Object.setPrototypeOf(message, Object.getPrototypeOf(emptyMessage(schema)))
  Object.assign(message, whole)
}
