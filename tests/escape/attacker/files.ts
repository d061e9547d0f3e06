// The attacker's ways through files: sockets with a path, knobs of the kernel, other processes' roots, descriptors that were left open.
import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readlinkSync, writeFileSync, writeSync } from 'node:fs'
import net from 'node:net'
import { bytesOf, ipFromBytes, parseIp } from '../../../src/base/index.ts'
import { call, cString, families, nameOf, socketAddress } from '../libc.ts'
import type { Context } from './context.ts'
import { codeOf, splitTarget, waitFor } from './network.ts'

const answerMs = 500

export interface UnixAttack {
  /** A path, or an abstract name after `@`. */
  readonly path: string
  readonly send?: string
}

export function unix({ path, send }: UnixAttack, context: Context): Promise<string> {
  return sayTo(path.startsWith('@') ? `\0${path.slice(1)}` : path, send ?? context.token)
}

function sayTo(path: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(path)
    socket.setTimeout(answerMs, () => finish('said it, no answer'))
    const finish = (said: string): void => {
      socket.destroy()
      resolve(said)
    }
    socket.once('error', (error) => finish(codeOf(error)))
    socket.once('connect', () => socket.write(`${text}\n`))
    socket.once('data', () => finish('answered'))
    socket.once('close', () => finish('said it, no answer'))
  })
}

/** Datagram sockets with a path, as loggers and service managers listen on. */
export function unixDatagram({ path }: { readonly path: string }, context: Context): string {
  const fd = call('socket', families.unix, 2, 0)
  if (fd < 0) return `socket: ${nameOf(fd)}`
  const address = Buffer.concat([Buffer.from([families.unix, 0]), cString(path)])
  const data = Buffer.from(context.token)
  const result = call('sendto', fd, data, data.length, 0, address, address.length)
  call('close', fd)
  return `sendto: ${nameOf(result)}`
}

/** Writes into a file that is there already: knobs are not created. */
export function write({ path, text }: { readonly path: string; readonly text: string }): string {
  try {
    const fd = openSync(path, 'r+')
    try {
      return `wrote ${writeSync(fd, text)} bytes to ${path}`
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    return `${path}: ${codeOf(error)}`
  }
}

/** Replaces a file's content, or makes it. */
export function replace({ path, text }: { readonly path: string; readonly text: string }): string {
  try {
    writeFileSync(path, text)
    return `replaced ${path}`
  } catch (error) {
    return `${path}: ${codeOf(error)}`
  }
}

/** Looks for a socket below the root and the working directory of every process that any mounted /proc shows. */
export async function prowl(
  { path, procs }: { readonly path: string; readonly procs: readonly string[] },
  context: Context,
): Promise<string> {
  let seen = 0
  for (const proc of procs) {
    for (const pid of pidsBelow(proc)) {
      seen += 1
      const said = await sayTo(`${proc}/${pid}/root${path}`, context.token)
      if (said === 'answered') return `answered through ${proc}/${pid}/root`
    }
  }
  return `${seen} processes, none led out`
}

export function pidsBelow(proc: string): readonly number[] {
  try {
    return readdirSync(proc)
      .filter((name) => /^[0-9]+$/.test(name))
      .map(Number)
  } catch {
    // Not mounted, or hidden: no processes there.
    return []
  }
}

/** Opens a socket by its file handle, which no mask covers, and speaks to it. */
export async function byHandle(
  { handle, type, mount }: { readonly handle: string; readonly type: string; readonly mount: string },
  context: Context,
): Promise<string> {
  const pathOnly = 0x200000
  const bytes = Buffer.from(handle, 'hex')
  const head = Buffer.alloc(8)
  head.writeUInt32LE(bytes.length, 0)
  head.writeInt32LE(Number(type), 4)
  const directory = openSync(mount, 'r')
  const fd = call('open_by_handle_at', directory, Buffer.concat([head, bytes]), pathOnly)
  closeSync(directory)
  if (fd < 0) return nameOf(fd)
  const said = await sayTo(`/proc/self/fd/${fd}`, context.token)
  call('close', fd)
  return said
}

export interface InheritedAttack {
  readonly fd: number
  readonly use: 'send' | 'accept' | 'directory' | 'namespace' | 'reconnect'
  /** In the directory, or where to connect to from the namespace. */
  readonly to?: string
}

/** Uses a descriptor that whoever started the seal had open. */
export async function inherited({ fd, use, to }: InheritedAttack, context: Context): Promise<string> {
  const link = linkOf(fd)
  const isExpected = { send: /^socket:/, accept: /^socket:/, directory: /^\//, namespace: /^net:/, reconnect: /^socket:/ }[use].test(link)
  if (!isExpected) return `${fd} is ${link}`
  if (use === 'directory') return sayTo(`/proc/self/fd/${fd}/${to ?? ''}`, context.token)
  const text = Buffer.from(context.token)
  if (use === 'reconnect') return reconnect(fd, to ?? '', text)
  if (use === 'send') return nameOf(call('write', fd, text, text.length))
  if (use === 'namespace') return `setns: ${nameOf(call('setns', fd, 0))}`
  let accepted = -1
  await waitFor(() => accepted >= 0 || (accepted = call('accept4', fd, 0, 0, 0x800)) >= 0, answerMs)
  if (accepted < 0) return `accept: ${nameOf(accepted)}`
  const written = call('write', accepted, text, text.length)
  call('close', accepted)
  return `accepted, write: ${nameOf(written)}`
}

/** A socket is in the namespace that it was made in, wherever it is connected to. */
function reconnect(fd: number, to: string, text: Buffer): string {
  const { host, port } = splitTarget(to)
  const ip = parseIp(host)
  const address = socketAddress(bytesOf(ip ?? ipFromBytes(new Uint8Array(4))), port)
  const connected = call('connect', fd, address, address.length)
  return `connect: ${nameOf(connected)}, write: ${nameOf(call('write', fd, text, text.length))}`
}

function linkOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch (error) {
    return codeOf(error)
  }
}

export interface RunAttack {
  readonly argv: readonly string[]
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** An ordinary program. */
export function run({ argv, input, env, timeoutMs }: RunAttack): Promise<string> {
  const [program = '', ...args] = argv
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: 'pipe',
      env: { ...process.env, ...env },
      timeout: timeoutMs ?? 5000,
      killSignal: 'SIGKILL',
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString('latin1')).slice(0, 500)
      })
    }
    child.stdin.on('error', () => undefined)
    child.stdin.end(input ?? '')
    child.once('error', (error) => resolve(codeOf(error)))
    child.once('close', (code, signal) =>
      resolve(`${program} ${signal ?? code}${said === '' ? '' : `: ${said.trim().split('\n').at(-1)}`}`),
    )
  })
}

/** A program that outlives whoever started it: its own session, no terminal, no parent. */
export function leaveBehind({ script }: { readonly script: string }): string {
  const child = spawn('sh', ['-c', `trap '' HUP INT TERM; (${script}) &`], { stdio: 'ignore', detached: true })
  child.unref()
  return 'left behind'
}
