// Reads where a redirected connection was going from the kernel's connection tracking.
import koffi from 'koffi'
import { type Address, ipFromBytes, SallyportError } from '../base/index.ts'

/** Tells a captured connection's original destination by its descriptor; undefined = it was not redirected. */
export type DestinationOf = (descriptor: number) => Address | undefined

/** linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h */
const SO_ORIGINAL_DST = 80
const SOL_IP = 0
const SOL_IPV6 = 41
const SOCKADDR_IN_BYTES = 16
const SOCKADDR_IN6_BYTES = 28

/** One function per address family of the listening socket. */
export function createDestinationReader(family: 4 | 6): DestinationOf {
  const getsockopt = loadGetsockopt()
  const level = family === 4 ? SOL_IP : SOL_IPV6
  const size = family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES
  // Calls are synchronous, so that one pair of buffers serves them all.
  const address = Buffer.alloc(SOCKADDR_IN6_BYTES)
  const length = Buffer.alloc(4)
  return (fd) => {
    if (fd < 0) return undefined
    length.writeUInt32LE(size, 0)
    if (getsockopt(fd, level, SO_ORIGINAL_DST, address, length) !== 0) return undefined
    const ip = family === 4 ? address.subarray(4, 8) : address.subarray(8, 24)
    return { ip: ipFromBytes(ip), port: address.readUInt16BE(2) }
  }
}

type Getsockopt = (fd: number, level: number, option: number, value: Buffer, length: Buffer) => number

let loaded: Getsockopt | undefined

function loadGetsockopt(): Getsockopt {
  if (loaded) return loaded
  try {
    loaded = koffi.load('libc.so.6').func('int getsockopt(int, int, int, void *, void *)') as Getsockopt
  } catch (cause) {
    throw new SallyportError('SLP0304', 'the C library cannot be called to read original destinations', {
      fix: 'run Sallyport on Linux with glibc, and reinstall its packages (`npm ci`) if koffi is missing',
      cause,
    })
  }
  return loaded
}
