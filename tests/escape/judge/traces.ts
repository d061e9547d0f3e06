// Looks where attempts leave words without sending them: kernel settings, keyrings, message queues, shared memory, other processes.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, lstatSync, openSync, readdirSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { call, cString, nameOf } from '../libc.ts'
import { isTraced } from './inspect.ts'
import { asOrdinaryLogin } from '../world/rights.ts'
import type { Ledger, Trial } from './ledger.ts'

const joinSession = 1
const [searchKeyring, invalidateKey] = [10, 21]
const keyrings = [-3, -4, -5]
const create = 0x200 | 0o666
const memorySize = 4096

export interface Traces {
  readonly facts: Readonly<Record<string, string>>
  /** Writes down what the attempts have left, and takes it away. */
  collect(trials: readonly Trial[]): void
  close(): void
}

/** Opens all of it before anybody else looks; what this process makes, the programs that it starts share as they would with their shell. */
export function openTraces(ledger: Ledger, { settings, nonce }: { readonly settings: readonly string[]; readonly nonce: string }): Traces {
  call('keyctl', joinSession, 0)
  const ipcKey = 0x5a11
  const queue = call('msgget', ipcKey, create)
  const memory = call('shmget', ipcKey, memorySize, create)
  const at = call('shmat', memory, 0, 0)
  const named = call('mq_open', cString(`escape${ipcKey}`), 0x800 | 0x40 | 2, 0o666, 0)
  const saved = settings.filter((path) => existsSync(path)).map((path) => ({ path, text: readText(path) }))
  const ownName = hostname()
  const kernelLog = openKernelLog()
  return {
    facts: { ipcKey: String(ipcKey) },
    collect(trials) {
      noteQueue(ledger, queue)
      noteMemory(ledger, at)
      noteNamedQueue(ledger, named)
      for (const { places } of trials) noteKeys(ledger, places.token)
      for (const setting of saved) noteSetting(ledger, setting, nonce)
      if (hostname() !== ownName) ledger.add({ what: 'the name of the machine', text: hostname() })
      call('sethostname', Buffer.from(ownName), ownName.length)
      noteFiles(ledger)
      noteKernelLog(ledger, kernelLog)
    },
    close: () => call('mq_unlink', cString(`escape${ipcKey}`)),
  }
}

function noteQueue(ledger: Ledger, queue: number): void {
  const message = Buffer.alloc(memorySize)
  const noWait = 0x800
  for (
    let size = call('msgrcv', queue, message, memorySize - 8, 0, noWait);
    size >= 0;
    size = call('msgrcv', queue, message, memorySize - 8, 0, noWait)
  )
    ledger.add({ what: 'a System V message', text: message.subarray(8, 8 + size).toString('latin1') })
}

function noteMemory(ledger: Ledger, at: number): void {
  if (at < 0) return
  const file = openSync('/proc/self/mem', 'r+')
  const bytes = Buffer.alloc(64)
  readSync(file, bytes, 0, bytes.length, at)
  if (bytes.some((byte) => byte !== 0)) ledger.add({ what: 'words in System V shared memory', text: bytes.toString('latin1') })
  const zeros = Buffer.alloc(64)
  call('pwrite64', file, zeros, zeros.length, at)
  call('close', file)
}

function noteNamedQueue(ledger: Ledger, queue: number): void {
  const message = Buffer.alloc(8192)
  for (
    let size = call('mq_timedreceive', queue, message, message.length, 0, 0);
    size >= 0;
    size = call('mq_timedreceive', queue, message, message.length, 0, 0)
  )
    ledger.add({ what: 'a POSIX message', text: message.subarray(0, size).toString('latin1') })
}

function noteKeys(ledger: Ledger, token: string): void {
  for (const keyring of keyrings) {
    const key = call('keyctl', searchKeyring, keyring, cString('user'), cString(token), 0)
    if (key < 0) continue
    ledger.add({ what: 'a key in a keyring outside', text: token })
    call('keyctl', invalidateKey, key)
  }
}

/** Somebody else may change it meanwhile: what is not ours is left alone. */
function noteSetting(ledger: Ledger, { path, text }: { readonly path: string; readonly text: string }, nonce: string): void {
  const now = readText(path)
  if (!now.includes(nonce)) return
  ledger.add({ what: `${path} says ${now.slice(0, 80)}`, text: now })
  // Nothing at all would not be a write: an empty setting is an empty line.
  writeFileSync(path, `${text.trimEnd()}\n`)
}

const formats = '/proc/sys/fs/binfmt_misc'
const words = ['/dev/shm/escape.word', '/tmp/root-only/word', '/tmp/escape/neighbour']

function noteFiles(ledger: Ledger): void {
  for (const path of words.filter((word) => existsSync(word))) {
    const text = readText(path)
    ledger.add({ what: path.endsWith('neighbour') ? 'the neighbour in the process group was signalled' : `words in ${path}`, text })
    rmSync(path)
  }
  for (const name of readdirSync('/tmp').filter((each) => each.startsWith('node'))) {
    if (lstatSync(`/tmp/${name}`).isBlockDevice()) ledger.add({ what: 'a device node in /tmp', text: '' })
    rmSync(`/tmp/${name}`)
  }
  for (const name of existsSync(formats) ? readdirSync(formats).filter((each) => each.startsWith('esc')) : []) {
    ledger.add({ what: `an interpreter for files called .${name}`, text: name })
    writeFileSync(`${formats}/${name}`, '-1')
  }
}

/** Only root reads it; at its end from now on. */
function openKernelLog(): number | undefined {
  try {
    const fd = openSync('/dev/kmsg', 'r')
    const [setFlags, nonBlocking] = [4, 0x800]
    call('fcntl', fd, setFlags, nonBlocking)
    call('lseek', fd, 0, 2)
    return fd
  } catch {
    return undefined
  }
}

function noteKernelLog(ledger: Ledger, fd: number | undefined): void {
  if (fd === undefined) return
  const line = Buffer.alloc(8192)
  for (let size = call('read', fd, line, line.length); size > 0; size = call('read', fd, line, line.length))
    if (line.subarray(0, size).includes('sysrq: HELP')) ledger.add({ what: 'the kernel’s log: sysrq: HELP', text: '' })
}

/** A process of the machine that attempts are made on; it ends, or is changed, only by them. */
export class Victim {
  readonly #child: ChildProcess
  #ended = false
  readonly #token: string

  /** `descriptor`: given to it as its standard input. */
  constructor(token: string, descriptor: number | 'ignore' = 'ignore') {
    this.#token = token
    const [program, ...args] = [...asOrdinaryLogin(), 'sleep', '300']
    this.#child = spawn(program ?? '', args, {
      stdio: [descriptor, 'ignore', 'ignore'],
      env: { PATH: process.env['PATH'] ?? '', CANARY: '.'.repeat(64) },
    })
    this.#child.once('exit', () => (this.#ended = true))
    // The program that takes its rights off is still there for a moment.
    for (let tries = 0; tries < 200 && readText(`/proc/${this.pid}/comm`) !== 'sleep\n'; tries++)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Where its canary lies. */
  memory(): string {
    const start = /\) .*$/.exec(readText(`/proc/${this.pid}/stat`).trim())?.[0].split(' ')[48]
    const at = readText(`/proc/${this.pid}/environ`).indexOf('CANARY=') + 'CANARY='.length
    return String(BigInt(start ?? 0) + BigInt(at))
  }

  look(ledger: Ledger): void {
    if (this.#ended) return ledger.add({ what: 'a process outside was ended', text: this.#token })
    const canary = readText(`/proc/${this.pid}/environ`)
    if (this.#token !== '' && canary.includes(this.#token))
      ledger.add({ what: 'the memory of a process outside was written', text: canary })
    if (isTraced(this.pid)) ledger.add({ what: 'the victim is traced', text: '' })
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}

/** A file's handle, by which it can be opened without a path. */
export function handleOf(path: string): Readonly<Record<string, string>> {
  const head = Buffer.alloc(8 + 128)
  head.writeUInt32LE(128, 0)
  const result = call('name_to_handle_at', -100, cString(path), head, Buffer.alloc(4), 0)
  if (result < 0) throw new Error(`the handle of ${path}: ${nameOf(result)}`)
  return { handle: head.subarray(8, 8 + head.readUInt32LE(0)).toString('hex'), handleType: String(head.readInt32LE(4)) }
}

function readText(path: string): string {
  return readFileSync(path, 'latin1')
}
