// One plain connection as a wire: what is read goes to the owner at once, what is sent leaves together with all of the turn.
import { Socket } from 'node:net'
import { type Address, formatAddress } from '../base/index.ts'
import type { ByteStream, StreamOwner } from './byte-stream.ts'
import type { Sendable, SendQueue } from './send-queue.ts'
import type { SocketSend } from './socket-send.ts'
import { type DialOptions, nobody, type Wire, type WireHandler } from './transport.ts'

const PRIVATE_BYTES = 262_144
/** Bytes that may wait for one slow peer before its source is paused. */
const WATERMARK = 262_144
/** What is larger gains nothing by waiting for others. */
const HELD_BYTES = 16_384
/** What is smaller is copied when it is lent. */
const LENT_BYTES = 16_384

/** What all wires of one transport share. */
export interface WireShare {
  /** Where bytes are read to. */
  readonly shared: Buffer
  readonly kernel: SocketSend
  readonly queue: SendQueue
  /** Whether it may have a large buffer of its own. */
  mayPromote(wire: PortableWire): boolean
  demoted(wire: PortableWire): void
}

export class PortableWire implements Wire, Sendable, StreamOwner {
  handler: WireHandler = nobody
  readonly principal = undefined
  readonly ownPrincipal = undefined
  ended = false
  closed = false
  /** Set once, before anything else happens. */
  stream: ByteStream = noStream
  readonly #share: WireShare
  readonly #onGone: (() => void) | undefined
  #isConnected = false
  /** Bytes that leave at the end of the turn. */
  #held = 0
  #private: Buffer | undefined
  /** The buffer that is read into. */
  #reading: Uint8Array | undefined
  #isPaused = false
  #wasRead = false
  #local: Address | undefined
  #localText: string | undefined
  #remote: Address | undefined

  constructor(share: WireShare, onGone?: () => void) {
    this.#share = share
    this.#onGone = onGone
  }

  /** A connection that was dialled is made. */
  connected({ preamble }: DialOptions): void {
    this.#isConnected = true
    if (preamble) this.stream.write(preamble)
  }

  get local(): Address | undefined {
    this.#local ??= this.stream.local
    return this.#local
  }

  get localText(): string | undefined {
    this.#localText ??= this.local && formatAddress(this.local)
    return this.#localText
  }

  get remote(): Address | undefined {
    this.#remote ??= this.stream.remote
    return this.#remote
  }

  get pending(): number {
    return this.stream.unsent + this.#held
  }

  get isPrivate(): boolean {
    return this.#private !== undefined
  }

  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (start === end || !this.stream.isWritable) return true
    if (end - start < HELD_BYTES && this.#hold(bytes, start, end)) return true
    this.#letGo()
    return this.#sendCopy(bytes, start, end)
  }

  lend(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < LENT_BYTES) return this.send(bytes, start, end)
    if (!this.stream.isWritable) return true
    this.#letGo()
    const from = this.#sendNow(bytes, start, end)
    if (end - from < LENT_BYTES) return this.#sendCopy(bytes, from, end)
    this.stream.write(bytes.subarray(from, end))
    return this.stream.unsent === 0
  }

  sendHeld(bytes: Uint8Array, address: number, start: number, end: number): void {
    this.#held -= end - start
    const { stream } = this
    if (!stream.isWritable) return
    // Whatever goes wrong here is this connection's, and the others' bytes leave all the same.
    try {
      const isDirect = address !== 0 && stream.unsent === 0
      const from = isDirect ? start + this.#share.kernel.at(stream.descriptor, address, start, end) : start
      if (from < end) this.#sendCopy(bytes, from, end)
    } catch (error) {
      this.#break(error)
    }
  }

  /** False: there is no room for it, or others wait before it. */
  #hold(bytes: Uint8Array, start: number, end: number): boolean {
    const { stream } = this
    if (stream.descriptor < 0 || stream.unsent > 0) return false
    if (!this.#share.queue.add(this, bytes, start, end)) return false
    this.#held += end - start
    return true
  }

  /** What was held back leaves before anything else happens here. */
  #letGo(): void {
    if (this.#held > 0) this.#share.queue.flush()
  }

  #sendCopy(bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#sendNow(bytes, start, end)
    if (from === end) return true
    // libuv keeps a reference to what the kernel does not take at once, and the next read of any socket overwrites the shared buffer.
    const copy = Buffer.allocUnsafe(end - from)
    copy.set(bytes.subarray(from, end), 0)
    this.stream.write(copy)
    return this.stream.unsent < WATERMARK
  }

  /** How far the kernel took it. While bytes wait in Node's queue, others must not overtake them. */
  #sendNow(bytes: Uint8Array, start: number, end: number): number {
    const { descriptor, unsent } = this.stream
    if (descriptor < 0 || unsent > 0) return start
    return start + this.#share.kernel.now(descriptor, bytes, start, end)
  }

  finish(): void {
    this.#letGo()
    this.stream.end()
  }

  /** Its socket is another's from now on: this one hears and says nothing any more. */
  release(): Socket {
    this.#letGo()
    this.demote()
    this.closed = true
    this.handler = nobody
    return this.stream.release()
  }

  close(): void {
    this.#letGo()
    this.stream.destroy()
  }

  reset(): void {
    if (this.closed) return
    this.#letGo()
    this.stream.reset()
  }

  pause(): void {
    this.#isPaused = true
    this.stream.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (!this.closed) this.stream.resume()
  }

  promote(): void {
    if (this.#private !== undefined || this.closed || !this.#share.mayPromote(this)) return
    this.#private = Buffer.allocUnsafeSlow(PRIVATE_BYTES)
    this.#wasRead = true
  }

  demote(): void {
    if (this.#private === undefined) return
    this.#share.demoted(this)
    this.#private = undefined
  }

  /** Whether anything was read since the last time it was asked. A paused one waits for its peer and keeps what it has. */
  wasRead(): boolean {
    const was = this.#wasRead || this.#isPaused
    this.#wasRead = false
    return was
  }

  /** No exception leaves the event loop: it ends this one connection, and its owner hears of it. */
  guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#break(error)
    }
  }

  #break(error: unknown): void {
    this.stream.destroy(error instanceof Error ? error : new Error(String(error)))
  }

  nextBuffer(): Uint8Array | undefined {
    const next = this.#private ?? this.#share.shared
    if (next === this.#reading) return undefined
    this.#reading = next
    return next
  }

  onRead(bytes: Uint8Array, length: number): void {
    // A stream reads into the very buffer that it was given, and ours are Buffers.
    if (!Buffer.isBuffer(bytes)) return
    this.#wasRead = true
    try {
      this.handler.onData(bytes, 0, length)
    } catch (error) {
      this.#break(error)
    }
  }

  onEnd(): void {
    this.ended = true
    this.guard(() => this.handler.onEnd())
  }

  onDrain(): void {
    this.guard(() => this.handler.onDrain())
  }

  onClosed(error: Error | undefined): void {
    if (this.closed) return
    this.closed = true
    this.demote()
    const { handler } = this
    this.handler = nobody
    handler.onClose(error)
    if (this.#isConnected) this.#onGone?.()
  }
}

/** Stands in until there is one. */
const noStream: ByteStream = {
  descriptor: -1,
  isWritable: false,
  unsent: 0,
  local: undefined,
  remote: undefined,
  write: () => undefined,
  end: () => undefined,
  destroy: () => undefined,
  reset: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
  release: () => new Socket(),
}
