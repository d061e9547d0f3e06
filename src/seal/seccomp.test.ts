// Interprets the filter as the kernel would, and asks it about system calls of both architectures.
import { describe, expect, test } from 'vitest'
import { allowedFamilies, type Architecture, assembleFilter, encodeFilter, type Instruction, systemCalls, verdicts } from './seccomp.ts'

interface Call {
  readonly number: number
  readonly audit?: number
  readonly args?: readonly bigint[]
}

const both: readonly Architecture[] = ['x64', 'arm64']

describe.each(both)('on %s', (architecture) => {
  const calls = systemCalls[architecture]
  const cases: Record<string, { call: Call; verdict: number }> = {
    'read(2) passes': { call: { number: architecture === 'x64' ? 0 : 63 }, verdict: verdicts.allow },
    'a TCP socket passes': { call: { number: calls.socket, args: [2n, 1n, 0n] }, verdict: verdicts.allow },
    'an IPv6 socket passes': { call: { number: calls.socket, args: [10n, 1n, 0n] }, verdict: verdicts.allow },
    'a Unix socket passes': { call: { number: calls.socket, args: [1n, 1n, 0n] }, verdict: verdicts.allow },
    'a netlink socket passes': { call: { number: calls.socket, args: [16n, 3n, 0n] }, verdict: verdicts.allow },
    'a pair of Unix sockets passes': { call: { number: calls.socketpair, args: [1n, 1n, 0n] }, verdict: verdicts.allow },
    'AF_VSOCK is refused': { call: { number: calls.socket, args: [40n, 1n, 0n] }, verdict: verdicts.noSuchFamily },
    'AF_PACKET is refused': { call: { number: calls.socket, args: [17n, 3n, 0n] }, verdict: verdicts.noSuchFamily },
    'AF_ALG is refused': { call: { number: calls.socket, args: [38n, 5n, 0n] }, verdict: verdicts.noSuchFamily },
    'a pair of AF_TIPC sockets is refused': { call: { number: calls.socketpair, args: [30n, 1n, 0n] }, verdict: verdicts.noSuchFamily },
    'a family with rubbish above its 32 bits is judged by those 32 bits': {
      call: { number: calls.socket, args: [0xdead_0000_0028n, 1n, 0n] },
      verdict: verdicts.noSuchFamily,
    },
    'io_uring_setup does not exist': { call: { number: 425, args: [8n, 1n] }, verdict: verdicts.noSuchCall },
    'io_uring_enter does not exist': { call: { number: 426 }, verdict: verdicts.noSuchCall },
    'io_uring_register does not exist': { call: { number: 427 }, verdict: verdicts.noSuchCall },
    'TIOCSTI is refused': { call: { number: calls.ioctl, args: [0n, 0x5412n, 0n] }, verdict: verdicts.notPermitted },
    'TIOCSTI with rubbish above its 32 bits is refused': {
      call: { number: calls.ioctl, args: [0n, 0xffff_ffff_0000_5412n, 0n] },
      verdict: verdicts.notPermitted,
    },
    'TIOCLINUX is refused': { call: { number: calls.ioctl, args: [0n, 0x541cn, 0n] }, verdict: verdicts.notPermitted },
    'redefining a key of the console is refused': {
      call: { number: calls.ioctl, args: [0n, 0x4b49n, 0n] },
      verdict: verdicts.notPermitted,
    },
    'TCGETS passes': { call: { number: calls.ioctl, args: [0n, 0x5401n, 0n] }, verdict: verdicts.allow },
    'TIOCGWINSZ passes': { call: { number: calls.ioctl, args: [0n, 0x5413n, 0n] }, verdict: verdicts.allow },
    'a key cannot be left in a keyring': { call: { number: calls.keyrings[0] }, verdict: verdicts.notPermitted },
    'a key cannot be asked for': { call: { number: calls.keyrings[1], args: [9n, 9n, 0n, 0n] }, verdict: verdicts.notPermitted },
    'keyrings cannot be joined or searched': { call: { number: calls.keyrings[2] }, verdict: verdicts.notPermitted },
    'a 32-bit program of Intel is killed': { call: { number: 102, audit: 0x40000003 }, verdict: verdicts.kill },
    'a 32-bit program of ARM is killed': { call: { number: 281, audit: 0x40000028 }, verdict: verdicts.kill },
  }

  test.each(Object.entries(cases))('%s', (_name, { call, verdict }) => {
    expect(judge(assembleFilter(architecture), { audit: calls.audit, ...call })).toBe(verdict)
  })

  test('every family but the allowed ones is refused', () => {
    const allowed = Array.from({ length: 64 }, (_, family) => family).filter(
      (family) =>
        judge(assembleFilter(architecture), { audit: calls.audit, number: calls.socket, args: [BigInt(family)] }) === verdicts.allow,
    )
    expect(allowed).toEqual([...allowedFamilies])
  })
})

test('x32 calls do not exist on x64', () => {
  const call = { audit: systemCalls.x64.audit, number: 0x40000000 + 41, args: [40n] }
  expect(judge(assembleFilter('x64'), call)).toBe(verdicts.noSuchCall)
})

test('the program is encoded as struct sock_filter, little-endian', () => {
  expect([...encodeFilter([{ code: 0x15, jt: 1, jf: 2, k: 0xc000003e }])]).toEqual([0x15, 0, 1, 2, 0x3e, 0, 0, 0xc0])
})

/** The four instructions that the filter is made of, over struct seccomp_data. */
function judge(program: readonly Instruction[], call: Call): number {
  const data = Buffer.alloc(64)
  data.writeUInt32LE(call.number, 0)
  data.writeUInt32LE(call.audit ?? 0, 4)
  for (const [index, value] of (call.args ?? []).entries()) data.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + 8 * index)
  let accumulator = 0
  for (let at = 0; at < program.length; at++) {
    const { code, jt, jf, k } = program[at]!
    if (jt > 255 || jf > 255) throw new RangeError('a jump does not fit into a byte')
    if (code === 0x20) accumulator = data.readUInt32LE(k)
    else if (code === 0x15) at += accumulator === k >>> 0 ? jt : jf
    else if (code === 0x35) at += accumulator >= k >>> 0 ? jt : jf
    else if (code === 0x06) return k
    else throw new RangeError(`instruction ${code} is not known`)
  }
  throw new RangeError('the program ran off its end')
}
