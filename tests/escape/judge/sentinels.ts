// Plays the programs of the machine: servers on Unix sockets that note what they are told, and do it where their like would; listeners for all of loopback.
import { type ChildProcess, spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { mkdirSync } from 'node:fs'
import net from 'node:net'
import { dirname } from 'node:path'
import { call, cString, families, nameOf } from '../libc.ts'
import type { Ledger } from './ledger.ts'

const mostBytes = 8192

/** On a path, or in the abstract names of the calling thread's network namespace after `@`. */
export async function listenOnPath(path: string, ledger: Ledger): Promise<void> {
  const isAbstract = path.startsWith('@')
  if (!isAbstract) mkdirSync(dirname(path), { recursive: true })
  const server = net.createServer((socket) => serve(socket, path, ledger))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path: isAbstract ? `\0${path.slice(1)}` : path, writableAll: !isAbstract, readableAll: !isAbstract }, resolve)
  })
}

function serve(socket: net.Socket, path: string, ledger: Ledger): void {
  let told = ''
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    told = (told + chunk.toString('latin1')).slice(0, mostBytes)
    ledger.add({ what: `a word to ${path}`, text: told })
    const command = /^run: ([^\r\n]+)/.exec(told)?.[1]
    if (command !== undefined) runAsMachine(command)
    // The C library takes an answer of the name cache for the truth; none makes it ask elsewhere.
    socket.end(path.includes('nscd') ? '' : 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
  })
}

export interface DatagramSentinel {
  /** Notes what has arrived since the last time. */
  drain(): void
}

/** Node has no datagram sockets with a path. */
export function listenForDatagrams(path: string, ledger: Ledger): DatagramSentinel {
  mkdirSync(dirname(path), { recursive: true })
  const fd = call('socket', families.unix, 2 | 0x800, 0)
  const address = Buffer.concat([Buffer.from([families.unix, 0]), cString(path)])
  const bound = fd < 0 ? fd : call('bind', fd, address, address.length)
  if (bound < 0) throw new Error(`a datagram socket at ${path}: ${nameOf(bound)}`)
  const buffer = Buffer.alloc(mostBytes)
  return {
    drain() {
      for (let size = read(fd, buffer); size >= 0; size = read(fd, buffer))
        ledger.add({ what: `a word to ${path}`, text: buffer.subarray(0, size).toString('latin1') })
    },
  }
}

function read(fd: number, buffer: Buffer): number {
  return call('recvfrom', fd, buffer, buffer.length, 0x40, 0, 0)
}

/** Everything that is sent to the machine itself is led here, whatever address and port it was for. */
export async function listenForMachine(port: number, hasIpv6: boolean, ledger: Ledger): Promise<void> {
  const server = net.createServer((socket) => {
    ledger.add({ what: 'a connection to the machine itself', text: '' })
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      ledger.add({ what: 'a connection to the machine itself', text: chunk.toString('latin1') })
      socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    })
  })
  await new Promise<void>((resolve) => server.listen({ port }, resolve))
  for (const type of hasIpv6 ? (['udp4', 'udp6'] as const) : (['udp4'] as const)) {
    const socket = dgram.createSocket({ type, ipv6Only: type === 'udp6' })
    socket.on('message', (message) => ledger.add({ what: 'a datagram to the machine itself', text: message.toString('latin1') }))
    await new Promise<void>((resolve) => socket.bind(port, type === 'udp4' ? '0.0.0.0' : '::', resolve))
  }
}

/** Whatever is sent outside and is not for the declared host: takes it, and answers as a web server would. */
export async function listenOutside(port: number, ledger: Ledger): Promise<void> {
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', (chunk: Buffer) => {
      ledger.add({ what: 'a connection to a server outside', text: chunk.toString('latin1') })
      socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok')
    })
  })
  await new Promise<void>((resolve) => server.listen({ port }, resolve))
}

/** What a program of the machine starts when it is told to. */
function runAsMachine(command: string): ChildProcess {
  return spawn('sh', ['-c', command], { stdio: 'ignore' })
}
