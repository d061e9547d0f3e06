// Writes the ends of a connection as tests compare them: IPv4 plainly even on a dual-stack socket.
import type { Socket } from 'node:net'

export function peerOf(socket: Socket): string {
  return plain(socket.remoteAddress ?? '')
}

export function localOf(socket: Socket): string {
  const ip = plain(socket.localAddress ?? '')
  return ip.includes(':') ? `[${ip}]:${socket.localPort}` : `${ip}:${socket.localPort}`
}

function plain(address: string): string {
  return address.replace(/^::ffff:/, '')
}
