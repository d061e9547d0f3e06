// Drives a connection by `net.Socket`: Unix sockets, and TCP where Node's own handles cannot be used.
import { Socket, type SocketConstructorOpts } from 'node:net'
import type { Address } from '../base/index.ts'
import type { Target } from '../runtime/index.ts'
import type { ByteStream, StreamConnect, StreamOwner } from './byte-stream.ts'
import { addressOf, connectSocket } from './dial-socket.ts'
import { descriptorOf } from './socket-send.ts'

/** What Node's own write queue calls full: above it a `drain` event is certain. */
const NODE_WATERMARK = 16_384

/** A connection that was accepted, as Node's listening handle gives it. */
export function acceptedSocketStream(accepted: object, owner: StreamOwner, isUndelayed: boolean): ByteStream {
  const socket = new Socket(optionsOf(owner, accepted))
  if (!isUndelayed) socket.setNoDelay(true)
  return new SocketStream(socket, owner)
}

/** `listener` is told once, unless the stream is destroyed before. */
export function connectSocketStream(
  owner: StreamOwner,
  target: Target,
  keepAliveMs: number | undefined,
  listener: StreamConnect,
): ByteStream {
  const socket = new Socket(optionsOf(owner, undefined))
  const stream = new SocketStream(socket, owner)
  const onFail = (error: Error): void => {
    socket.removeListener('connect', onConnect)
    listener.onFail(error)
  }
  const onConnect = (): void => {
    socket.removeListener('error', onFail)
    stream.descriptor = descriptorOf(socket)
    listener.onConnect()
  }
  socket.once('error', onFail)
  socket.once('connect', onConnect)
  stream.whenLeft = () => socket.removeListener('error', onFail).removeListener('connect', onConnect)
  connectSocket(socket, target, { keepAliveMs })
  return stream
}

function optionsOf(owner: StreamOwner, handle: object | undefined): SocketConstructorOpts {
  const onread = {
    // Asked after each read.
    buffer: () => owner.nextBuffer(),
    callback: (length: number, bytes: Uint8Array) => {
      owner.onRead(bytes, length)
      return true
    },
  }
  return { ...acceptedOptions(handle), allowHalfOpen: true, onread, writableHighWaterMark: NODE_WATERMARK } as SocketConstructorOpts
}

/** `handle` is how Node itself makes a socket of an accepted connection; the type definitions leave it out. */
function acceptedOptions(handle: object | undefined): SocketConstructorOpts & { readonly handle?: object } {
  return handle === undefined ? {} : { handle, readable: true, writable: true }
}

class SocketStream implements ByteStream {
  descriptor: number
  /** While it is being connected. */
  whenLeft: (() => void) | undefined
  readonly #socket: Socket
  #error: Error | undefined

  constructor(socket: Socket, owner: StreamOwner) {
    this.#socket = socket
    this.descriptor = socket.connecting ? -1 : descriptorOf(socket)
    socket.on('end', () => owner.onEnd())
    socket.on('drain', () => owner.onDrain())
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.on('close', () => owner.onClosed(this.#error))
  }

  get isWritable(): boolean {
    return this.#socket.writable
  }

  get unsent(): number {
    return this.#socket.writableLength
  }

  get local(): Address | undefined {
    return addressOf(this.#socket.localAddress, this.#socket.localPort)
  }

  get remote(): Address | undefined {
    return addressOf(this.#socket.remoteAddress, this.#socket.remotePort)
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  end(): void {
    if (this.#socket.writable) this.#socket.end()
  }

  destroy(error?: Error): void {
    this.whenLeft?.()
    this.#socket.destroy(error)
  }

  reset(): void {
    const socket = this.#socket
    if (socket.destroyed) return
    // Only TCP knows RST; a peer that is gone already needs none. While its FIN is on the way a socket has none either: libuv refuses, and Node then never closes it.
    const isFinishing = socket.writableEnded && !socket.writableFinished
    if (socket.remoteAddress === undefined || isFinishing) socket.destroy()
    else socket.resetAndDestroy()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#socket.destroyed) this.#socket.resume()
  }

  release(): Socket {
    this.descriptor = -1
    return this.#socket
  }
}
