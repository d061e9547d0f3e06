// Asks over HTTP/1.1: once to see an answer, or at a steady pace that does not wait for answers.
import { connect, type Socket } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Done, hostName, type Job, requestText } from './jobs.ts'

export function ask({ at, host, path }: Extract<Job, { job: 'ask' }>): Promise<Done> {
  const began = performance.now()
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect({ host: at.host, port: at.port, timeout: 5000 }, () => socket.write(requestText(host, path)))
    socket.setEncoding('latin1')
    socket.once('error', reject)
    socket.once('timeout', () => socket.destroy(new Error(`no answer from ${at.host}:${at.port}, only ${JSON.stringify(text)}`)))
    socket.on('data', (more: Buffer | string) => {
      text += String(more)
      if (lengthOf(text) === undefined) return
      socket.destroy()
      resolve({ done: 1, failed: 0, seconds: (performance.now() - began) / 1000, answer: text })
    })
  })
}

/** Bytes of the whole message at the beginning of the text; undefined while it is not complete. */
function lengthOf(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n')
  if (head < 0) return undefined
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head))?.[1] ?? 0)
  return text.length >= head + 4 + length ? head + 4 + length : undefined
}

interface Lane {
  readonly socket: Socket
  /** When each request that is under way was due. */
  readonly due: number[]
  text: string
}

/** Latency counts from the moment at which a request was due, so that a stall is not hidden by the wait that it causes. */
export async function paced(job: Extract<Job, { job: 'paced' }>): Promise<Done> {
  const latencies: number[] = []
  const statuses: Record<string, number> = {}
  let failed = 0
  const onText = (lane: Lane): void => {
    for (let length = lengthOf(lane.text); length !== undefined; length = lengthOf(lane.text)) {
      const status = lane.text.slice(9, 12)
      statuses[status] = (statuses[status] ?? 0) + 1
      if (status !== '200') failed++
      latencies.push(performance.now() - (lane.due.shift() ?? 0))
      lane.text = lane.text.slice(length)
    }
  }
  const lanes = await Promise.all(Array.from({ length: job.connections }, () => openLane(job, onText, () => failed++)))
  const began = performance.now()
  const total = job.rate * job.seconds
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - began) * job.rate) / 1000))
    for (; sent < due; sent++) {
      const lane = lanes[sent % lanes.length]
      lane?.due.push(began + (sent * 1000) / job.rate)
      lane?.socket.write(requestText(hostName((sent * 7919) % job.hosts), `/api/items?id=${sent}`))
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const seconds = (performance.now() - began) / 1000
  const patience = performance.now() + 10_000
  while (latencies.length < total && performance.now() < patience) await new Promise((resolve) => setTimeout(resolve, 5))
  for (const { socket } of lanes) socket.destroy()
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
  return { done: latencies.length, failed: failed + total - latencies.length, seconds, p50: at(0.5), p99: at(0.99), statuses }
}

function openLane(job: Extract<Job, { job: 'paced' }>, onText: (lane: Lane) => void, onLost: () => void): Promise<Lane> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: job.at.host, port: job.at.port, noDelay: true })
    const lane: Lane = { socket, due: [], text: '' }
    socket.setEncoding('latin1')
    socket.once('connect', () => resolve(lane))
    socket.once('error', (error) => {
      onLost()
      reject(error)
    })
    socket.on('data', (more: Buffer | string) => {
      lane.text += String(more)
      onText(lane)
    })
  })
}

/**
 * Each connection asks anew as soon as it is answered, whatever the answer; one that is closed connects again. Latency is that of a 200,
 * after the first quarter of the time, in which the connections are made.
 */
export async function pressed(job: Extract<Job, { job: 'pressed' }>): Promise<Done> {
  const latencies: number[] = []
  const statuses: Record<string, number> = {}
  const until = performance.now() + job.seconds * 1000
  const from = until - job.seconds * 750
  let asked = 0
  const sockets = new Set<Socket>()
  const count = (what: string): void => {
    statuses[what] = (statuses[what] ?? 0) + 1
  }
  const open = (): void => {
    let text = ''
    let at = 0
    const socket = connect({ host: job.at.host, port: job.at.port, noDelay: true })
    sockets.add(socket)
    const next = (): void => {
      at = performance.now()
      asked++
      socket.write(requestText(hostName((asked * 7919) % job.hosts), `/api/items?id=${asked}`))
    }
    socket.setEncoding('latin1')
    socket.once('connect', next)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      sockets.delete(socket)
      if (performance.now() >= until) return
      count('closed')
      setTimeout(open, 10)
    })
    socket.on('data', (more: Buffer | string) => {
      text += String(more)
      const length = lengthOf(text)
      if (length === undefined) return
      const status = text.slice(9, 12)
      count(status)
      if (status === '200' && at > from) latencies.push(performance.now() - at)
      text = text.slice(length)
      if (performance.now() < until) next()
    })
  }
  const late = monitorEventLoopDelay({ resolution: 1 })
  late.enable()
  const began = performance.now()
  for (let index = 0; index < job.connections; index++) open()
  await new Promise((resolve) => setTimeout(resolve, job.seconds * 1000))
  for (const socket of sockets) socket.destroy()
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
  const failed = Object.entries(statuses).reduce((sum, [what, times]) => (what === '200' ? sum : sum + times), 0)
  return {
    done: latencies.length,
    failed,
    seconds: (performance.now() - began) / 1000,
    p50: at(0.5),
    p99: at(0.99),
    statuses,
    lateMs: late.max / 1e6 - 1,
  }
}
