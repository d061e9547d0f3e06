// Finds out where the admin server listens, and binds it there.
import { chmodSync } from 'node:fs'
import type { Server } from 'node:http'
import {
  cidrContains,
  formatAddress,
  messageOf,
  parseAddress,
  parseCidr,
  parseIp,
  parsePort,
  removeStaleSocket,
  SallyportError,
} from '../base/index.ts'

export type AdminAddress = { readonly path: string } | { readonly host: string; readonly port: number }

/** Throws SLP4101. A port without a host is on loopback: whoever wants more has to say so. */
export function parseAdminAddress(text: string): AdminAddress {
  if (text.startsWith('/')) return { path: text }
  const port = parsePort(text.replace(/^(localhost)?:/, ''))
  if (port !== undefined) return { host: '127.0.0.1', port }
  const address = parseAddress(text)
  if (address !== undefined) return { host: address.ip, port: address.port }
  throw new SallyportError('SLP4101', `the admin address "${text}" is neither ADDRESS:PORT nor the path of a Unix socket`, {
    fix: 'write 127.0.0.1:15000, [::1]:15000, or a path that begins with a slash',
  })
}

export function isLoopback(address: AdminAddress): boolean {
  const ip = 'host' in address ? parseIp(address.host) : undefined
  return ip !== undefined && loopback.some((cidr) => cidr !== undefined && cidrContains(cidr, ip))
}

const loopback = [parseCidr('127.0.0.0/8'), parseCidr('::1')]

/** Resolves to the address as it was bound; rejects with SLP4101. */
export async function bind(server: Server, address: AdminAddress): Promise<string> {
  try {
    if ('path' in address) await removeStaleSocket(address.path)
    await listen(server, address)
  } catch (cause) {
    const where = 'path' in address ? address.path : `${address.host}:${address.port}`
    throw new SallyportError('SLP4101', `the admin server cannot listen on ${where}: ${messageOf(cause)}`, {
      fix: 'choose another address, or end the program that uses it',
      cause,
    })
  }
  if ('path' in address) {
    chmodSync(address.path, 0o600)
    return address.path
  }
  const bound = server.address()
  const ip = parseIp(address.host)
  return bound === null || typeof bound === 'string' || ip === undefined ? address.host : formatAddress({ ip, port: bound.port })
}

function listen(server: Server, address: AdminAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...address, exclusive: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
