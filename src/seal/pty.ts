// Opens a terminal of the seal's own and carries its bytes, never waiting for a process that does not read them.
import { chownSync, closeSync, constants, openSync, writeSync } from 'node:fs'
import { Writable } from 'node:stream'
import tty from 'node:tty'
import type { TerminalSize } from './contract.ts'
import { neverWait, terminalControl, terminalRequests } from './libc.ts'
import type { Owner } from './masks.ts'

export interface Pty {
  /** What a process at the terminal writes. Ends when nobody is at it any more. */
  readonly output: tty.ReadStream
  /** What is typed. Its end means nothing to the terminal. */
  readonly input: Writable
  /** For the process; closed by who has started that. */
  readonly terminal: number
  resize(size: TerminalSize): void
  /** Who is still at it gets SIGHUP. */
  hangUp(): void
}

/** By its own file system: the workload may have changed /dev/ptmx, which is a link, but cannot change this. */
const multiplexer = '/dev/pts/ptmx'

export function openPty(size: TerminalSize, owner: Owner | undefined): Pty {
  const flags = constants.O_RDWR | constants.O_NOCTTY
  const fd = openSync(multiplexer, flags)
  let terminal: number
  try {
    const number = Buffer.alloc(4)
    terminalControl(fd, terminalRequests.lock, Buffer.alloc(4))
    terminalControl(fd, terminalRequests.number, number)
    const path = `/dev/pts/${number.readUInt32LE(0)}`
    if (owner) chownSync(path, owner.uid, owner.gid)
    setSize(fd, size)
    terminal = openSync(path, flags)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  const output = new tty.ReadStream(fd)
  // Node only reads from it, when there is something; what it is to be given goes by `input`.
  neverWait(fd)
  return {
    output,
    input: new Typing(fd, output),
    terminal,
    resize: (changed) => void (output.destroyed || setSize(fd, changed)),
    hangUp: () => void output.destroy(),
  }
}

/** Its answer is awaited by looking again: a descriptor of this kind can be watched for reading only once, and is rarely full. */
const lookAgainMs = 20

class Typing extends Writable {
  readonly #fd: number
  readonly #output: tty.ReadStream

  constructor(fd: number, output: tty.ReadStream) {
    super()
    this.#fd = fd
    this.#output = output
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error) => void): void {
    // The number may name something else by now.
    if (this.#output.destroyed) return done()
    const written = this.#tryWrite(chunk)
    if (written === chunk.length) return done()
    setTimeout(() => this._write(chunk.subarray(written), encoding, done), lookAgainMs)
  }

  #tryWrite(chunk: Buffer): number {
    try {
      return writeSync(this.#fd, chunk)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0
      // Nobody is at the terminal any more.
      return chunk.length
    }
  }
}

/** struct winsize */
function setSize(fd: number, { columns, rows }: TerminalSize): void {
  const size = Buffer.alloc(8)
  size.writeUInt16LE(clamp(rows), 0)
  size.writeUInt16LE(clamp(columns), 2)
  terminalControl(fd, terminalRequests.setSize, size)
}

function clamp(count: number): number {
  return Number.isInteger(count) ? Math.min(Math.max(count, 0), 0xffff) : 0
}
