// Opens what lines are written to, a file or stdout, so that a reader that is slow or gone never stops the event loop.
import { closeSync, constants, fstatSync, openSync, write } from 'node:fs'
import { messageOf, SallyportError } from '../base/index.ts'

export interface Output {
  /** Writes some of the bytes; 0 when the reader has no room at present. */
  write(bytes: Uint8Array): Promise<number>
  close(): void
}

/** `-` and `/dev/stdout` are stdout, `/dev/stderr` is stderr; anything else is a file that is appended to and created for its owner only. */
export function openOutput(target: string): Output {
  if (target === '-' || target === '/dev/stdout') return openStandard(1)
  if (target === '/dev/stderr') return openStandard(2)
  try {
    return outputOf(openSync(target, appendFlags | constants.O_CREAT, 0o600), true)
  } catch (cause) {
    throw new SallyportError('SLP4001', `cannot open ${target} for writing: ${messageOf(cause)}`, {
      fix: 'name a file in a directory that exists and may be written to, or - for stdout',
      cause,
    })
  }
}

// Non-blocking matters for pipes and terminals only: a write that waits for their reader holds a thread of node's pool, and with it the end of the process.
const appendFlags = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY

/** A pipe is opened once more, because the flag on the descriptor itself would also change it for whoever shares it with us. */
function openStandard(fd: number): Output {
  if (!fstatSync(fd).isFIFO()) return outputOf(fd, false)
  try {
    return outputOf(openSync(`/proc/self/fd/${fd}`, appendFlags), true)
  } catch {
    // No /proc, or it is not ours to open: the descriptor itself works too, only less politely.
    return outputOf(fd, false)
  }
}

function outputOf(fd: number, isOwn: boolean): Output {
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        write(fd, bytes, 0, bytes.length, null, (error, written) => {
          if (error === null) resolve(written)
          else if (error.code === 'EAGAIN') resolve(0)
          else reject(error)
        })
      }),
    close: () => {
      if (isOwn) closeSync(fd)
    },
  }
}
