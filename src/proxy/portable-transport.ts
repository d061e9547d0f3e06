// Carries bytes over Node's sockets past Node's streams: one read buffer for all of them, and writes that reach the kernel together.
import type { Server } from 'node:net'
import { SallyportError } from '../base/index.ts'
import type { Target } from '../runtime/index.ts'
import type { StreamConnect } from './byte-stream.ts'
import { acceptedStream, connectStream, loadHandles } from './handle-stream.ts'
import { PortableWire, type WireShare } from './portable-wire.ts'
import { SendQueue } from './send-queue.ts'
import { descriptorOf, loadSocketSend, noSocketSend } from './socket-send.ts'
import { acceptedSocketStream, connectSocketStream } from './socket-stream.ts'
import { dialTls } from './tls-wire.ts'
import { acceptTls } from './tls-accept.ts'
import type { Dialling, DialHandler, DialOptions, SecureHandler, ServerTlsSetup, Transport, Wire } from './transport.ts'

const SHARED_BYTES = 65_536
/** Private buffers at one time: 32 MB. */
const PRIVATE_COUNT = 128
/** Without a read for so long, a buffer is given back. */
const RECLAIM_MS = 2000

export interface PortableOptions {
  readonly reclaimMs?: number
  /** `socket`: as where Node does not show its handles. */
  readonly by?: 'handle' | 'socket'
}

export function createPortableTransport(options: PortableOptions = {}): Transport {
  return new PortableTransport(options)
}

class PortableTransport implements Transport, WireShare {
  readonly shared = Buffer.allocUnsafeSlow(SHARED_BYTES)
  readonly kernel = loadSocketSend()
  readonly queue = new SendQueue(this.kernel.addressOf)
  readonly #handles: ReturnType<typeof loadHandles>
  readonly #reclaimMs: number
  readonly #promoted = new Set<PortableWire>()
  #isSweeping = false

  constructor({ reclaimMs = RECLAIM_MS, by = 'handle' }: PortableOptions) {
    this.#reclaimMs = reclaimMs
    this.#handles = by === 'socket' || this.kernel === noSocketSend ? undefined : loadHandles()
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
    const listener: StreamConnect = {
      onConnect: () => {
        wire.connected(options)
        wire.guard(() => handler.onConnect(wire))
      },
      onFail: (error) => handler.onFail(error),
    }
    const handles = this.#handles
    const { kernel } = this
    wire.stream =
      handles === undefined || 'pipe' in target
        ? connectSocketStream(wire, target, options.keepAliveMs, listener)
        : connectStream({ handles, kernel, owner: wire }, target, options.keepAliveMs, listener)
    return { cancel: () => wire.close() }
  }

  endTls(wire: Wire, first: Uint8Array, setup: ServerTlsSetup, handler: SecureHandler): Dialling {
    if (!(wire instanceof PortableWire)) throw new SallyportError('SLP0001', 'TLS can only end on a plain connection')
    return acceptTls(wire.release(), first, setup, handler)
  }

  /**
   * Node offers no way to give accepted sockets a read buffer, so the handle's callback is taken over; what
   * `net.Server` does besides (counting connections, `connection` events) is not wanted here.
   */
  adopt(server: Server, onWire: (wire: Wire, descriptor: number) => void): void {
    const handle = handleOf(server)
    if (handle === undefined || !('onconnection' in handle)) {
      throw new SallyportError('SLP0301', 'the listening socket has no handle that connections can be taken from', {
        fix: 'hand over a server that is listening, and run a Node.js version that Sallyport supports',
      })
    }
    const isUndelayed = this.kernel.inheritNoDelay(descriptorOf(server))
    // A listening Unix socket gives handles of another kind, whose connections know nothing of delays.
    const handles = isUndelayed ? this.#handles : undefined
    Reflect.set(handle, 'onconnection', (status: number, accepted: unknown) => {
      if (status !== 0 || typeof accepted !== 'object' || accepted === null) return
      const wire = new PortableWire(this)
      const stream = handles ? acceptedStream(handles, this.kernel, accepted, wire) : acceptedSocketStream(accepted, wire, isUndelayed)
      wire.stream = stream
      wire.guard(() => onWire(wire, stream.descriptor))
    })
  }
}

function handleOf(owner: Server): object | undefined {
  const handle: unknown = Reflect.get(owner, '_handle')
  return typeof handle === 'object' && handle !== null ? handle : undefined
}
