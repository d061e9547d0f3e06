// Asks a WebSocket for signs of life, and cuts it when none comes in time.
import type { WebSocket } from 'ws'

/** A peer that is not being read from cannot be heard either, and is not held to it meanwhile. */
export function keepAlive(socket: WebSocket, longestMs: number): void {
  let heard = performance.now()
  const hear = (): void => void (heard = performance.now())
  const timer = setInterval(() => {
    if (socket.isPaused) hear()
    if (performance.now() - heard > longestMs) socket.terminate()
    else socket.ping()
  }, longestMs / 4)
  timer.unref()
  socket.on('pong', hear)
  socket.on('message', hear)
  socket.once('close', () => clearInterval(timer))
}
