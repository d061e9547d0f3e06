// Answers workloads' DNS questions on sockets that were opened elsewhere, over UDP and TCP, and survives whatever comes.
import type dgram from 'node:dgram'
import type net from 'node:net'
import { createResponder } from './responder.ts'
import type { DnsCounters, Responder, ResponderOptions } from './responder.ts'
import { serveTcp } from './tcp-service.ts'
import type { TcpLimits } from './tcp-service.ts'

export interface DnsServiceOptions extends ResponderOptions {
  /** Bound already; closed with the service. */
  readonly udp: readonly dgram.Socket[]
  /** Listening already; closed with the service. */
  readonly tcp: readonly net.Server[]
  readonly limits?: Partial<DnsServiceLimits>
}

export interface DnsServiceLimits extends TcpLimits {
  /** Questions per UDP socket that wait for a resolver; more get SERVFAIL. */
  readonly inFlight: number
}

export interface DnsService {
  readonly counters: Readonly<DnsCounters>
  /** Resolves when every socket is closed. */
  close(): Promise<void>
}

const defaultLimits: DnsServiceLimits = { inFlight: 256, tcpConnections: 64, tcpIdleMs: 10_000, tcpInFlight: 32 }

export function serveDns(options: DnsServiceOptions): DnsService {
  const limits = { ...defaultLimits, ...options.limits }
  const counters: DnsCounters = { queries: 0, asked: 0, refused: 0, stripped: 0, malformed: 0, limited: 0, unsent: 0 }
  const responder = createResponder(options, counters)
  for (const socket of options.udp) serveUdp(socket, responder, limits, counters)
  const streams = options.tcp.map((server) => serveTcp(server, responder, limits, counters))
  return {
    counters,
    async close() {
      await Promise.all([...options.udp.map(closeSocket), ...streams.map((stream) => stream.close())])
    },
  }
}

function serveUdp(socket: dgram.Socket, responder: Responder, limits: DnsServiceLimits, counters: DnsCounters): void {
  let inFlight = 0

  const send = (reply: Buffer | undefined, peer: dgram.RemoteInfo): void => {
    if (reply === undefined) return
    try {
      socket.send(reply, peer.port, peer.address, (error) => {
        if (error) counters.unsent += 1
      })
    } catch {
      // Closed while the answer was under way.
      counters.unsent += 1
    }
  }

  socket.on('message', (packet, peer) => {
    if (inFlight >= limits.inFlight) return send(responder.turnAway(packet), peer)
    const reply = responder.respond(packet, 'udp')
    if (!(reply instanceof Promise)) return send(reply, peer)
    inFlight += 1
    void reply.then((late) => {
      inFlight -= 1
      send(late, peer)
    })
  })
  socket.on('error', () => {
    counters.unsent += 1
  })
}

function closeSocket(socket: dgram.Socket): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.close(resolve)
    } catch {
      // Closed already by its owner.
      resolve()
    }
  })
}
