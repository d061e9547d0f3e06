// Tells one client what a command has written: the lines that it asks for, and further ones as they come.
import type { WebSocket } from 'ws'
import { channels, frame } from '../client/index.ts'
import { finish } from './exec-session.ts'
import type { LogLine, LogRing } from './log-ring.ts'

/** A client that has so much to read is told no more of what is new until it has. */
const mostUnread = 4 * 1024 * 1024

interface LogOrder {
  readonly follow: boolean
  readonly timestamps: boolean
  readonly tailLines: number
  readonly limitBytes: number
  /** Milliseconds since the epoch. */
  readonly since: number
}

export function serveLog(socket: WebSocket, message: Readonly<Record<string, unknown>>, ring: LogRing): void {
  const order = logOrderOf(message)
  let left = order.limitBytes
  let missed = 0
  const end = (): void => {
    stop()
    finish(socket, { metadata: {}, status: 'Success' })
  }
  const send = (line: LogLine): void => {
    if (left <= 0 || socket.readyState !== socket.OPEN) return
    const text = textOf(line, order).subarray(0, left)
    left -= text.length
    socket.send(frame(channels.stdout, text))
  }
  const hear = (line: LogLine | undefined): void => {
    if (line === undefined) return end()
    if (socket.bufferedAmount > mostUnread) return void missed++
    if (missed > 0) send({ at: line.at, text: Buffer.from(`sallyport: ${missed} lines were not read in time, and are left out\n`) })
    missed = 0
    send(line)
    if (left <= 0) end()
  }
  for (const line of chosenOf(ring.lines(), order)) send(line)
  let stop = (): void => undefined
  if (!order.follow || left <= 0) return end()
  stop = ring.follow(hear)
  socket.once('close', () => stop())
}

/** What such a client would be told of a command that has ended. */
export function selectLog(lines: readonly LogLine[], message: Readonly<Record<string, unknown>>): Buffer {
  const order = logOrderOf(message)
  const text = Buffer.concat(chosenOf(lines, order).map((line) => textOf(line, order)))
  return text.subarray(0, Math.min(order.limitBytes, text.length))
}

function chosenOf(lines: readonly LogLine[], { since, tailLines }: LogOrder): readonly LogLine[] {
  const recent = lines.filter(({ at }) => at >= since)
  return tailLines < recent.length ? recent.slice(recent.length - tailLines) : recent
}

function logOrderOf(message: Readonly<Record<string, unknown>>): LogOrder {
  const number = (name: string): number | undefined => {
    const value = message[name]
    return typeof value === 'number' ? value : undefined
  }
  const seconds = number('sinceSeconds')
  return {
    follow: message['follow'] === true,
    timestamps: message['timestamps'] === true,
    tailLines: number('tailLines') ?? Number.POSITIVE_INFINITY,
    limitBytes: number('limitBytes') ?? Number.POSITIVE_INFINITY,
    since: number('sinceTime') ?? (seconds === undefined ? 0 : Date.now() - seconds * 1000),
  }
}

function textOf({ at, text }: LogLine, { timestamps }: LogOrder): Buffer {
  return timestamps ? Buffer.concat([Buffer.from(`${new Date(at).toISOString()} `), text]) : text
}
