// Lets something outside reach a port inside: accepts on an address of the machine, dials in the sealed namespace, passes bytes both ways.
import net from 'node:net'
import { fail, messageOf, ok, parsePort, type Result, SallyportError } from '../base/index.ts'

export interface Publish {
  /** Address outside; loopback unless said otherwise. */
  readonly address: string
  readonly port: number
  /** Port inside. */
  readonly inner: number
}

/** `[ADDR:]PORT[:INNER]`, an IPv6 address in brackets. */
export function parsePublish(text: string): Result<Publish, string> {
  const match = /^(?:\[([^\]]+)\]:|([0-9.]*\.[0-9.]*|localhost):)?([0-9]+)(?::([0-9]+))?$/.exec(text)
  const [, ipv6, ipv4, outer = '', inner = outer] = match ?? []
  const address = ipv6 ?? (ipv4 === 'localhost' ? undefined : ipv4) ?? '127.0.0.1'
  const [port, innerPort] = [parsePort(outer), parsePort(inner)]
  if (!match || port === undefined || innerPort === undefined || innerPort === 0) return fail(`"${text}" is not [ADDR:]PORT[:INNER]`)
  if (net.isIP(address) === 0) return fail(`"${address}" in "${text}" is not an IP address`)
  return ok({ address, port, inner: innerPort })
}

export interface Published {
  close(): Promise<void>
}

/** Resolves when every address is listened on. */
export async function openPublished(publish: readonly Publish[], dial: (port: number) => Promise<net.Socket>): Promise<Published> {
  const sockets = new Set<net.Socket>()
  const servers: net.Server[] = []
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  }
  try {
    for (const entry of publish) {
      servers.push(await listen(entry, (outside) => void join(outside, () => dial(entry.inner), sockets)))
    }
  } catch (error) {
    await close()
    throw error
  }
  return { close }
}

function listen({ address, port }: Publish, onConnection: (socket: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection)
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const fix = 'choose a port that is free, or end who listens there'
      reject(new SallyportError('SLP0301', `--publish ${address}:${port}: ${messageOf(cause)}`, { cause, fix }))
    })
    server.listen({ host: address, port }, () => resolve(server))
  })
}

/** Nothing inside listens: the caller sees what it would see without a seal, a closed connection. */
async function join(outside: net.Socket, dial: () => Promise<net.Socket>, sockets: Set<net.Socket>): Promise<void> {
  track(outside, sockets)
  let inside: net.Socket
  try {
    inside = await dial()
  } catch {
    outside.resetAndDestroy()
    return
  }
  if (outside.destroyed) return void inside.destroy()
  track(inside, sockets)
  for (const [from, to] of [
    [outside, inside],
    [inside, outside],
  ] as const) {
    from.pipe(to)
    // Without an error the other side gets its end through the pipe, after what is still to be written.
    from.on('close', (hadError: boolean) => hadError && to.destroy())
  }
}

/** An error needs no word: 'close' follows it, and that ends the other side. */
function track(socket: net.Socket, sockets: Set<net.Socket>): void {
  sockets.add(socket)
  socket.on('error', () => undefined)
  socket.on('close', () => sockets.delete(socket))
}
