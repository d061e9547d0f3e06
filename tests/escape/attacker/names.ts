// The attacker's questions to name servers: whatever a question can carry, a server outside could read.
import dgram from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import type { Context } from './context.ts'
import { codeOf, splitTarget, udp, waitFor } from './network.ts'

const answerMs = 500

/** As programs do it, by the C library. */
export async function resolve({ name }: { readonly name: string }): Promise<string> {
  try {
    const answers = await lookup(name, { all: true })
    return `answered ${answers.map((answer) => answer.address).join(', ')}`
  } catch (error) {
    return codeOf(error)
  }
}

export interface QueryAttack {
  /** Labels joined by dots; `\x00`-like bytes may be in them. */
  readonly name: string
  /** Number of the record type; 1 is A. */
  readonly type?: number
  readonly class?: number
  /** The third and fourth byte of the header, hexadecimal. */
  readonly flags?: string
  /** `ADDR:PORT`; the system's own server unless said otherwise. */
  readonly at?: string
  readonly over?: 'udp' | 'tcp'
  /** A second question in the same packet. */
  readonly also?: string
  /** An EDNS option that carries this text. */
  readonly option?: string
}

/** A question made by hand. */
export async function query(attack: QueryAttack): Promise<string> {
  const to = splitTarget(attack.at ?? `${systemServer()}:53`)
  const packet = packQuestion(attack)
  try {
    return await (attack.over === 'tcp' ? askByTcp(packet, to) : askByUdp(packet, to))
  } catch (error) {
    return codeOf(error)
  }
}

function packQuestion({ name, type = 1, class: kind = 1, flags = '0100', also, option }: QueryAttack): Buffer {
  const questions = [name, ...(also === undefined ? [] : [also])]
  const head = Buffer.from(`beef${flags}000000000000${'0000'}`, 'hex')
  head.writeUInt16BE(questions.length, 4)
  head.writeUInt16BE(option === undefined ? 0 : 1, 10)
  return Buffer.concat([
    head,
    ...questions.map((text) => packName(text, type, kind)),
    ...(option === undefined ? [] : [packOption(option)]),
  ])
}

function packName(name: string, type: number, kind: number): Buffer {
  const labels = name
    .split('.')
    .filter(Boolean)
    .map((label) => Buffer.from(label, 'latin1'))
  const tail = Buffer.alloc(5)
  tail.writeUInt16BE(type, 1)
  tail.writeUInt16BE(kind, 3)
  return Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), tail])
}

/** An OPT record (RFC 6891) with one option of the range for experiments. */
function packOption(text: string): Buffer {
  const data = Buffer.from(text)
  const head = Buffer.alloc(15)
  head.writeUInt16BE(41, 1)
  head.writeUInt16BE(4096, 3)
  head.writeUInt16BE(data.length + 4, 9)
  head.writeUInt16BE(65_001, 11)
  head.writeUInt16BE(data.length, 13)
  return Buffer.concat([head, data])
}

async function askByUdp(packet: Buffer, to: { host: string; port: number }): Promise<string> {
  const socket = dgram.createSocket(to.host.includes(':') ? 'udp6' : 'udp4')
  let answer: Buffer | undefined
  socket.on('message', (message) => (answer = message))
  socket.on('error', () => undefined)
  try {
    await new Promise<void>((done, reject) => socket.send(packet, to.port, to.host, (error) => (error ? reject(error) : done())))
    await waitFor(() => answer !== undefined, answerMs)
    return answer === undefined ? 'sent, no answer' : `answered with code ${(answer[3] ?? 0) & 15}`
  } finally {
    socket.close()
  }
}

async function askByTcp(packet: Buffer, to: { host: string; port: number }): Promise<string> {
  const socket = net.connect(to)
  socket.on('error', () => undefined)
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(answerMs * 2) })
    const length = Buffer.alloc(2)
    length.writeUInt16BE(packet.length)
    let answer: Buffer | undefined
    socket.on('data', (chunk: Buffer) => (answer = chunk))
    socket.write(Buffer.concat([length, packet]))
    await waitFor(() => answer !== undefined || socket.destroyed, answerMs)
    return answer === undefined ? 'sent, no answer' : `answered with code ${(answer[5] ?? 0) & 15}`
  } finally {
    socket.destroy()
  }
}

/** By multicast a question goes to everybody on the link (mDNS, LLMNR); at other ports to servers that are none of port 53. */
export function question(
  { name, to, multicast }: { readonly name: string; readonly to: string; readonly multicast?: boolean },
  context: Context,
): Promise<string> {
  return udp({ to, data: `hex:${packQuestion({ name }).toString('hex')}`, multicast: multicast === true }, context)
}

function systemServer(): string {
  const line = readFileSync('/etc/resolv.conf', 'utf8')
    .split('\n')
    .find((text) => text.startsWith('nameserver'))
  return line?.split(/\s+/)[1] ?? '127.0.0.1'
}
