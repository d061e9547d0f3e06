// Calls the kernel for sockets of Node, past its streams, whose way for each write costs more than the system call itself.
import type { Server, Socket } from 'node:net'
import koffi from 'koffi'

/** How many of the bytes the kernel took; 0 also where it takes none, and where the socket is in a state that Node's own write will tell of. */
export interface SocketSend {
  readonly now: (descriptor: number, bytes: Uint8Array, start: number, end: number) => number
  /** As `now`, of bytes whose buffer begins at this address, which is quicker; see `addressOf`. */
  readonly at: (descriptor: number, address: number, start: number, end: number) => number
  /** Has every connection that this listening socket takes send small messages at once (TCP_NODELAY is inherited). False: each has to be told. */
  readonly inheritNoDelay: (descriptor: number) => boolean
  /** Sends FIN (`shutdown`): nothing may be waiting in Node's queue. */
  readonly finish: (descriptor: number) => void
  /** Of a buffer outside of the heap that lives as long as the address is used. 0: not known. */
  readonly addressOf: (buffer: Uint8Array) => number
}

/** linux/socket.h: a peer that is gone raises no signal, and a full socket is no reason to wait. */
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
/** sys/socket.h */
const SHUT_WR = 1
/** netinet/tcp.h */
const IPPROTO_TCP = 6
const TCP_NODELAY = 1

type SetOption = (descriptor: number, level: number, option: number, value: Uint8Array, length: number) => number

let loaded: SocketSend | undefined

/** Where the C library cannot be called nothing is ever taken, and everything goes by Node's streams. */
export const noSocketSend: SocketSend = {
  now: () => 0,
  at: () => 0,
  inheritNoDelay: () => false,
  finish: () => undefined,
  addressOf: () => 0,
}

export function loadSocketSend(): SocketSend {
  loaded ??= load() ?? noSocketSend
  return loaded
}

function load(): SocketSend | undefined {
  try {
    const library = koffi.load('libc.so.6')
    const send = library.func('long send(int, void *, size_t, int)') as (
      fd: number,
      bytes: Uint8Array,
      length: number,
      flags: number,
    ) => number
    const sendAt = library.func('long send(int, uintptr_t, size_t, int)') as (
      fd: number,
      at: number,
      length: number,
      flags: number,
    ) => number
    const shutdown = library.func('int shutdown(int, int)') as (fd: number, how: number) => number
    const setsockopt = library.func('int setsockopt(int, int, int, void *, uint32_t)') as SetOption
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL
    return {
      now: (descriptor, bytes, start, end) =>
        Math.max(0, send(descriptor, start === 0 ? bytes : bytes.subarray(start, end), end - start, flags)),
      at: (descriptor, address, start, end) => Math.max(0, sendAt(descriptor, address + start, end - start, flags)),
      inheritNoDelay: (descriptor) => setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, new Uint8Array([1, 0, 0, 0]), 4) === 0,
      finish: (descriptor) => void shutdown(descriptor, SHUT_WR),
      addressOf: (buffer) => Number(koffi.address(buffer)),
    }
  } catch {
    return undefined
  }
}

/** The number of a socket that is connected; -1: it has none. */
export function descriptorOf(socket: Socket | Server): number {
  const handle: unknown = Reflect.get(socket, '_handle')
  if (typeof handle !== 'object' || handle === null) return -1
  const fd: unknown = Reflect.get(handle, 'fd')
  return typeof fd === 'number' ? fd : -1
}
