// Dials, speaks and listens for the probe client, telling every way in which a connection can end apart.
import net from 'node:net'
import { Duplex } from 'node:stream'
import tls from 'node:tls'

export const defaultSeconds = 5

/** What a read came to: bytes, the other side's end, or an outcome word. */
export type Read = { readonly bytes: Buffer } | { readonly ended: string }

/** A connection read by asking, so that a probe reads like the conversation it is. */
export interface Line {
  send(text: string | Uint8Array): void
  /** The next bytes that come, or how it ended; `timeout` when nothing comes for so long. */
  read(seconds: number): Promise<Read>
  close(): void
}

export interface TlsPlan {
  readonly sni?: string | undefined
  readonly alpn?: readonly string[] | undefined
}

/** Rejects with an outcome word as its message. */
export async function dial(address: string, seconds: number): Promise<net.Socket> {
  const { host, port } = split(address)
  const socket = net.connect({ host, port, noDelay: true })
  await settle(socket, 'connect', seconds)
  return socket
}

/** Rejects with `handshake-…`. */
export async function secure(socket: net.Socket, plan: TlsPlan, seconds: number): Promise<net.Socket> {
  const secured = tls.connect({
    socket,
    rejectUnauthorized: false,
    ...(plan.sni === undefined ? {} : { servername: plan.sni }),
    ...(plan.alpn === undefined ? {} : { ALPNProtocols: [...plan.alpn] }),
  })
  await settle(secured, 'secureConnect', seconds).catch((error: Error) => {
    throw new Error(`handshake-${error.message}`)
  })
  return secured
}

function settle(socket: net.Socket, event: string, seconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (word: string): void => {
      clearTimeout(limit)
      socket.destroy()
      reject(new Error(word))
    }
    const limit = setTimeout(() => fail('timeout'), seconds * 1000)
    socket.once(event, () => {
      clearTimeout(limit)
      resolve()
    })
    // Stays: errors after this are found by whoever reads.
    socket.on('error', (error) => fail(outcomeOf(error)))
    socket.once('close', () => fail('closed'))
  })
}

export function lineOf(socket: net.Socket): Line {
  const waiting: Buffer[] = []
  let ended: string | undefined
  let wake = (): void => undefined
  socket.on('data', (bytes: Buffer) => {
    waiting.push(bytes)
    wake()
  })
  const end = (word: string) => (): void => {
    ended ??= word
    wake()
  }
  socket.on('error', (error) => end(outcomeOf(error))())
  socket.on('end', end('closed'))
  socket.on('close', end('closed'))

  return {
    send: (text) => void socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text),
    async read(seconds) {
      if (waiting.length === 0 && ended === undefined) {
        await new Promise<void>((resolve) => {
          const limit = setTimeout(resolve, seconds * 1000)
          wake = () => {
            clearTimeout(limit)
            resolve()
          }
        })
      }
      const bytes = waiting.splice(0)
      return bytes.length > 0 ? { bytes: Buffer.concat(bytes) } : { ended: ended ?? 'timeout' }
    },
    close: () => socket.destroy(),
  }
}

/** The bytes of a ClientHello for the name. */
export function clientHello(sni: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        resolve(chunk)
        done()
      },
    })
    const client = tls.connect({ socket: wire, servername: sni, rejectUnauthorized: false })
    client.on('error', () => client.destroy())
  })
}

export function outcomeOf(error: Error): string {
  const code = 'code' in error ? String(error.code) : ''
  const word = outcomes[code]
  if (word !== undefined) return word
  return code.startsWith('ERR_SSL_') ? `tls-error:${code.slice('ERR_SSL_'.length)}` : `error:${code || error.message}`
}

const outcomes: Readonly<Record<string, string>> = {
  ETIMEDOUT: 'timeout',
  ECONNREFUSED: 'refused',
  ECONNRESET: 'closed',
  EPIPE: 'closed',
  EHOSTUNREACH: 'no-route',
  ENETUNREACH: 'no-route',
  ENOTFOUND: 'no-name',
  EAI_AGAIN: 'no-name',
}

function split(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
}
