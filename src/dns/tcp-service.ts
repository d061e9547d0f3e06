// Speaks DNS over TCP (RFC 7766) to workloads: two bytes of length before each message, with limits on everything that a peer could stretch.
import type net from 'node:net'
import type { DnsCounters, Responder } from './responder.ts'

export interface TcpLimits {
  readonly tcpConnections: number
  readonly tcpIdleMs: number
  /** Questions per connection that wait for a resolver; more are not read until one is answered. */
  readonly tcpInFlight: number
}

export interface TcpService {
  close(): Promise<void>
}

const prefixLength = 2
const longestQuery = 4096
// A client that asks and does not read: more than this unread, and it is cut.
const mostUnsent = 1024 * 1024

export function serveTcp(server: net.Server, responder: Responder, limits: TcpLimits, counters: DnsCounters): TcpService {
  const sockets = new Set<net.Socket>()
  server.on('connection', (socket) => {
    socket.on('error', () => socket.destroy())
    if (sockets.size >= limits.tcpConnections) {
      counters.limited += 1
      socket.destroy()
      return
    }
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    serveConnection(socket, responder, limits, counters)
  })
  // A failed accept (no descriptors left, say) concerns that connection only.
  server.on('error', () => {
    counters.limited += 1
  })
  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

function serveConnection(socket: net.Socket, responder: Responder, limits: TcpLimits, counters: DnsCounters): void {
  let unread: Buffer = Buffer.alloc(0)
  let inFlight = 0
  let ended = false
  socket.setNoDelay(true)
  socket.setTimeout(limits.tcpIdleMs, () => socket.destroy())

  function send(reply: Buffer | undefined): void {
    if (reply === undefined || socket.destroyed) return
    if (socket.writableLength > mostUnsent) {
      counters.unsent += 1
      socket.destroy()
      return
    }
    const prefix = Buffer.alloc(prefixLength)
    prefix.writeUInt16BE(reply.length)
    socket.write(Buffer.concat([prefix, reply]))
  }

  function answer(packet: Buffer): void {
    const reply = responder.respond(packet, 'tcp')
    if (!(reply instanceof Promise)) return send(reply)
    inFlight += 1
    void reply.then((late) => {
      inFlight -= 1
      send(late)
      takeMessages()
    })
  }

  function takeMessages(): void {
    while (inFlight < limits.tcpInFlight && unread.length >= prefixLength && !socket.destroyed) {
      const length = unread.readUInt16BE(0)
      if (length > longestQuery) {
        counters.malformed += 1
        socket.destroy()
        return
      }
      if (unread.length < prefixLength + length) break
      const packet = unread.subarray(prefixLength, prefixLength + length)
      unread = unread.subarray(prefixLength + length)
      answer(packet)
    }
    if (inFlight >= limits.tcpInFlight) socket.pause()
    else if (!ended) socket.resume()
    else if (inFlight === 0) socket.end()
  }

  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk])
    takeMessages()
  })
  // Servers that allow half-open connections owe their peers what was asked before the end.
  socket.on('end', () => {
    ended = true
    takeMessages()
  })
}
