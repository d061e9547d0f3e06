// The smallest sidecar there can be, around a real seal: says where each captured connection wanted to go, answers every name with one address, tells the test by descriptor 3.
import { existsSync, writeSync } from 'node:fs'
import type net from 'node:net'
import { join } from 'node:path'
import koffi from 'koffi'
import { serveOrders } from './exec-orders.ts'
import { openSeal, parsePublish, type Seal, type SealOptions } from '../../src/seal/index.ts'

/** What a test asks for, as JSON on the command line. */
export interface DriverOrder extends Partial<Omit<SealOptions, 'publish' | 'onRefused' | 'onNote' | 'probe' | 'env'>> {
  readonly publish?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Answers nobody, as a data plane that hangs. */
  readonly mute?: boolean
  /** Tests the seal and says how it went, before it starts. */
  readonly report?: boolean
  /** Says that the seal is open, and starts the command when there is a file of this name. */
  readonly startsAfter?: string
  readonly entryName?: string
  /** Starts beside the command what descriptor 4 says. */
  readonly takesOrders?: boolean
}

const order: DriverOrder = JSON.parse(process.argv[2] ?? '{}')
const getsockopt = koffi.load(null).func('int getsockopt(int, int, int, _Out_ uint8_t*, _Inout_ uint32_t*)')

process.exit(await run())

async function run(): Promise<number> {
  try {
    const seal = await openSeal(optionsOf(order))
    serve(seal)
    for (const name of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'] as const) process.on(name, () => seal.signal(name))
    if (order.report) tell({ report: await seal.selfTest() })
    if (order.startsAfter) await fileAt(order.startsAfter)
    await seal.start().catch((error: Error) => tell({ error: error.message }))
    if (order.takesOrders) serveOrders(seal, tell)
    tell({ started: true })
    const { code } = await seal.exited
    await seal.close()
    return code
  } catch (error) {
    tell({ error: error instanceof Error ? error.message : String(error) })
    return 125
  }
}

async function fileAt(path: string): Promise<void> {
  tell({ opened: true })
  while (!existsSync(path)) await new Promise((done) => setTimeout(done, 20))
}

function optionsOf({
  publish = [],
  env = {},
  entryName = 'seal-entry.js',
  mute: _mute,
  report: _report,
  startsAfter: _startsAfter,
  takesOrders: _takesOrders,
  ...rest
}: DriverOrder): SealOptions {
  return {
    command: ['true'],
    cwd: process.cwd(),
    expose: [],
    search: ['mesh.test'],
    ...rest,
    env: { ...process.env, ...env },
    publish: publish.map((text) => {
      const parsed = parsePublish(text)
      if (!parsed.ok) throw new Error(parsed.error)
      return parsed.value
    }),
    probe: { nonce: 'the-nonce' },
    entry: join(import.meta.dirname, entryName),
    onRefused: (refused) => tell({ refused }),
    onNote: (note) => tell({ note }),
  }
}

function tell(event: object): void {
  writeSync(3, `${JSON.stringify(event)}\n`)
}

function serve(seal: Seal): void {
  for (const [server, family] of [
    [seal.tcp4, 4],
    [seal.tcp6, 6],
  ] as const) {
    server.on('connection', (socket: net.Socket) => answer(seal, socket, family))
  }
  for (const socket of seal.dns.udp) socket.on('message', (question, from) => socket.send(answerName(question), from.port, from.address))
  for (const server of seal.dns.tcp) {
    server.on('connection', (socket: net.Socket) => {
      tell({ question: 'tcp' })
      socket.end()
    })
  }
}

function answer(seal: Seal, socket: net.Socket, family: 4 | 6): void {
  socket.on('error', () => undefined)
  const destination = originalDestination(socket, family)
  if (order.mute) return
  if (seal.probeAddresses.includes(destination)) return void socket.end('the-nonce\n')
  tell({ connection: destination })
  // Paused at accept, like every captured connection.
  socket.resume()
  socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsealed')
}

function originalDestination(socket: net.Socket, family: 4 | 6): string {
  const handle: unknown = '_handle' in socket ? socket._handle : undefined
  const fd = typeof handle === 'object' && handle !== null && 'fd' in handle ? Number(handle.fd) : -1
  const address = Buffer.alloc(28)
  const failed = getsockopt(fd, family === 4 ? 0 : 41, 80, address, new Uint32Array([28]))
  if (failed) return 'none'
  const port = address.readUInt16BE(2)
  if (family === 4) return `${address.subarray(4, 8).join('.')}:${port}`
  const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(8 + 2 * index).toString(16))
  return `[${groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::')}]:${port}`
}

/** 240.241.0.7 for every question of type A, nothing for the others. */
function answerName(question: Buffer): Buffer {
  const end = question.indexOf(0, 12)
  const isA = question.readUInt16BE(end + 1) === 1
  tell({ question: labelsOf(question, end).join('.') })
  const header = Buffer.concat([question.subarray(0, 2), Buffer.from([0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0])])
  const address = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 240, 241, 0, 7])
  return Buffer.concat([header, question.subarray(12, end + 5), ...(isA ? [address] : [])])
}

/** Each label is its length and then its bytes (RFC 1035 §3.1). */
function labelsOf(question: Buffer, end: number): readonly string[] {
  const labels: string[] = []
  for (let at = 12; at < end; at += 1 + question.readUInt8(at))
    labels.push(question.subarray(at + 1, at + 1 + question.readUInt8(at)).toString('latin1'))
  return labels
}
