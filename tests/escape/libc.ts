// Makes system calls that Node has no name for, so that attacks and their judge can use every door the kernel has.
import koffi from 'koffi'

/** Numbers on x86-64 and on arm64; -1 where the architecture has no such call. */
const numbers = {
  read: [0, 63],
  write: [1, 64],
  close: [3, 57],
  lseek: [8, 62],
  mmap: [9, 222],
  ioctl: [16, 29],
  pwrite64: [18, 68],
  shmget: [29, 194],
  shmat: [30, 196],
  shmctl: [31, 195],
  socket: [41, 198],
  connect: [42, 203],
  sendto: [44, 206],
  recvfrom: [45, 207],
  bind: [49, 200],
  listen: [50, 201],
  setsockopt: [54, 208],
  getsockopt: [55, 209],
  kill: [62, 129],
  msgget: [68, 186],
  msgsnd: [69, 189],
  msgrcv: [70, 188],
  fcntl: [72, 25],
  ptrace: [101, 117],
  capset: [126, 91],
  prctl: [157, 167],
  mount: [165, 40],
  umount2: [166, 39],
  sethostname: [170, 161],
  init_module: [175, 105],
  mq_open: [240, 180],
  mq_timedsend: [242, 182],
  mq_timedreceive: [243, 183],
  mq_unlink: [241, 181],
  kexec_load: [246, 104],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  unshare: [272, 97],
  accept4: [288, 242],
  perf_event_open: [298, 241],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  setns: [308, 268],
  process_vm_writev: [311, 271],
  bpf: [321, 280],
  io_uring_setup: [425, 425],
  pidfd_open: [434, 434],
  pidfd_getfd: [438, 438],
} as const

export type CallName = keyof typeof numbers
export type Argument = number | bigint | Uint8Array

/** The result, or the negated errno. Bytes are passed by their address. */
export function call(name: CallName, ...args: readonly Argument[]): number {
  return callNumber(numbers[name][process.arch === 'arm64' ? 1 : 0], ...args)
}

/** For numbers of a second ABI. */
export function callNumber(number: number, ...args: readonly Argument[]): number {
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = args.map(asWord)
  const result = Number(libc().syscall(number, a, b, c, d, e, f))
  return result === -1 ? -koffi.errno() : result
}

/** `EPERM` for -1; the number itself when it is no error. */
export function nameOf(result: number): string {
  if (result >= 0) return String(result)
  return Object.entries(koffi.os.errno).find(([, number]) => number === -result)?.[0] ?? `errno ${-result}`
}

/** Where bytes lie in our own memory. */
export function addressOf(bytes: Uint8Array): bigint {
  return BigInt(koffi.address(bytes))
}

/** Memory that is shared with the kernel by a descriptor, for as long as this process lives. */
export function mapShared(fd: number, size: number): Buffer {
  const [readAndWrite, shared] = [3, 1]
  const at = call('mmap', 0, size, readAndWrite, shared, fd, 0)
  if (at < 0) throw new Error(`mmap: ${nameOf(at)}`)
  return Buffer.from(koffi.view(BigInt(at), size))
}

/** A text as C has it. */
export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`)
}

/** `struct sockaddr_in` or `sockaddr_in6`; family and port in their own byte orders. */
export function socketAddress(bytes: Uint8Array, port: number, scope = 0): Buffer {
  const isV4 = bytes.length === 4
  const address = Buffer.alloc(isV4 ? 16 : 28)
  address.writeUInt16LE(isV4 ? families.inet : families.inet6, 0)
  address.writeUInt16BE(port, 2)
  address.set(bytes, isV4 ? 4 : 8)
  if (!isV4) address.writeUInt32LE(scope, 24)
  return address
}

/** In the network namespace of the socket. */
export function interfaceIndex(fd: number, device: string): number {
  const getIndex = 0x8933
  const request = Buffer.alloc(40)
  request.write(device, 'latin1')
  return call('ioctl', fd, getIndex, request) < 0 ? 0 : request.readInt32LE(16)
}

export const families = { unix: 1, inet: 2, inet6: 10, netlink: 16, packet: 17, alg: 38, vsock: 40, smc: 43 } as const

interface Libc {
  readonly syscall: (number: number, a: bigint, b: bigint, c: bigint, d: bigint, e: bigint, f: bigint) => bigint | number
}

let loaded: Libc | undefined

/** Of the process itself, whatever libc that is. */
function libc(): Libc {
  loaded ??= { syscall: koffi.load(null).func('int64_t syscall(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t)') }
  return loaded
}

function asWord(value: Argument): bigint {
  if (value instanceof Uint8Array) return addressOf(value)
  return typeof value === 'bigint' ? value : BigInt(value)
}
