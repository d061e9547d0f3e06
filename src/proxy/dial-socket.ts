// Begins a connection of a plain socket to a target, and reads a socket's addresses.
import type { Socket } from 'node:net'
import { type Address, parseIp } from '../base/index.ts'
import type { Target } from '../runtime/index.ts'

export function connectSocket(socket: Socket, target: Target, { keepAliveMs }: { readonly keepAliveMs?: number | undefined }): void {
  if ('pipe' in target) {
    socket.connect({ path: target.pipe })
    return
  }
  const keepAlive = keepAliveMs === undefined ? {} : { keepAlive: true, keepAliveInitialDelay: keepAliveMs }
  socket.connect({ host: target.ip, port: target.port, noDelay: true, ...keepAlive })
}

export function addressOf(host: string | undefined, port: number | undefined): Address | undefined {
  if (host === undefined || port === undefined) return undefined
  const ip = parseIp(host)
  return ip === undefined ? undefined : { ip, port }
}
