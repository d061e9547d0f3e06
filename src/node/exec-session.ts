// Carries out one exec: frames of Kubernetes' channel protocol (v5) become the input of a process, and what it writes becomes frames.
import type { Readable } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { channels, frame } from '../client/index.ts'
import type { ExecOrder, ExecRunning, PodHost } from './pod-host.ts'

/** What its client has not read yet; nothing more is read of the process until it has. */
const mostUnread = 512 * 1024
const usualSize = { columns: 80, rows: 24 }

export async function serveExec(socket: WebSocket, order: ExecOrder, exec: PodHost['exec']): Promise<void> {
  if (exec === undefined) return finish(socket, failure('nothing can be executed here: this is a gateway, and holds no workload'))
  // What the client says at once waits until there is somebody to say it to.
  socket.pause()
  const started = await exec(order)
  if (!started.ok) {
    // kubectl prints only the code of a command that has ended.
    socket.send(frame(channels.stderr, Buffer.from(`${started.error.message}\n`)))
    return finish(socket, exitFailure(started.error.exitCode))
  }
  const process = started.value
  socket.once('close', () => process.kill())
  socket.on('message', (data) => hear(process, bytesOf(data), socket))
  if (socket.readyState === socket.CLOSED || socket.readyState === socket.CLOSING) process.kill()
  process.stdin?.on('error', () => undefined)
  process.stdin?.on('drain', () => socket.resume())
  const told = [pipe(process.stdout, channels.stdout, socket)]
  if (process.stderr !== null) told.push(pipe(process.stderr, channels.stderr, socket))
  socket.resume()
  const { exitCode } = await process.ended
  await Promise.all(told)
  finish(socket, exitCode === 0 ? { metadata: {}, status: 'Success' } : exitFailure(exitCode))
}

/** The size of the terminal comes as the first message, if at all. */
export function orderOf(message: Readonly<Record<string, unknown>>): ExecOrder {
  const { command, stdin, tty } = message
  const argv = Array.isArray(command) ? command.filter((word) => typeof word === 'string') : []
  return { argv, stdin: stdin === true, tty: tty === true ? usualSize : null }
}

/** With a Status as its last frame. */
export function finish(socket: WebSocket, status: Readonly<Record<string, unknown>>): void {
  if (socket.isPaused) socket.resume()
  if (socket.readyState !== socket.OPEN) return
  socket.send(frame(channels.status, Buffer.from(JSON.stringify({ kind: 'Status', apiVersion: 'v1', ...status }))))
  socket.close(1000)
}

export function failure(message: string): Readonly<Record<string, unknown>> {
  return { metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 }
}

export function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}

function hear(process: ExecRunning, message: Buffer, socket: WebSocket): void {
  const [channel] = message
  const bytes = message.subarray(1)
  if (channel === channels.stdin && bytes.length > 0) {
    if (process.stdin?.write(bytes) === false) socket.pause()
  } else if (channel === channels.close && bytes[0] === channels.stdin) process.stdin?.end()
  else if (channel === channels.resize) resize(process, bytes)
}

function resize(process: ExecRunning, bytes: Buffer): void {
  let size: { readonly Width?: unknown; readonly Height?: unknown }
  try {
    size = JSON.parse(bytes.toString())
  } catch {
    // Not a size: the terminal stays as it is.
    return
  }
  const { Width: columns, Height: rows } = size
  if (isSize(columns) && isSize(rows)) process.resize({ columns, rows })
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536
}

/** Resolves when everything has been passed on. */
function pipe(from: Readable, channel: number, socket: WebSocket): Promise<void> {
  from.on('error', () => undefined)
  from.on('data', (chunk: Buffer) => {
    if (socket.readyState !== socket.OPEN) return
    socket.send(frame(channel, chunk), () => {
      if (from.isPaused() && socket.bufferedAmount < mostUnread) from.resume()
    })
    if (socket.bufferedAmount >= mostUnread) from.pause()
  })
  // Whatever has ended must not wait for a reader that has gone.
  socket.once('close', () => from.resume())
  return new Promise((resolve) => {
    from.once('end', resolve)
    from.once('close', resolve)
  })
}

/** As kubectl reads an exit code. */
function exitFailure(exitCode: number): Readonly<Record<string, unknown>> {
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  }
}
