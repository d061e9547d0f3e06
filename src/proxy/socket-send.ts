// Hands bytes to the kernel at once, past Node's streams, whose way for each write costs more than the system call itself.
import type { Socket } from 'node:net'
import koffi from 'koffi'

/** How many of the bytes the kernel took; 0 also where it takes none, and where the socket is in a state that Node's own write will tell of. */
export type SendNow = (descriptor: number, bytes: Uint8Array, start: number, end: number) => number

/** linux/socket.h: a peer that is gone raises no signal, and a full socket is no reason to wait. */
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000

type Send = (descriptor: number, bytes: Uint8Array, length: number, flags: number) => number

let loaded: SendNow | undefined

/** Where the C library cannot be called nothing is ever taken, and everything goes by Node's streams. */
export function loadSendNow(): SendNow {
  loaded ??= load()
  return loaded
}

function load(): SendNow {
  let send: Send
  try {
    send = koffi.load('libc.so.6').func('long send(int, void *, size_t, int)') as Send
  } catch {
    return () => 0
  }
  return (descriptor, bytes, start, end) => {
    const piece = start === 0 ? bytes : bytes.subarray(start, end)
    const taken = send(descriptor, piece, end - start, MSG_DONTWAIT | MSG_NOSIGNAL)
    return taken > 0 ? taken : 0
  }
}

/** The number of a socket that is connected; -1: it has none. */
export function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle')
  if (typeof handle !== 'object' || handle === null) return -1
  const fd: unknown = Reflect.get(handle, 'fd')
  return typeof fd === 'number' ? fd : -1
}
