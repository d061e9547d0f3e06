// Looks from outside into the processes of the attacker: which descriptors they hold, which rights they have, who is traced.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { call } from '../libc.ts'
import type { Ledger } from './ledger.ts'

const ordinaryFamilies = new Set([1, 2, 10, 16])
const namedFamilies = new Set([17, 38, 40, 43, 44])
const rawType = 3
const [socketLevel, typeOption, domainOption] = [1, 3, 39]
/** CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID: what ordinary programs of root need. */
const shortList = 0xfbn & ~0x4n

/** Processes whose environment has the mark of a run; zombies have none. */
export function processesOf(mark: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && read(`/proc/${pid}/environ`).includes(mark))
}

/** Writes down what no process behind a seal may have. */
export function inspect(mark: string, ledger: Ledger): void {
  for (const pid of processesOf(mark)) {
    const [first = '', second = '', third = ''] = read(`/proc/${pid}/cmdline`).split('\0')
    const isForeign = first.startsWith('/tmp/escape/foreign')
    const isAttacker = second.endsWith('/test-attacker.js')
    if (isForeign || isAttacker) inspectDescriptors(pid, isForeign, ledger)
    if (isAttacker) inspectRights(pid, third === '--alone', ledger)
    if (lastPid(pid) === 1 && isTraced(pid)) note(ledger, 'PID 1 is traced')
  }
}

export function isTraced(pid: number): boolean {
  return !['0', ''].includes(status(pid, 'TracerPid'))
}

function inspectDescriptors(pid: number, isForeign: boolean, ledger: Ledger): void {
  const own = new Set(isForeign ? [] : [0, 1, 2])
  for (const fd of list(`/proc/${pid}/fd`).map(Number)) {
    const link = linkOf(`/proc/${pid}/fd/${fd}`)
    if (link.startsWith('anon_inode:')) noteAnonymous(link, ledger)
    if (link === '/dev/tty0') note(ledger, 'held: virtual console')
    if (link.startsWith('socket:') && !own.has(fd)) noteSocket(pid, fd, isForeign, ledger)
  }
}

function noteAnonymous(link: string, ledger: Ledger): void {
  for (const kind of ['io_uring', 'bpf', 'perf_event']) if (link.includes(kind)) note(ledger, `held: ${kind}`)
}

function noteSocket(pid: number, fd: number, isForeign: boolean, ledger: Ledger): void {
  const process = call('pidfd_open', pid, 0)
  const copy = process < 0 ? process : call('pidfd_getfd', process, fd, 0)
  if (process >= 0) call('close', process)
  // Closed in this very moment, as sockets of ordinary attempts are.
  if (copy < 0) return
  const [family, type] = [optionOf(copy, domainOption), optionOf(copy, typeOption)]
  call('close', copy)
  if (isForeign) return note(ledger, 'held: AF_VSOCK in a foreign program')
  if (ordinaryFamilies.has(family)) return type === rawType && family !== 16 ? note(ledger, 'a raw socket') : undefined
  note(ledger, namedFamilies.has(family) ? `a socket of family ${family}` : 'a socket of a rare family')
}

function inspectRights(pid: number, isAlone: boolean, ledger: Ledger): void {
  const capabilities = ['CapEff', 'CapPrm', 'CapBnd', 'CapAmb', 'CapInh'].map((name) => BigInt(`0x${status(pid, name) || '0'}`))
  const isBeyond = capabilities.some((set) => (set & ~shortList) !== 0n)
  if (isAlone) return (capabilities[0] ?? 0n) & ~shortList ? note(ledger, 'a capability beyond the short list') : undefined
  if (isBeyond || status(pid, 'NoNewPrivs') !== '1' || status(pid, 'Seccomp') !== '2') note(ledger, 'rights beyond the short list')
}

function note(ledger: Ledger, what: string): void {
  ledger.add({ what, text: '' })
}

function optionOf(fd: number, option: number): number {
  const value = Buffer.alloc(4)
  call('getsockopt', fd, socketLevel, option, value, Buffer.from([4, 0, 0, 0]))
  return value.readInt32LE(0)
}

function lastPid(pid: number): number {
  return Number(status(pid, 'NSpid').split(/\s+/).at(-1))
}

function status(pid: number, name: string): string {
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(read(`/proc/${pid}/status`))?.[1]?.trim() ?? ''
}

/** A process may end between two looks. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
