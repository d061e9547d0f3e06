// Assembles the system call filter (classic BPF, seccomp(2)) that closes what a network namespace does not: other socket families, io_uring, typing into the caller's terminal.

export type Architecture = 'x64' | 'arm64'

/** One BPF instruction as linux/filter.h has it: `jt` and `jf` are distances. */
export interface Instruction {
  readonly code: number
  readonly jt: number
  readonly jf: number
  readonly k: number
}

/** System call numbers of one architecture; `audit` is AUDIT_ARCH_*. */
export interface SystemCalls {
  readonly audit: number
  readonly socket: number
  readonly socketpair: number
  readonly ioctl: number
  readonly ioUring: readonly number[]
  /** add_key, request_key, keyctl */
  readonly keyrings: readonly number[]
  /** Numbers from here on belong to a second ABI of the same AUDIT_ARCH (x32). */
  readonly secondAbi?: number
}

export const systemCalls = {
  x64: {
    audit: 0xc000003e,
    socket: 41,
    socketpair: 53,
    ioctl: 16,
    ioUring: [425, 426, 427],
    keyrings: [248, 249, 250],
    secondAbi: 0x40000000,
  },
  arm64: { audit: 0xc00000b7, socket: 198, socketpair: 199, ioctl: 29, ioUring: [425, 426, 427], keyrings: [217, 218, 219] },
} as const satisfies Record<Architecture, SystemCalls>

export const verdicts = {
  allow: 0x7fff0000,
  kill: 0x80000000,
  notPermitted: 0x00050001,
  noSuchCall: 0x00050026,
  noSuchFamily: 0x00050061,
} as const

/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. All else is outside network namespaces (AF_VSOCK), or needed by nobody. */
export const allowedFamilies = [1, 2, 10, 16] as const

/** TIOCSTI and TIOCLINUX type into the terminal, the KDSK* ones change what its keys will type: each runs a command outside. */
export const refusedRequests = [0x5412, 0x541c, 0x4b47, 0x4b49, 0x4b4b, 0x4bfb] as const

export function isArchitecture(name: string): name is Architecture {
  return name in systemCalls
}

/** The program as `prctl(PR_SET_SECCOMP)` takes it. */
export function encodeFilter(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8)
  for (const [index, { code, jt, jf, k }] of instructions.entries()) {
    bytes.writeUInt16LE(code, index * 8)
    bytes[index * 8 + 2] = jt
    bytes[index * 8 + 3] = jf
    bytes.writeUInt32LE(k >>> 0, index * 8 + 4)
  }
  return bytes
}

export function assembleFilter(architecture: Architecture): readonly Instruction[] {
  const calls: SystemCalls = systemCalls[architecture]
  return [
    ...load(offsets.architecture),
    ...unlessEqual(calls.audit, [give(verdicts.kill)]),
    ...load(offsets.number),
    ...(calls.secondAbi === undefined ? [] : ifAtLeast(calls.secondAbi, [give(verdicts.noSuchCall)])),
    ...calls.ioUring.flatMap((number) => ifEqual(number, [give(verdicts.noSuchCall)])),
    ...ifEqual(calls.ioctl, [
      // The kernel looks at 32 bits only: comparing all 64 would let a request with rubbish above through.
      ...load(offsets.argument(1)),
      ...refusedRequests.flatMap((request) => ifEqual(request, [give(verdicts.notPermitted)])),
      give(verdicts.allow),
    ]),
    ...[calls.socket, calls.socketpair].flatMap((number) =>
      ifEqual(number, [
        ...load(offsets.argument(0)),
        ...allowedFamilies.flatMap((family) => ifEqual(family, [give(verdicts.allow)])),
        give(verdicts.noSuchFamily),
      ]),
    ),
    // Shared with every process of the session and the user; and request_key starts a program outside that asks DNS servers. Container engines refuse them too.
    ...calls.keyrings.flatMap((number) => ifEqual(number, [give(verdicts.notPermitted)])),
    give(verdicts.allow),
  ]
}

/** Offsets in struct seccomp_data; of an argument, its low half. */
const offsets = { number: 0, architecture: 4, argument: (index: number) => 16 + 8 * index } as const
const codes = { load: 0x20, jumpEqual: 0x15, jumpAtLeast: 0x35, give: 0x06 } as const

function load(offset: number): Instruction[] {
  return [{ code: codes.load, jt: 0, jf: 0, k: offset }]
}

function give(verdict: number): Instruction {
  return { code: codes.give, jt: 0, jf: 0, k: verdict }
}

function ifEqual(k: number, body: readonly Instruction[]): Instruction[] {
  return [{ code: codes.jumpEqual, jt: 0, jf: body.length, k }, ...body]
}

function unlessEqual(k: number, body: readonly Instruction[]): Instruction[] {
  return [{ code: codes.jumpEqual, jt: body.length, jf: 0, k }, ...body]
}

function ifAtLeast(k: number, body: readonly Instruction[]): Instruction[] {
  return [{ code: codes.jumpAtLeast, jt: 0, jf: body.length, k }, ...body]
}
