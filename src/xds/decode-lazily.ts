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
export function readNow(message: object): void {
  if (!isUnread(message)) return
  for (const name in message) {
    if (name !== '$typeName') Reflect.get(message, name)
    if (!isUnread(message)) return
  }
}

/** As `decode`, later: bytes that are no such message throw when they are looked into. What is `known` of it already can be asked for without that. */
export function decodeLazily<D extends DescMessage>(schema: D, bytes: Uint8Array, known?: Partial<MessageShape<D>>): MessageShape<D> {
  const message: object = new (unreadOf(schema))(bytes)
  if (known !== undefined)
    for (const name in known)
      Object.defineProperty(message, name, { value: known[name], enumerable: true, configurable: true, writable: true })
  // It answers like a message of the schema.
  return message as MessageShape<D>
}

/** Puts off one long list of a message that has been read without it. */
export function readListLater<M extends object, K extends keyof M>(message: M, name: K, read: () => M[K]): void {
  const unread: { [waiting]?: Uint8Array | undefined } = message
  unread[waiting] = nothing
  Object.defineProperty(message, name, {
    enumerable: true,
    configurable: true,
    get() {
      const value = read()
      delete unread[waiting]
      Object.defineProperty(message, name, { value, enumerable: true, configurable: true, writable: true })
      return value
    },
  })
}

const nothing = new Uint8Array()

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
