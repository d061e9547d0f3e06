// The attacker's ways to open what the kernel keeps outside network namespaces, and to leave words where others of the machine can read them.
import { spawn } from 'node:child_process'
import { chmodSync, constants, openSync, writeFileSync } from 'node:fs'
import { addressOf, call, callNumber, cString, nameOf } from '../libc.ts'
import type { Context } from './context.ts'

/** Opens sockets of a family, of every type, and keeps them. */
export function holdFamilies(
  { families: numbers, protocol }: { readonly families: readonly number[]; readonly protocol?: number },
  context: Context,
): string {
  const types = [1, 2, 3, 5]
  const said = numbers.map((family) => {
    const results = types.map((type) => call('socket', family, type, protocol ?? 0))
    for (const fd of results.filter((result) => result >= 0)) context.hold(() => call('close', fd))
    return `family ${family}: ${[...new Set(results.map((result) => (result >= 0 ? 'opened' : nameOf(result))))].join(', ')}`
  })
  return said.join('; ')
}

export interface HoldAttack {
  readonly what: 'io_uring' | 'bpf' | 'perf' | 'virtual console' | 'vsock by x32'
}

/** Asks for something that comes as a descriptor, and keeps it. */
export function hold({ what }: HoldAttack, context: Context): string {
  const fd = openers[what]()
  if (fd < 0) return nameOf(fd)
  context.hold(() => call('close', fd))
  return `opened as ${fd}`
}

const x32 = 0x40000000

const openers: Readonly<Record<HoldAttack['what'], () => number>> = {
  io_uring: () => call('io_uring_setup', 4, Buffer.alloc(120)),
  bpf: () => {
    // BPF_MAP_CREATE of a hash map: what every program begins with.
    const attributes = Buffer.alloc(72)
    for (const [index, value] of [1, 4, 4, 1].entries()) attributes.writeUInt32LE(value, index * 4)
    return call('bpf', 0, attributes, attributes.length)
  },
  perf: () => {
    // Context switches of every process of processor 0.
    const attributes = Buffer.alloc(128)
    attributes.writeUInt32LE(1, 0)
    attributes.writeUInt32LE(attributes.length, 4)
    attributes.writeBigUInt64LE(3n, 8)
    return call('perf_event_open', attributes, -1, 0, -1, 0)
  },
  'virtual console': () => openSync('/dev/tty0', constants.O_RDWR | constants.O_NOCTTY),
  'vsock by x32': () => callNumber(x32 + 41, 40, 1, 0),
}

/** Runs a program of 32-bit system calls that opens AF_VSOCK, and keeps it running. */
export async function foreignCalls({ path }: { readonly path: string }, context: Context): Promise<string> {
  writeFileSync(path, foreignProgram())
  chmodSync(path, 0o755)
  const child = spawn(path, [], { stdio: 'ignore' })
  context.hold(() => child.kill('SIGKILL'))
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(`ended by ${signal ?? code}`))
    setTimeout(() => resolve('runs'), 200)
  })
}

/** A whole ELF executable: socket(AF_VSOCK, SOCK_STREAM, 0) by `int 0x80`, then pause() for ever. */
function foreignProgram(): Buffer {
  const code = Buffer.from('b867010000bb28000000b90100000031d2cd80b81d000000cd80ebf7', 'hex')
  const [base, headers] = [0x400000, 64 + 56]
  const image = Buffer.alloc(headers + code.length)
  image.set(Buffer.from('7f454c4602010100', 'hex'), 0)
  image.set(Buffer.from('02003e0001000000', 'hex'), 16)
  image.writeBigUInt64LE(BigInt(base + headers), 24) // entry
  image.writeBigUInt64LE(64n, 32) // program headers
  image.set(Buffer.from('400038000100', 'hex'), 52)
  image.set(Buffer.from('0100000005000000', 'hex'), 64) // one segment to load, to read and run
  image.writeBigUInt64LE(BigInt(base), 80)
  image.writeBigUInt64LE(BigInt(base), 88)
  image.writeBigUInt64LE(BigInt(image.length), 96)
  image.writeBigUInt64LE(BigInt(image.length), 104)
  image.writeBigUInt64LE(0x1000n, 112)
  image.set(code, headers)
  return image
}

/** Numbers of `linux/keyctl.h` for the keyrings that processes share. */
const keyrings = { session: -3, user: -4, 'user session': -5 } as const
export type Keyring = keyof typeof keyrings

/** A key is in the kernel, not in any namespace of ours. */
export function leaveKey({ keyring }: { readonly keyring: Keyring }, context: Context): string {
  const text = Buffer.from(context.token)
  return nameOf(call('add_key', cString('user'), cString(context.token), text, text.length, keyrings[keyring]))
}

/** The kernel would start a program outside to find this key. */
export function requestKey(_attack: object, context: Context): string {
  return nameOf(call('request_key', cString('user'), cString(context.token), cString(context.token), keyrings.session))
}

/** Words in System V and POSIX message queues and shared memory, under a key that the judge knows. */
export function leaveMessage(
  { by, key }: { readonly by: 'queue' | 'memory' | 'posix queue'; readonly key: string },
  context: Context,
): string {
  const number = Number(key)
  if (by === 'queue') {
    const queue = call('msgget', number, 0)
    const message = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]), Buffer.from(context.token)])
    return queue < 0 ? nameOf(queue) : nameOf(call('msgsnd', queue, message, message.length - 8, 0x800))
  }
  if (by === 'posix queue') {
    const queue = call('mq_open', cString(`escape${number}`), 1, 0, 0)
    const message = Buffer.from(context.token)
    return queue < 0 ? nameOf(queue) : nameOf(call('mq_timedsend', queue, message, message.length, 0, 0))
  }
  const memory = call('shmget', number, 0, 0)
  if (memory < 0) return nameOf(memory)
  const at = call('shmat', memory, 0, 0)
  // By a call that copies from our memory to an address: the attached page.
  return at < 0 ? nameOf(at) : writeTo(BigInt(at), Buffer.from(context.token))
}

function writeTo(address: bigint, text: Buffer): string {
  const [local, remote] = [vector(text), Buffer.alloc(16)]
  remote.writeBigUInt64LE(address, 0)
  remote.writeBigUInt64LE(BigInt(text.length), 8)
  return nameOf(call('process_vm_writev', process.pid, local, 1, remote, 1, 0))
}

/** `struct iovec` around some bytes. */
export function vector(bytes: Buffer): Buffer {
  const result = Buffer.alloc(16)
  result.writeBigUInt64LE(addressOf(bytes), 0)
  result.writeBigUInt64LE(BigInt(bytes.length), 8)
  return result
}
