// Makes TCP connections: many short ones, a few that carry bulk, many that are held open.
import { connect, type Socket } from 'node:net'
import { hello } from '../../src/proxy/sniff/client-hello.test-kit.ts'
import { type Done, type Job, type Place, requestText, serverName } from './jobs.ts'

const plain = Buffer.from('hi')

export async function connections(job: Extract<Job, { job: 'connect' }>): Promise<Done> {
  const hellos = Array.from({ length: job.names ?? 0 }, (_, index) => hello({ sni: serverName(index), alpn: ['h2', 'http/1.1'] }))
  const latencies: number[] = []
  let started = 0
  let failed = 0
  const began = performance.now()
  const lane = async (): Promise<void> => {
    while (started < job.count) {
      const said = hellos[(started * 7919) % hellos.length] ?? plain
      started++
      const at = performance.now()
      if (await once(job, said)) latencies.push(performance.now() - at)
      else failed++
    }
  }
  await Promise.all(Array.from({ length: job.concurrency }, lane))
  const sorted = latencies.toSorted((a, b) => a - b)
  const quantile = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN
  return { done: latencies.length, failed, seconds: (performance.now() - began) / 1000, p50: quantile(0.5), p99: quantile(0.99) }
}

function once({ at }: Pick<Extract<Job, { job: 'connect' }>, 'at'>, said: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    let isAnswered = false
    const socket = connect({ host: at.host, port: at.port, noDelay: true })
    socket.setTimeout(5000, () => socket.destroy())
    socket.once('connect', () => socket.write(said))
    socket.once('data', () => {
      isAnswered = true
      socket.end()
    })
    socket.once('error', () => undefined)
    socket.once('close', () => resolve(isAnswered))
  })
}

export async function bulk(job: Extract<Job, { job: 'bulk' }>): Promise<Done> {
  const began = performance.now()
  const received = await Promise.all(Array.from({ length: job.connections }, () => fetchBulk(job)))
  const bytes = received.reduce((sum, each) => sum + each, 0)
  const wanted = job.megabytes * job.connections * 1_048_576
  return { done: bytes / 1e9, failed: wanted - bytes, seconds: (performance.now() - began) / 1000 }
}

function fetchBulk({ at, megabytes }: Extract<Job, { job: 'bulk' }>): Promise<number> {
  return new Promise((resolve, reject) => {
    let received = 0
    const buffer = Buffer.allocUnsafeSlow(262_144)
    const socket = connect({
      host: at.host,
      port: at.port,
      onread: {
        buffer,
        callback: (length) => {
          received += length
          return true
        },
      },
    })
    socket.setTimeout(20_000, () => socket.destroy(new Error('the bulk stands still')))
    socket.once('connect', () => socket.write(`G${megabytes}\n`))
    socket.once('error', reject)
    socket.once('end', () => resolve(received))
  })
}

const held: Socket[] = []

export async function hold(job: Extract<Job, { job: 'hold' }>): Promise<Done> {
  const said = job.request === undefined ? plain : Buffer.from(requestText(job.request, '/api/items?id=1'))
  return openAll(job, (socket) => {
    socket.write(said)
    return new Promise((resolve) => socket.once('data', () => resolve()))
  })
}

/** A byte now and then: never silent, and never done. */
export async function dribble(job: Extract<Job, { job: 'dribble' }>): Promise<Done> {
  const text = requestText('h0.bench.example', '/api/items?id=1')
  return openAll(job, (socket) => {
    let at = 0
    const timer = setInterval(() => {
      // The last line never comes.
      if (at < text.length - 4) socket.write(text.charAt(at++))
      else socket.write('x-more: 1\r\n')
    }, job.everyMs)
    socket.once('close', () => clearInterval(timer))
    return Promise.resolve()
  })
}

async function openAll(job: { readonly at: Place; readonly count: number }, then: (socket: Socket) => Promise<void>): Promise<Done> {
  const began = performance.now()
  let failed = 0
  const open = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ host: job.at.host, port: job.at.port, noDelay: true })
      held.push(socket)
      socket.once('error', () => {
        failed++
        resolve()
      })
      socket.once('connect', () => void then(socket).then(resolve))
    })
  const batch = 100
  for (let at = 0; at < job.count; at += batch) await Promise.all(Array.from({ length: Math.min(batch, job.count - at) }, open))
  return { done: job.count - failed, failed, seconds: (performance.now() - began) / 1000 }
}

export async function release(): Promise<Done> {
  const sockets = held.splice(0)
  for (const socket of sockets) socket.destroy()
  return { done: sockets.length, failed: 0, seconds: 0 }
}
