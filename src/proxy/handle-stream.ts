// Drives a TCP connection by Node's own handle of it: the `net.Socket` that usually stands around one costs more than all of a connection's system calls.
import { Socket } from 'node:net'
import { getSystemErrorName } from 'node:util'
import { type Address, familyOf } from '../base/index.ts'
import type { ByteStream, StreamConnect, StreamOwner } from './byte-stream.ts'
import { addressOf } from './dial-socket.ts'
import type { SocketSend } from './socket-send.ts'

/** As libuv numbers what it reads in the place of bytes. */
const UV_EOF = -4095
/** `TCP.SOCKET`: a connection, not a listening socket. */
const SOCKET = 0

/** What Node keeps to itself of a TCP connection; the same in all versions from 12 on. */
interface TcpHandle {
  readonly fd: number
  onread: (this: TcpHandle) => Uint8Array | undefined
  /** Ours: whose it is. */
  stream?: HandleStream
  readStart(): number
  readStop(): number
  useUserBuffer(buffer: Uint8Array): void
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number
  connect(request: ConnectRequest, ip: string, port: number): number
  connect6(request: ConnectRequest, ip: string, port: number): number
  setNoDelay(isOn: boolean): number
  setKeepAlive(isOn: boolean, seconds: number): number
  getsockname(name: SocketName): number
  getpeername(name: SocketName): number
  close(onClosed: () => void): void
  reset(onClosed: () => void): number
}

interface SocketName {
  address?: string
  port?: number
}

interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void
  stream: HandleStream
  /** Kept for as long as the kernel has not taken them. */
  bytes: Uint8Array
}

interface ConnectRequest {
  oncomplete: (status: number) => void
}

interface Handles {
  readonly TCP: new (type: number) => TcpHandle
  readonly TCPConnectWrap: new () => ConnectRequest
  readonly WriteWrap: new () => WriteRequest
  /** What the last call had to say besides its result. */
  readonly state: Int32Array
  /** Where in `state` the bytes of a read, or what came in their place, are. */
  readonly readAt: number
  /** Where it says whether a write goes on after its call. */
  readonly asyncAt: number
}

let loaded: Handles | undefined

/** Undefined: this Node does not show its handles, and `net.Socket` has to do. */
export function loadHandles(): Handles | undefined {
  loaded ??= load()
  return loaded
}

function load(): Handles | undefined {
  try {
    const binding: unknown = Reflect.get(process, 'binding')
    if (typeof binding !== 'function') return undefined
    const { TCP, TCPConnectWrap } = Reflect.apply(binding, process, ['tcp_wrap']) as Handles
    const streams = Reflect.apply(binding, process, ['stream_wrap']) as Record<string, unknown>
    const { WriteWrap, streamBaseState: state, kReadBytesOrError: readAt, kLastWriteWasAsync: asyncAt } = streams
    const isWhole = state instanceof Int32Array && typeof readAt === 'number' && typeof asyncAt === 'number'
    if (!isWhole || typeof WriteWrap !== 'function' || typeof TCPConnectWrap !== 'function') return undefined
    if (methods.some((name) => typeof Reflect.get(TCP.prototype as object, name) !== 'function')) return undefined
    return { TCP, TCPConnectWrap, WriteWrap: WriteWrap as Handles['WriteWrap'], state, readAt, asyncAt }
  } catch {
    return undefined
  }
}

const methods = ['readStart', 'readStop', 'useUserBuffer', 'writeBuffer', 'connect', 'connect6', 'close', 'reset', 'getpeername']

/** A connection that was accepted, as Node's listening handle gives it. */
export function acceptedStream(handles: Handles, kernel: SocketSend, accepted: object, owner: StreamOwner): ByteStream {
  const stream = new HandleStream(handles, kernel, accepted as TcpHandle, owner)
  stream.begin()
  return stream
}

/** `listener` is told once, unless the stream is destroyed before. */
export function connectStream(
  { handles, kernel, owner }: { readonly handles: Handles; readonly kernel: SocketSend; readonly owner: StreamOwner },
  target: Address,
  keepAliveMs: number | undefined,
  listener: StreamConnect,
): ByteStream {
  const stream = new HandleStream(handles, kernel, new handles.TCP(SOCKET), owner)
  stream.connect(target, keepAliveMs, listener)
  return stream
}

class HandleStream implements ByteStream {
  descriptor = -1
  isWritable = true
  unsent = 0
  readonly #handles: Handles
  readonly #kernel: SocketSend
  readonly #handle: TcpHandle
  readonly #owner: StreamOwner
  #reading: Uint8Array | undefined
  #isReading = false
  #isPaused = false
  #isDestroyed = false
  #hasEnded = false
  #isFinished = false
  #error: Error | undefined

  constructor(handles: Handles, kernel: SocketSend, handle: TcpHandle, owner: StreamOwner) {
    this.#handles = handles
    this.#kernel = kernel
    this.#handle = handle
    this.#owner = owner
  }

  /** It is connected: reading starts. */
  begin(): void {
    const handle = this.#handle
    this.descriptor = handle.fd
    handle.stream = this
    handle.onread = onRead
    const buffer = this.#owner.nextBuffer()
    this.#reading = buffer
    if (buffer) handle.useUserBuffer(buffer)
    this.#readStart()
  }

  connect({ ip, port }: Address, keepAliveMs: number | undefined, listener: StreamConnect): void {
    const request = new this.#handles.TCPConnectWrap()
    request.oncomplete = (status) => {
      if (this.#isDestroyed) return
      if (status !== 0) return this.#failToConnect(status, listener)
      this.#handle.setNoDelay(true)
      if (keepAliveMs !== undefined) this.#handle.setKeepAlive(true, Math.trunc(keepAliveMs / 1000))
      this.descriptor = this.#handle.fd
      listener.onConnect()
      if (!this.#isDestroyed) this.begin()
    }
    const handle = this.#handle
    const status = familyOf(ip) === 4 ? handle.connect(request, ip, port) : handle.connect6(request, ip, port)
    // Whoever asked has not heard yet what it can cancel.
    if (status !== 0) process.nextTick(() => this.#isDestroyed || this.#failToConnect(status, listener))
  }

  get local(): Address | undefined {
    const name: SocketName = {}
    return this.descriptor < 0 || this.#handle.getsockname(name) !== 0 ? undefined : addressOf(name.address, name.port)
  }

  get remote(): Address | undefined {
    const name: SocketName = {}
    return this.descriptor < 0 || this.#handle.getpeername(name) !== 0 ? undefined : addressOf(name.address, name.port)
  }

  write(bytes: Uint8Array): void {
    if (this.#isDestroyed) return
    const { WriteWrap, state, asyncAt } = this.#handles
    const request = new WriteWrap()
    request.oncomplete = onWritten
    request.stream = this
    request.bytes = bytes
    const status = this.#handle.writeBuffer(request, bytes)
    if (status !== 0) return this.destroy(errorOf('write', status))
    if (state[asyncAt] !== 0) this.unsent += bytes.length
  }

  /** The kernel has taken what it had not taken at once. */
  onWritten(length: number, status: number): void {
    this.unsent -= length
    if (this.#isDestroyed) return
    if (status !== 0) return this.destroy(errorOf('write', status))
    if (this.unsent > 0) return
    if (!this.isWritable) this.#sendFin()
    this.#owner.onDrain()
  }

  end(): void {
    if (!this.isWritable) return
    this.isWritable = false
    if (this.unsent === 0) this.#sendFin()
  }

  /** Where the peer's FIN has come already, letting go sends ours. */
  #sendFin(): void {
    this.#isFinished = true
    if (this.#hasEnded) return this.destroy()
    this.#kernel.finish(this.descriptor)
  }

  destroy(error?: Error): void {
    if (!this.#leave(error)) return
    this.#handle.close(() => this.#owner.onClosed(this.#error))
  }

  reset(): void {
    if (!this.#leave()) return
    const onClosed = (): void => this.#owner.onClosed(this.#error)
    if (this.#handle.reset(onClosed) !== 0) this.#handle.close(onClosed)
  }

  /** False: it has been let go of. */
  #leave(error?: Error): boolean {
    if (this.#isDestroyed) return false
    this.#error = error
    this.#isDestroyed = true
    this.isWritable = false
    this.descriptor = -1
    return true
  }

  pause(): void {
    this.#isPaused = true
    if (!this.#isReading) return
    this.#isReading = false
    this.#handle.readStop()
  }

  resume(): void {
    this.#isPaused = false
    if (this.#reading) this.#readStart()
  }

  release(): Socket {
    this.pause()
    this.#isDestroyed = true
    this.isWritable = false
    this.descriptor = -1
    // How Node itself makes a socket of an accepted connection; the type definitions leave it out.
    const options = { handle: this.#handle, allowHalfOpen: true, manualStart: true, readable: true, writable: true }
    return new Socket(options)
  }

  /** A read has ended. Returns where the next one goes, if elsewhere. */
  onRead(): Uint8Array | undefined {
    const length = this.#handles.state[this.#handles.readAt] ?? 0
    const bytes = this.#reading
    if (length > 0 && bytes) {
      this.#owner.onRead(bytes, length)
      const next = this.#owner.nextBuffer()
      if (next) this.#reading = next
      return next
    }
    if (length === UV_EOF) this.#onEof()
    else if (length < 0) this.destroy(errorOf('read', length))
    return undefined
  }

  #onEof(): void {
    this.#isReading = false
    this.#hasEnded = true
    this.#owner.onEnd()
    if (this.#isFinished) this.destroy()
  }

  #readStart(): void {
    if (this.#isReading || this.#isPaused || this.#hasEnded || this.#isDestroyed) return
    this.#isReading = true
    const status = this.#handle.readStart()
    if (status !== 0) this.destroy(errorOf('read', status))
  }

  #failToConnect(status: number, listener: StreamConnect): void {
    this.#leave()
    // Nobody was told of it, so that nobody hears of its end.
    this.#handle.close(() => undefined)
    listener.onFail(errorOf('connect', status))
  }
}

function onRead(this: TcpHandle): Uint8Array | undefined {
  return this.stream?.onRead()
}

function onWritten(this: WriteRequest, status: number): void {
  this.stream.onWritten(this.bytes.length, status)
}

/** As Node's own errors are: `code` is what others look at. */
function errorOf(call: string, status: number): Error {
  const code = getSystemErrorName(status)
  return Object.assign(new Error(`${call} ${code}`), { code, errno: status, syscall: call })
}
