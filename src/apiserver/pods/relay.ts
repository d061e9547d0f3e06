// Passes the frames of two WebSockets on to each other, no faster than either reads, until one of them ends.
import type { RawData, WebSocket } from 'ws'
import { keepAlive } from './keep-alive.ts'

/** What one side has not read yet; nothing more is read from the other until it has. */
const mostUnread = 1024 * 1024
/** A terminal may be left stopped for a while. */
const SILENT_MS = 600_000

export function relay(a: WebSocket, b: WebSocket): void {
  join(a, b)
  join(b, a)
}

function join(from: WebSocket, to: WebSocket): void {
  keepAlive(from, SILENT_MS)
  from.on('error', () => undefined)
  from.on('message', (data) => pass(from, to, data))
  from.once('close', (code, reason) => end(to, code, reason))
  if (from.readyState !== from.OPEN) end(to, 1011, Buffer.from('the other side has gone'))
}

function pass(from: WebSocket, to: WebSocket, data: RawData): void {
  if (to.readyState !== to.OPEN) return
  to.send(data, { binary: true }, () => {
    if (from.isPaused && to.bufferedAmount < mostUnread) from.resume()
  })
  if (to.bufferedAmount >= mostUnread) from.pause()
}

function end(socket: WebSocket, code: number, reason: Buffer): void {
  // A side that is not read from would never be seen to answer.
  if (socket.isPaused) socket.resume()
  if (socket.readyState === socket.OPEN) socket.close(isSendable(code) ? code : 1011, reason)
}

/** Codes that only say what was seen may not be sent (RFC 6455, 7.4.1). */
function isSendable(code: number): boolean {
  return code === 1000 || code === 1001 || code === 1011
}
