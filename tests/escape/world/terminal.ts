// Gives a run a terminal of its own, and reads from it what a shell there would take for typed.
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { call, nameOf } from '../libc.ts'

export interface Terminal {
  readonly path: string
  /** Its end for the programs that run on it. */
  readonly slave: number
  /** What the programs have shown since the last time. */
  shown(): string
  /** Whole lines that wait to be read by the next program. */
  typed(): string
  close(): void
}

const [unlock, getNumber] = [0x40045431, 0x80045430]
const flags = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK

export function openTerminal(): Terminal {
  const master = openSync('/dev/ptmx', flags)
  const number = Buffer.alloc(4)
  for (const request of [unlock, getNumber]) {
    const result = call('ioctl', master, request, number)
    if (result < 0) throw new Error(`a terminal: ${nameOf(result)}`)
  }
  const path = `/dev/pts/${number.readUInt32LE()}`
  const slave = openSync(path, flags)
  // Opened once more: programs that inherit the other one may make it wait for input.
  const reader = openSync(path, flags)
  return {
    path,
    slave,
    shown: () => readAll(master),
    typed: () => readAll(reader),
    close() {
      closeSync(slave)
      closeSync(reader)
      closeSync(master)
    },
  }
}

function readAll(fd: number): string {
  const chunk = Buffer.alloc(16_384)
  let text = ''
  for (;;) {
    const size = readOrNothing(fd, chunk)
    if (size === 0) return text
    text += chunk.subarray(0, size).toString('latin1')
  }
}

/** Nothing to read yet, or nobody on the other side any more. */
function readOrNothing(fd: number, chunk: Buffer): number {
  try {
    return readSync(fd, chunk)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EAGAIN' || code === 'EIO') return 0
    throw error
  }
}
