// Carries out, in the driver, what a test wants started beside the sealed command: each order is one line of descriptor 4, its outcome one of descriptor 3.
import { createHash } from 'node:crypto'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import type { ExecProcess, ExecRequest, Seal, TerminalSize } from '../../src/seal/index.ts'

export interface TestOrder extends Pick<ExecRequest, 'argv' | 'env' | 'cwd'> {
  readonly id: number
  readonly tty?: TerminalSize
  /** Its whole input; absent: it gets none. */
  readonly stdin?: string
  /** What to wait for in its output, and what to do then. */
  readonly steps?: readonly Step[]
  /** Instead of `stdin`: so much of a pattern, and nobody reads before the writer has to wait. */
  readonly megabytes?: number
}

export interface Step {
  readonly see: string
  readonly type?: string
  readonly resize?: TerminalSize
  readonly kill?: boolean
}

export interface ExecOutcome {
  readonly id: number
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  /** It has not run. */
  readonly failure?: string
  /** Of an order with megabytes: what came, and how much the writer could write before anybody read. */
  readonly sha256?: string
  readonly unread?: number
}

export function serveOrders(seal: Seal, tell: (event: { readonly exec: ExecOutcome }) => void): void {
  const orders = new net.Socket({ fd: 4, readable: true, writable: false })
  orders.unref()
  createInterface({ input: orders }).on('line', (line) => {
    const order: TestOrder = JSON.parse(line)
    void carryOut(seal, order).then((exec) => tell({ exec }))
  })
}

export function patternOf(megabytes: number): Buffer {
  const part = Buffer.from(Array.from({ length: 1 << 20 }, (_, index) => (index * 31 + (index >> 8)) & 255))
  return Buffer.concat(Array.from({ length: megabytes }, () => part))
}

async function carryOut(seal: Seal, { id, stdin, steps = [], megabytes, tty, ...order }: TestOrder): Promise<ExecOutcome> {
  const wantsInput = stdin !== undefined || megabytes !== undefined || steps.length > 0
  const started = await seal.exec({ ...order, tty: tty ?? null, stdin: wantsInput })
  if (!started.ok) return { id, exitCode: started.error.exitCode, stdout: '', stderr: '', failure: started.error.message }
  const process = started.value
  if (megabytes !== undefined) return { id, stdout: '', stderr: '', ...(await passThrough(process, patternOf(megabytes))) }
  const [out, err] = [collect(process.stdout), collect(process.stderr)]
  const read = [process.stdout, process.stderr].map((stream) => new Promise((done) => (stream ? stream.once('close', done) : done(true))))
  if (stdin !== undefined) process.stdin?.end(stdin)
  let seen = 0
  for (const step of steps) {
    for (let tries = 0; !out().slice(seen).includes(step.see) && tries < 500; tries++) await wait(20)
    seen = out().length
    if (step.type !== undefined) process.stdin?.write(step.type)
    if (step.resize) process.resize(step.resize)
    if (step.kill) process.kill()
  }
  if (steps.length > 0 && !tty) process.stdin?.end()
  const { exitCode } = await process.ended
  await Promise.all(read)
  return { id, exitCode, stdout: out(), stderr: err() }
}

async function passThrough(process: ExecProcess, bytes: Buffer): Promise<{ exitCode: number; sha256: string; unread: number }> {
  const hash = createHash('sha256')
  let written = 0
  const writing = (async () => {
    for (let at = 0; at < bytes.length; at += 1 << 16) {
      await new Promise((done) => process.stdin?.write(bytes.subarray(at, at + (1 << 16)), done))
      written = at
    }
    process.stdin?.end()
  })()
  for (let before = -1; before !== written; await wait(300)) before = written
  const unread = written
  for await (const chunk of process.stdout) hash.update(chunk)
  await writing
  const { exitCode } = await process.ended
  return { exitCode, sha256: hash.digest('hex'), unread }
}

function collect(stream: ExecProcess['stderr']): () => string {
  let text = ''
  stream?.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  return () => text
}
