// Carries bytes over `node:net` past Node's streams where that is possible: one read buffer for all sockets, and writes that reach the kernel together.
import { type Server, Socket, type SocketConstructorOpts } from 'node:net'
import { type Address, formatAddress, SallyportError } from '../base/index.ts'
import type { Target } from '../runtime/index.ts'
import { addressOf, connectSocket } from './dial-socket.ts'
import { type Sendable, SendQueue } from './send-queue.ts'
import { descriptorOf, loadSocketSend } from './socket-send.ts'
import { dialTls } from './tls-wire.ts'
import { acceptTls } from './tls-accept.ts'
import {
  type Dialling,
  type DialHandler,
  type DialOptions,
  nobody,
  type SecureHandler,
  type ServerTlsSetup,
  type Transport,
  type Wire,
  type WireHandler,
} from './transport.ts'

const SHARED_BYTES = 65_536
const PRIVATE_BYTES = 262_144
/** Private buffers at one time: 32 MB. */
const PRIVATE_COUNT = 128
/** Without a read for so long, a buffer is given back. */
const RECLAIM_MS = 2000
/** Bytes that may wait for one slow peer before its source is paused. */
const WATERMARK = 262_144
/** What is larger gains nothing by waiting for others. */
const HELD_BYTES = 16_384
/** What Node's own write queue calls full: above it a `drain` event is certain, which `lend` relies on. */
const NODE_WATERMARK = 16_384

export function createPortableTransport(reclaimMs = RECLAIM_MS): Transport {
  return new PortableTransport(reclaimMs)
}

class PortableTransport implements Transport {
  readonly shared = Buffer.allocUnsafeSlow(SHARED_BYTES)
  readonly kernel = loadSocketSend()
  readonly queue = new SendQueue(this.kernel.addressOf)
  readonly #reclaimMs: number
  readonly #promoted = new Set<PortableWire>()
  #isSweeping = false

  constructor(reclaimMs: number) {
    this.#reclaimMs = reclaimMs
  }

  mayPromote(wire: PortableWire): boolean {
    if (this.#promoted.size >= PRIVATE_COUNT) return false
    this.#promoted.add(wire)
    if (!this.#isSweeping) this.#sweepLater()
    return true
  }

  demoted(wire: PortableWire): void {
    this.#promoted.delete(wire)
  }

  #sweepLater(): void {
    this.#isSweeping = true
    setTimeout(() => {
      this.#isSweeping = false
      this.#reclaim()
    }, this.#reclaimMs).unref()
  }

  /** A connection that was bulk and is silent now gives its buffer back: what idles costs no memory, and others may have it. */
  #reclaim(): void {
    for (const wire of Array.from(this.#promoted)) if (!wire.wasRead()) wire.demote()
    if (this.#promoted.size > 0) this.#sweepLater()
  }

  dial(target: Target, handler: DialHandler, options: DialOptions = {}): Dialling {
    if (options.tls) return dialTls(target, handler, { ...options, tls: options.tls })
    const wire = new PortableWire(this, options.onGone)
    const socket = new Socket(wire.socketOptions(undefined))
    wire.attach(socket)
    const onFail = (error: Error): void => {
      socket.removeListener('connect', onConnect)
      handler.onFail(error)
    }
    const onConnect = (): void => {
      socket.removeListener('error', onFail)
      wire.connected(options)
      wire.guard(() => handler.onConnect(wire))
    }
    socket.once('error', onFail)
    socket.once('connect', onConnect)
    connectSocket(socket, target, options)
    return {
      cancel: () => {
        socket.removeListener('error', onFail)
        socket.removeListener('connect', onConnect)
        wire.close()
      },
    }
  }

  endTls(wire: Wire, first: Uint8Array, setup: ServerTlsSetup, handler: SecureHandler): Dialling {
    if (!(wire instanceof PortableWire)) throw new SallyportError('SLP0001', 'TLS can only end on a plain connection')
    return acceptTls(wire.release(), first, setup, handler)
  }

  /**
   * Node offers no way to give accepted sockets a read buffer, so the handle's callback is taken over; what
   * `net.Server` does besides (counting connections, `connection` events) is not wanted here.
   */
  adopt(server: Server, onWire: (wire: Wire, socket: Socket) => void): void {
    const handle = handleOf(server)
    if (handle === undefined || !('onconnection' in handle)) {
      throw new SallyportError('SLP0301', 'the listening socket has no handle that connections can be taken from', {
        fix: 'hand over a server that is listening, and run a Node.js version that Sallyport supports',
      })
    }
    const isUndelayed = this.kernel.inheritNoDelay(descriptorOf(server))
    Reflect.set(handle, 'onconnection', (status: number, accepted: unknown) => {
      if (status !== 0 || typeof accepted !== 'object' || accepted === null) return
      const wire = new PortableWire(this)
      const socket = new Socket(wire.socketOptions(accepted))
      if (!isUndelayed) socket.setNoDelay(true)
      wire.attach(socket)
      wire.guard(() => onWire(wire, socket))
    })
  }
}

function handleOf(owner: Server): object | undefined {
  const handle: unknown = Reflect.get(owner, '_handle')
  return typeof handle === 'object' && handle !== null ? handle : undefined
}

/** `handle` is how Node itself makes a socket of an accepted connection; the type definitions leave it out. */
function handleOption(handle: object | undefined): SocketConstructorOpts & { readonly handle?: object } {
  return handle === undefined ? {} : { handle, readable: true, writable: true }
}

class PortableWire implements Wire, Sendable {
  handler: WireHandler = nobody
  readonly principal = undefined
  readonly ownPrincipal = undefined
  ended = false
  closed = false
  readonly #transport: PortableTransport
  readonly #onGone: (() => void) | undefined
  #isConnected = false
  #socket = unattached
  /** Of the socket, while it is connected. */
  #descriptor = -1
  /** Bytes that leave at the end of the turn. */
  #held = 0
  #private: Buffer | undefined
  /** The buffer that the socket reads into. */
  #reading: Uint8Array | undefined
  #isPaused = false
  #wasRead = false
  #error: Error | undefined
  #local: Address | undefined
  #localText: string | undefined
  #remote: Address | undefined

  constructor(transport: PortableTransport, onGone?: () => void) {
    this.#transport = transport
    this.#onGone = onGone
  }

  socketOptions(handle: object | undefined): SocketConstructorOpts {
    const onread = {
      buffer: () => this.#nextBuffer(),
      callback: (length: number, bytes: Uint8Array) => {
        this.#read(length, bytes)
        return true
      },
    }
    return { ...handleOption(handle), allowHalfOpen: true, onread, writableHighWaterMark: NODE_WATERMARK } as SocketConstructorOpts
  }

  /** Asked after each read. Nothing at all, where it is the same as before, spares Node the looking into it. */
  #nextBuffer(): Uint8Array | undefined {
    const next = this.#private ?? this.#transport.shared
    if (next === this.#reading) return undefined
    this.#reading = next
    return next
  }

  attach(socket: Socket): void {
    this.#socket = socket
    if (!socket.connecting) this.#descriptor = descriptorOf(socket)
    socket.on('end', () => {
      this.ended = true
      this.guard(() => this.handler.onEnd())
    })
    socket.on('drain', () => {
      this.guard(() => this.handler.onDrain())
    })
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.on('close', () => this.#onClosed())
  }

  /** A connection that was dialled is made. */
  connected({ preamble }: DialOptions): void {
    this.#isConnected = true
    if (preamble) this.#socket.write(preamble)
    this.#descriptor = descriptorOf(this.#socket)
  }

  get local(): Address | undefined {
    this.#local ??= addressOf(this.#socket.localAddress, this.#socket.localPort)
    return this.#local
  }

  get localText(): string | undefined {
    this.#localText ??= this.local && formatAddress(this.local)
    return this.#localText
  }

  get remote(): Address | undefined {
    this.#remote ??= addressOf(this.#socket.remoteAddress, this.#socket.remotePort)
    return this.#remote
  }

  get pending(): number {
    return this.#socket.writableLength + this.#held
  }

  get isPrivate(): boolean {
    return this.#private !== undefined
  }

  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (start === end || !this.#socket.writable) return true
    if (end - start < HELD_BYTES && this.#hold(bytes, start, end)) return true
    this.#letGo()
    return this.#sendCopy(bytes, start, end)
  }

  lend(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < NODE_WATERMARK) return this.send(bytes, start, end)
    if (!this.#socket.writable) return true
    this.#letGo()
    const from = this.#sendNow(bytes, start, end)
    if (end - from < NODE_WATERMARK) return this.#sendCopy(bytes, from, end)
    this.#socket.write(bytes.subarray(from, end))
    return this.#socket.writableLength === 0
  }

  sendHeld(bytes: Uint8Array, address: number, start: number, end: number): void {
    this.#held -= end - start
    const socket = this.#socket
    if (!socket.writable) return
    // Whatever goes wrong here is this connection's, and the others' bytes leave all the same.
    try {
      const isDirect = address !== 0 && socket.writableLength === 0
      const from = isDirect ? start + this.#transport.kernel.at(this.#descriptor, address, start, end) : start
      if (from < end) this.#sendCopy(bytes, from, end)
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** False: there is no room for it, or others wait before it in Node's queue. */
  #hold(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#descriptor < 0 || this.#socket.writableLength > 0) return false
    if (!this.#transport.queue.add(this, bytes, start, end)) return false
    this.#held += end - start
    return true
  }

  /** What was held back leaves before anything else happens here. */
  #letGo(): void {
    if (this.#held > 0) this.#transport.queue.flush()
  }

  #sendCopy(bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#sendNow(bytes, start, end)
    if (from === end) return true
    // libuv keeps a reference to what the kernel does not take at once, and the next read of any socket overwrites the shared buffer.
    const copy = Buffer.allocUnsafe(end - from)
    copy.set(bytes.subarray(from, end), 0)
    this.#socket.write(copy)
    return this.#socket.writableLength < WATERMARK
  }

  /** How far the kernel took it. While bytes wait in Node's queue, others must not overtake them. */
  #sendNow(bytes: Uint8Array, start: number, end: number): number {
    if (this.#descriptor < 0 || this.#socket.writableLength > 0) return start
    return start + this.#transport.kernel.now(this.#descriptor, bytes, start, end)
  }

  finish(): void {
    this.#letGo()
    if (this.#socket.writable) this.#socket.end()
  }

  /** Its socket is another's from now on: this one hears and says nothing any more. */
  release(): Socket {
    this.#letGo()
    this.demote()
    this.#descriptor = -1
    this.closed = true
    this.handler = nobody
    return this.#socket
  }

  close(): void {
    this.#letGo()
    this.#socket.destroy()
  }

  reset(): void {
    if (this.closed || this.#socket.destroyed) return
    this.#letGo()
    // Only TCP knows RST; a peer that is gone already needs none. While its FIN is on the way a socket has none either: libuv refuses, and Node then never closes it.
    const isFinishing = this.#socket.writableEnded && !this.#socket.writableFinished
    if (this.remote === undefined || isFinishing) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (!this.closed && !this.#socket.destroyed) this.#socket.resume()
  }

  promote(): void {
    if (this.#private !== undefined || this.closed || !this.#transport.mayPromote(this)) return
    this.#private = Buffer.allocUnsafeSlow(PRIVATE_BYTES)
    this.#wasRead = true
  }

  demote(): void {
    if (this.#private === undefined) return
    this.#transport.demoted(this)
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
      this.#socket.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #read(length: number, bytes: Uint8Array): void {
    // `onread` hands back the very buffer it was given, and ours are Buffers.
    if (!Buffer.isBuffer(bytes)) return
    this.#wasRead = true
    try {
      this.handler.onData(bytes, 0, length)
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #onClosed(): void {
    if (this.closed) return
    this.closed = true
    this.demote()
    const handler = this.handler
    this.handler = nobody
    handler.onClose(this.#error)
    if (this.#isConnected) this.#onGone?.()
  }
}

/** Stands in until `attach`, which follows at once. */
const unattached = new Socket()
