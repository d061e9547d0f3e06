// Stands our own proxy up on the simulation's ground, as people run it: a sealed workload that calls, or a gateway, fed by xDS.
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAddress } from '../../src/base/index.ts'
import { openFeed } from '../../src/envoy/index.ts'
import type { FlowRecord } from '../../src/flow/index.ts'
import { emptySnapshot } from '../../src/xds/index.ts'
import type { CallerAnswer, CallerOrder } from './caller-order.ts'
import { type Ground, groundNetwork } from './ground.ts'
import type { NodeProcess } from './node-process.ts'
import { bundled } from './outside-servers.ts'
import { silenceMs, type Stand, standsIn, type StandCall, type StandOutcome, wordsOf } from './stand.ts'

const recordMs = 3000
const lookMs = 10
/** A little longer than a cluster that is named and missing is waited for. */
const clusterMs = 1100
const readyText = '{"ready":true}'
const firstPort = 20_000
const lastPort = 32_000

export async function openSallyportStand(role: 'sidecar' | 'gateway', ground: Ground): Promise<Stand> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-stand-'))
  const unseen = mkdtempSync(join(standsIn, 'sallyport-stand-'))
  const feed = await openFeed(join(unseen, 'xds.sock'))
  const flows = join(folder, 'flows.jsonl')
  closeSync(openSync(flows, 'a'))
  // A start waits for its first configuration.
  const first = feed.put(emptySnapshot)
  const options = ['--xds', feed.path, '--state-dir', join(folder, 'state'), '--flows', flows]
  const calling = [process.execPath, bundled('test-caller.js')]
  const run = (args: readonly string[]) => [bundled('bin.js'), ...args, ...options]
  const env = { HOME: folder }
  const proxy =
    role === 'sidecar'
      ? ground.engines.spawn(process.execPath, [...run(['run', '--name', 'client', '-l', 'app=client']), '--', ...calling], {
          env,
          cwd: folder,
        })
      : ground.gateway.spawn(process.execPath, run(['gateway', '-l', 'istio=egressgateway', '--from', groundNetwork]), { env, cwd: folder })
  const caller = role === 'sidecar' ? proxy : ground.engines.spawn(process.execPath, calling.slice(1), { cwd: folder })
  const records = new Records(flows)
  const line = new Line(caller)
  await caller.says(readyText)
  await first
  const notes: string[] = []
  let port = firstPort
  return {
    notes,
    async put({ snapshot, isIncomplete = false }) {
      notes.push(...(await feed.put(snapshot)))
      // Whatever names a cluster that is not there waits for it.
      if (isIncomplete) await new Promise((resolve) => setTimeout(resolve, clusterMs))
    },
    answered: () => line.quiet(),
    async call(call) {
      const from = port
      port = port === lastPort ? firstPort : port + 1
      const began = performance.now()
      const recorded = records.of(from)
      const answer = await line.ask({ ...dialled(call, ground), from, words: wordsOf(call).toString('latin1'), silenceMs })
      return outcome(answer, await recorded, (local) => ground.reachedFrom(local, began))
    },
    async close() {
      records.close()
      caller.stdin?.end()
      if (proxy !== caller) proxy.signal('SIGTERM')
      await Promise.all([caller.ended, proxy.ended])
      await feed.close()
      for (const path of [folder, unseen]) rmSync(path, { recursive: true, force: true })
      if (proxy.stderr().includes('flows were opened')) throw new Error(proxy.stderr())
    },
  }
}

/** A gateway's listener is known by its port; where it runs is no matter of the table. */
function dialled({ to, listener }: StandCall, ground: Ground): Pick<CallerOrder, 'ip' | 'port'> {
  if (listener !== undefined) return { ip: ground.gateway.address, port: Number(listener.slice(listener.lastIndexOf('_') + 1)) }
  const address = parseAddress(to)
  if (address === undefined) throw new Error(`no address: ${to}`)
  return { ip: address.ip, port: address.port }
}

function outcome(answer: string, record: FlowRecord | undefined, reachedFrom: (local: string) => readonly string[]): StandOutcome {
  return { record, answer, reached: () => (record?.upstreamLocal === undefined ? [] : reachedFrom(record.upstreamLocal)) }
}

/** Orders and answers of the caller, many at a time. */
class Line {
  readonly #caller: NodeProcess
  readonly #waiting = new Map<number, (answer: string) => void>()
  #rest = ''
  #wake = (): void => undefined

  constructor(caller: NodeProcess) {
    this.#caller = caller
    caller.output?.on('data', (text: string) => this.#hear(text))
    void caller.ended.then(() => {
      for (const resolve of this.#waiting.values()) resolve('')
      this.#waiting.clear()
      this.#wake()
    })
  }

  ask(order: CallerOrder): Promise<string> {
    return new Promise((resolve) => {
      this.#waiting.set(order.from, resolve)
      this.#caller.stdin?.write(`${JSON.stringify(order)}\n`)
    })
  }

  async quiet(): Promise<void> {
    while (this.#waiting.size > 0) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  #hear(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === readyText || !line.startsWith('{')) continue
      const { from, answer } = JSON.parse(line) as CallerAnswer
      this.#waiting.get(from)?.(answer)
      this.#waiting.delete(from)
    }
    this.#wake()
  }
}

/** The file of records, read as it grows, by the port of the one who called. */
class Records {
  readonly #file: number
  readonly #waiting = new Map<number, (record: FlowRecord) => void>()
  readonly #buffer = Buffer.alloc(1 << 16)
  readonly #timer: NodeJS.Timeout
  #rest = Buffer.alloc(0)

  constructor(path: string) {
    this.#file = openSync(path, 'r')
    this.#timer = setInterval(() => this.#read(), lookMs)
  }

  /** Of a connection with a request the request's record. */
  of(port: number): Promise<FlowRecord | undefined> {
    return new Promise((resolve) => {
      const limit = setTimeout(() => resolve(undefined), recordMs)
      this.#waiting.set(port, (record) => {
        clearTimeout(limit)
        resolve(record)
      })
    })
  }

  close(): void {
    clearInterval(this.#timer)
    closeSync(this.#file)
  }

  #read(): void {
    for (;;) {
      const count = readSync(this.#file, this.#buffer)
      if (count === 0) return
      this.#rest = Buffer.concat([this.#rest, this.#buffer.subarray(0, count)])
      const end = this.#rest.lastIndexOf(10) + 1
      for (const line of this.#rest.toString('utf8', 0, end).split('\n')) if (line !== '') this.#hear(JSON.parse(line) as FlowRecord)
      this.#rest = this.#rest.subarray(end)
    }
  }

  #hear(record: FlowRecord): void {
    // A copy of a request is a flow of its own.
    if (record.parent !== undefined) return
    const port = Number(record.source.address.slice(record.source.address.lastIndexOf(':') + 1))
    this.#waiting.get(port)?.(record)
    this.#waiting.delete(port)
  }
}
