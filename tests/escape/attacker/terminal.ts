// The attacker's ways to type into the terminal that it shares with the shell that started it, and into others.
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { call, nameOf } from '../libc.ts'
import type { Context } from './context.ts'
import { codeOf } from './network.ts'

export interface TypeAttack {
  /** `stdin`, or a path that leads to the terminal. */
  readonly through: string
  /** The request's number as the program writes it; the kernel looks at 32 bits of it. */
  readonly request: string
}

/** Types a line, character by character (TIOCSTI). */
export function typeLine({ through, request }: TypeAttack, context: Context): string {
  return withTerminal(through, (fd) => {
    for (const character of `${context.token}\n`) {
      const result = call('ioctl', fd, BigInt(request), Buffer.from(character))
      if (result < 0) return nameOf(result)
    }
    return 'typed'
  })
}

/** Asks a virtual console for something harmless by the request that also pastes into its input (TIOCLINUX). */
export function askConsole({ path }: { readonly path: string }): string {
  const [tioclinux, foregroundConsole] = [0x541c, 12]
  return withTerminal(path, (fd) => {
    const result = call('ioctl', fd, tioclinux, Buffer.from([foregroundConsole]))
    return result < 0 ? nameOf(result) : `answered ${result}`
  })
}

/** Writes on somebody else's terminal, whose other end may be a connection to another machine. */
export function writeOn({ path }: { readonly path: string }, context: Context): string {
  return withTerminal(path, (fd) => `wrote ${writeSync(fd, `${context.token}\n`)} bytes`)
}

function withTerminal(path: string, use: (fd: number) => string): string {
  if (path === 'stdin') return use(0)
  try {
    const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)
    try {
      return use(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    return `${path}: ${codeOf(error)}`
  }
}
