// The system calls that Node lacks and the seal needs, by koffi: one thin typed function each, the only file of this room that calls C.
import koffi from 'koffi'

/** A call that failed, with the errno it left. */
export class SystemCallError extends Error {
  readonly errno: number
  constructor(call: string, errno: number) {
    super(`${call}: ${errnoName(errno)}`)
    this.errno = errno
  }
}

export const errno = {
  EPERM: 1,
  ENOENT: 2,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  EACCES: 13,
  EFAULT: 14,
  EINVAL: 22,
  ENOTTY: 25,
  ENOSYS: 38,
  EAFNOSUPPORT: 97,
} as const

export const mountFlags = {
  readOnly: 1,
  noSuid: 2,
  noDev: 4,
  noExec: 8,
  remount: 32,
  noAtime: 1024,
  noDirAtime: 2048,
  bind: 4096,
  recursive: 16384,
  relAtime: 1 << 21,
} as const

export interface MountCall {
  readonly source: string
  readonly target: string
  readonly type?: string
  readonly flags: number
  readonly data?: string
}

export function mount({ source, target, type = '', flags, data = '' }: MountCall): void {
  check(`mount ${source} on ${target}`, libc().mount(source, target, type, flags, data))
}

/**
 * By one of the threads that Node keeps for slow work. Rights belong to threads: those were started while the init still had all of its, and they
 * start no programs, so the init can go on mounting although what it starts no longer may.
 */
export function mountLater({ source, target, type = '', flags, data = '' }: MountCall): Promise<void> {
  return new Promise((resolve, reject) => {
    libc().mount.async(source, target, type, flags, data, (error, result) => {
      if (error) reject(error)
      else if (result !== 0) reject(new Error(`mount ${source} on ${target} failed`))
      else resolve()
    })
  })
}

/** Before rights are given up. */
export function startThreads(): Promise<void> {
  return new Promise((resolve, reject) => {
    libc().getpgrp.async((error) => (error ? reject(error) : resolve()))
  })
}

/** The number that the process gets, or the negated errno: a self-test wants to see the refusal. */
export function trySocket(family: number, type: number, protocol: number): number {
  return resultOf(libc().socket(family, type, protocol))
}

export function trySendTo(fd: number, bytes: Uint8Array, address: Uint8Array): number {
  return resultOf(Number(libc().sendto(fd, bytes, bytes.length, 0, address, address.length)))
}

/** With a null pointer: what the kernel would do with it shows in the errno, and nothing happens. */
export function tryIoctl(fd: number, request: number): number {
  return resultOf(libc().ioctl(fd, request, 0))
}

export function trySystemCall(number: number, ...args: readonly number[]): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args
  return resultOf(Number(libc().syscall(number, a, b, c, d, e, f)))
}

/** Every descriptor above 2 closes at the next exec: an inherited connected socket would be a way out. */
export function closeOnExec(fd: number): void {
  const setDescriptorFlags = 2
  const result = resultOf(libc().fcntl(fd, setDescriptorFlags, 1))
  if (result < 0 && result !== -errno.EBADF) throw new SystemCallError(`fcntl ${fd}`, -result)
}

/** Descriptors that no program started later inherits by itself. */
export function makePipe(): { readonly read: number; readonly write: number } {
  const closeOnExecFlag = 0o2000000
  const ends = new Int32Array(2)
  check('pipe2', libc().pipe2(ends, closeOnExecFlag))
  const [read = -1, write = -1] = ends
  return { read, write }
}

/** What is started later in this process inherits it. */
export function keepAtExec(fd: number): void {
  const setDescriptorFlags = 2
  const result = resultOf(libc().fcntl(fd, setDescriptorFlags, 0))
  if (result < 0 && result !== -errno.EBADF) throw new SystemCallError(`fcntl ${fd}`, -result)
}

/** For a descriptor of which Node believes that it may wait. */
export function neverWait(fd: number): void {
  const [getFlags, setFlags, nonBlocking] = [3, 4, 0o4000]
  check(`fcntl ${fd}`, libc().fcntl(fd, setFlags, libc().fcntl(fd, getFlags, 0) | nonBlocking))
}

export const terminalRequests = { setSize: 0x5414, number: 0x80045430, lock: 0x40045431 } as const

/** What is asked for is written into `bytes`, and what is given read from them. */
export function terminalControl(fd: number, request: number, bytes: Uint8Array): void {
  check(`ioctl ${request.toString(16)}`, libc().ioctlPointer(fd, request, bytes))
}

/** Needs CAP_SYS_ADMIN or no_new_privs. Children inherit it; nothing can take it off. */
export function installFilter(program: Buffer): void {
  const header = Buffer.alloc(16)
  header.writeUInt16LE(program.length / 8, 0)
  header.writeBigUInt64LE(BigInt(koffi.address(program)), 8)
  const [setSeccomp, modeFilter] = [22, 2]
  check('prctl PR_SET_SECCOMP', libc().prctlPointer(setSeccomp, modeFilter, header, 0, 0))
}

export function dropBounding(capability: number): void {
  const boundingDrop = 24
  const result = resultOf(libc().prctl(boundingDrop, capability, 0, 0, 0))
  // A capability that this kernel does not know.
  if (result < 0 && result !== -errno.EINVAL) throw new SystemCallError(`prctl PR_CAPBSET_DROP ${capability}`, -result)
}

/** Ambient capabilities are the only ones that a program run by an ordinary user gets. */
export function clearAmbient(): void {
  const [ambient, clearAll] = [47, 4]
  check('prctl PR_CAP_AMBIENT_CLEAR_ALL', libc().prctl(ambient, clearAll, 0, 0, 0))
}

/** The capability must be permitted and inheritable. */
export function raiseAmbient(capability: number): void {
  const [ambient, raise] = [47, 2]
  check('prctl PR_CAP_AMBIENT_RAISE', libc().prctl(ambient, raise, capability, 0, 0))
}

/** Permitted and effective become one set, inheritable another. Of the calling thread, from which children are started. */
export function setCapabilities(permitted: bigint, inheritable: bigint): void {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x20080522, 0)
  const data = Buffer.alloc(24)
  for (const half of [0, 1]) {
    const halfOf = (mask: bigint) => Number((mask >> BigInt(32 * half)) & 0xffffffffn)
    data.writeUInt32LE(halfOf(permitted), half * 12)
    data.writeUInt32LE(halfOf(permitted), half * 12 + 4)
    data.writeUInt32LE(halfOf(inheritable), half * 12 + 8)
  }
  check('capset', libc().capset(header, data))
}

/** Of the calling thread; what it starts inherits it, and nothing takes it off. */
export function gainNoPrivileges(): void {
  const setNoNewPrivileges = 38
  check('prctl PR_SET_NO_NEW_PRIVS', libc().prctl(setNoNewPrivileges, 1, 0, 0, 0))
}

/** Until the next program: nobody without rights looks at this process. */
export function hideFromTracers(): void {
  const setDumpable = 4
  check('prctl PR_SET_DUMPABLE', libc().prctl(setDumpable, 0, 0, 0, 0))
}

/** By the directory that this process stands in. */
export function changeRoot(): void {
  check('chroot', libc().chroot('.'))
}

export function leadSession(): void {
  if (resultOf(libc().setsid()) < 0) throw new SystemCallError('setsid', koffi.errno())
}

/** All groups of this user, of the whole process. */
export function initGroups(user: string, group: number): void {
  check('initgroups', libc().initgroups(user, group))
}

/** Makes the terminal the session's own. */
export function takeTerminal(fd: number): void {
  const setControlling = 0x540e
  check('ioctl TIOCSCTTY', libc().ioctl(fd, setControlling, 0))
}

/** Whatever this process does with it. */
export function resetSignal(signal: number): void {
  libc().signal(signal, 0)
}

/** Becomes another program. Returns, with the errno, only when that could not be. */
export function execute(path: string, argv: readonly string[], env: readonly string[]): number {
  return -resultOf(libc().execve(path, [...argv, null], [...env, null]))
}

/** The first ended child that nobody has waited for, or zero; it stays waitable. */
export function peekEndedChild(): number {
  const [anyChild, exited, noHang, noWait] = [0, 4, 1, 0x1000000]
  const info = Buffer.alloc(128)
  const result = resultOf(libc().waitid(anyChild, 0, info, exited | noHang | noWait))
  return result < 0 ? 0 : info.readInt32LE(16)
}

/** The signal that has stopped this child since the last look, or zero. */
export function takeStop(pid: number): number {
  const [oneChild, stopped, noHang] = [1, 2, 1]
  const info = Buffer.alloc(128)
  const result = resultOf(libc().waitid(oneChild, pid, info, stopped | noHang))
  return result < 0 ? 0 : info.readInt32LE(24)
}

export function reap(pid: number): void {
  const noHang = 1
  libc().waitpid(pid, null, noHang)
}

/** What a descriptor that is a socket could be made to do. */
export function socketKind(fd: number): { readonly family: number; readonly type: number; readonly listens: boolean } {
  const [level, typeOption, acceptOption, domainOption] = [1, 3, 30, 39]
  const option = (name: number) => socketOption(fd, level, name)
  return { family: option(domainOption), type: option(typeOption), listens: option(acceptOption) !== 0 }
}

/** The terminal's foreground process group, or a negative number when the descriptor is no terminal of ours. */
export function foregroundGroup(fd: number): number {
  return resultOf(libc().tcgetpgrp(fd))
}

/** From the background this would stop us by SIGTTOU, hence the signal is ignored first. */
export function setForegroundGroup(fd: number, group: number): void {
  const [ttou, ignore] = [22, 1]
  libc().signal(ttou, ignore)
  check('tcsetpgrp', libc().tcsetpgrp(fd, group))
}

export function ownGroup(): number {
  return libc().getpgrp()
}

/** A process group of its own for this process and the children it starts from now on. */
export function leadOwnGroup(): void {
  check('setpgid', libc().setpgid(0, 0))
}

function socketOption(fd: number, level: number, option: number): number {
  const value = Buffer.alloc(4)
  check('getsockopt', libc().getsockopt(fd, level, option, value, new Uint32Array([4])))
  return value.readInt32LE(0)
}

function check(call: string, result: number): void {
  if (result !== 0) throw new SystemCallError(call, koffi.errno())
}

function resultOf(result: number): number {
  return result === -1 ? -koffi.errno() : result
}

function errnoName(value: number): string {
  return Object.entries(koffi.os.errno).find(([, number]) => number === value)?.[0] ?? `errno ${value}`
}

type Bytes = Uint8Array

type Done = (error: Error | null, result: number) => void

interface Mount {
  (source: string, target: string, type: string, flags: number, data: string): number
  async(source: string, target: string, type: string, flags: number, data: string, done: Done): void
}

interface GetGroup {
  (): number
  async(done: Done): void
}

interface Libc {
  readonly mount: Mount
  readonly socket: (family: number, type: number, protocol: number) => number
  readonly sendto: (fd: number, bytes: Bytes, length: number, flags: number, address: Bytes, size: number) => number
  readonly ioctl: (fd: number, request: number, argument: number) => number
  readonly ioctlPointer: (fd: number, request: number, bytes: Bytes) => number
  readonly pipe2: (ends: Int32Array, flags: number) => number
  readonly syscall: (number: number, a: number, b: number, c: number, d: number, e: number, f: number) => number
  readonly fcntl: (fd: number, command: number, argument: number) => number
  readonly prctl: (option: number, a: number, b: number, c: number, d: number) => number
  readonly prctlPointer: (option: number, a: number, b: Bytes, c: number, d: number) => number
  readonly capset: (header: Bytes, data: Bytes) => number
  readonly waitid: (type: number, id: number, info: Bytes, options: number) => number
  readonly waitpid: (pid: number, status: null, options: number) => number
  readonly getsockopt: (fd: number, level: number, option: number, value: Bytes, length: Uint32Array) => number
  readonly tcgetpgrp: (fd: number) => number
  readonly tcsetpgrp: (fd: number, group: number) => number
  readonly getpgrp: GetGroup
  readonly setpgid: (pid: number, group: number) => number
  readonly setsid: () => number
  readonly initgroups: (user: string, group: number) => number
  readonly chroot: (path: string) => number
  readonly execve: (path: string, argv: readonly (string | null)[], env: readonly (string | null)[]) => number
  readonly signal: (signal: number, action: number) => number
}

let loaded: Libc | undefined

/** From the process itself, which has some libc loaded whatever its name. */
function libc(): Libc {
  loaded ??= bindLibc()
  return loaded
}

function bindLibc(): Libc {
  const library = koffi.load(null)
  return {
    mount: library.func('int mount(const char*, const char*, const char*, unsigned long, const char*)'),
    socket: library.func('int socket(int, int, int)'),
    sendto: library.func('long sendto(int, const uint8_t*, size_t, int, const uint8_t*, uint32_t)'),
    ioctl: library.func('int ioctl(int, unsigned long, unsigned long)'),
    ioctlPointer: library.func('ioctl', 'int', ['int', 'ulong', '_Inout_ uint8_t*']),
    pipe2: library.func('int pipe2(_Out_ int*, int)'),
    syscall: library.func('long syscall(long, long, long, long, long, long, long)'),
    fcntl: library.func('int fcntl(int, int, int)'),
    prctl: library.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)'),
    prctlPointer: library.func('prctl', 'int', ['int', 'ulong', 'uint8_t*', 'ulong', 'ulong']),
    capset: library.func('int capset(uint8_t*, uint8_t*)'),
    waitid: library.func('int waitid(int, uint32_t, _Out_ uint8_t*, int)'),
    waitpid: library.func('int waitpid(int, void*, int)'),
    getsockopt: library.func('int getsockopt(int, int, int, _Out_ uint8_t*, _Inout_ uint32_t*)'),
    tcgetpgrp: library.func('int tcgetpgrp(int)'),
    tcsetpgrp: library.func('int tcsetpgrp(int, int)'),
    getpgrp: library.func('int getpgrp()'),
    setpgid: library.func('int setpgid(int, int)'),
    setsid: library.func('int setsid()'),
    initgroups: library.func('int initgroups(const char*, uint32_t)'),
    chroot: library.func('int chroot(const char*)'),
    execve: library.func('int execve(const char*, const char**, const char**)'),
    signal: library.func('intptr signal(int, intptr)'),
  }
}
