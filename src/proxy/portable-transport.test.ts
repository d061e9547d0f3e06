// Holds what a plain connection does with bytes, buffers and ends, by Node's handle and by its socket.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Ip } from '../base/index.ts'
import { createPortableTransport, type PortableOptions } from './portable-transport.ts'
import { nobody, type Wire } from './transport.ts'

type By = NonNullable<PortableOptions['by']>

const ways: readonly By[] = ['handle', 'socket']

const closing: (() => void)[] = []

afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** One end as a wire, whose first bytes the other end has sent. */
async function wireOf(by: By, reclaimMs: number): Promise<{ wire: Wire; say: (text: string) => void; heard: () => string }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  let heard = ''
  const wire = new Promise<Wire>((resolve) => {
    createPortableTransport({ reclaimMs, by }).adopt(server, (adopted) => {
      adopted.handler = {
        ...nobody,
        onData: (bytes, start, end) => {
          heard += bytes.toString('latin1', start, end)
        },
      }
      resolve(adopted)
    })
  })
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => undefined)
  closing.push(
    () => socket.destroy(),
    () => server.close(),
  )
  return { wire: await wire, say: (text) => socket.write(text), heard: () => heard }
}

describe.each(ways)('a large buffer, by %s', (by) => {
  it('is given back when nothing is read for a while, and reading goes on without it', async () => {
    const { wire, say, heard } = await wireOf(by, 20)
    wire.promote()
    expect(wire.isPrivate).toBe(true)
    say('one')
    await expect.poll(() => wire.isPrivate).toBe(false)
    say('two')
    await expect.poll(heard).toBe('onetwo')
    wire.promote()
    expect(wire.isPrivate).toBe(true)
  })

  it('stays with a wire that is paused: what it gave away is not sent yet', async () => {
    const { wire } = await wireOf(by, 10)
    wire.promote()
    wire.pause()
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(wire.isPrivate).toBe(true)
    wire.resume()
    await expect.poll(() => wire.isPrivate).toBe(false)
  })
})

describe.each(ways)('what is sent, by %s', (by) => {
  it('arrives whole and in order, whatever its size and however it is given, before the end of the connection', async () => {
    const { wire, peer } = await talking(by)
    const pieces = Array.from({ length: 400 }, (_, index) => Buffer.alloc([3, 900, 16_384, 70_000][index % 4] ?? 1, 97 + (index % 26)))
    for (const [index, piece] of pieces.entries()) {
      if (index % 3 === 0) wire.lend(piece, 0, piece.length)
      else wire.send(Buffer.concat([Buffer.from('-'), piece]), 1, piece.length + 1)
      // In some turns much is sent, in others little.
      if (index % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    wire.finish()
    const got = await readAll(peer)
    expect(got.equals(Buffer.concat(pieces))).toBe(true)
  })

  it('is the same in the next read, because it was copied', async () => {
    const { wire, peer } = await talking(by)
    const bytes = Buffer.from('mine')
    wire.send(bytes, 0, bytes.length)
    bytes.fill('x')
    wire.finish()
    expect((await readAll(peer)).toString()).toBe('mine')
  })

  it('has left when the connection is closed in the same turn', async () => {
    const { wire, peer } = await talking(by)
    wire.send(Buffer.from('last words'), 0, 10)
    wire.close()
    expect((await readAll(peer)).toString()).toBe('last words')
  })

  it('counts as pending until then, and a peer that does not read stops the source', async () => {
    const { wire, peer } = await talking(by)
    peer.pause()
    const bytes = Buffer.alloc(10_000)
    wire.send(bytes, 0, bytes.length)
    expect(wire.pending).toBe(10_000)
    let isTaken = true
    for (let sent = 0; sent < 64 * 1024 * 1024 && isTaken; sent += bytes.length) {
      isTaken = wire.send(bytes, 0, bytes.length)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(isTaken).toBe(false)
    expect(wire.pending).toBeGreaterThan(200_000)
    const drained = new Promise<void>((resolve) => {
      wire.handler = { ...nobody, onDrain: resolve }
    })
    peer.resume()
    await drained
    expect(wire.pending).toBe(0)
  })
})

async function talking(by: By): Promise<{ wire: Wire; peer: Socket }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const wire = new Promise<Wire>((resolve) => createPortableTransport({ by }).adopt(server, resolve))
  const peer = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  closing.push(
    () => peer.destroy(),
    () => server.close(),
  )
  return { wire: await wire, peer }
}

async function readAll(peer: Socket): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of peer) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

describe.each(ways)('a reset, by %s', (by) => {
  it.each([
    ['at once', () => undefined],
    ['while its FIN is on the way', (wire: Wire) => wire.finish()],
    [
      'while its last bytes and its FIN are on the way',
      (wire: Wire) => {
        wire.send(Buffer.alloc(8_000_000), 0, 8_000_000)
        wire.finish()
      },
    ],
  ])('closes the connection, %s', async (_when, before) => {
    const { wire } = await wireOf(by, 1000)
    const closed = new Promise<boolean>((resolve) => (wire.handler = { ...nobody, onClose: () => resolve(true) }))
    before(wire)
    wire.reset()
    expect(await Promise.race([closed, new Promise((resolve) => setTimeout(() => resolve('still open'), 2000))])).toBe(true)
  })
})

describe.each(ways)('the end of a connection, by %s', (by) => {
  it('comes once both sides have sent their FIN, and not before', async () => {
    const { wire, peer } = await talking(by)
    const told: string[] = []
    wire.handler = { ...nobody, onEnd: () => told.push('end'), onClose: () => told.push('close') }
    peer.end('question')
    await expect.poll(() => told).toEqual(['end'])
    wire.send(Buffer.from('answer'), 0, 6)
    expect(wire.closed).toBe(false)
    wire.finish()
    expect((await readAll(peer)).toString()).toBe('answer')
    await expect.poll(() => told).toEqual(['end', 'close'])
  })

  it('is not reached while the peer goes on', async () => {
    const { wire, peer } = await talking(by)
    let heard = ''
    const closed: (string | undefined)[] = []
    wire.handler = {
      ...nobody,
      onData: (bytes, start, end) => {
        heard += bytes.toString('latin1', start, end)
      },
      onClose: (error) => closed.push(error?.message),
    }
    wire.finish()
    wire.send(Buffer.from('too late'), 0, 8)
    expect(await new Promise((resolve) => peer.on('data', resolve).once('end', () => resolve('end')))).toBe('end')
    peer.write('more')
    await expect.poll(() => heard).toBe('more')
    expect(closed).toEqual([])
    peer.end()
    await expect.poll(() => closed).toEqual([undefined])
  })

  it('by RST is told in the words of the system', async () => {
    const { wire, peer } = await talking(by)
    const closed: (string | undefined)[] = []
    wire.handler = { ...nobody, onClose: (error) => closed.push(error?.message) }
    peer.resetAndDestroy()
    await expect.poll(() => closed).toEqual(['read ECONNRESET'])
  })

  it('follows whatever its owner throws, and is told to it', async () => {
    const { wire, peer } = await talking(by)
    const closed: (string | undefined)[] = []
    const onData = (): never => {
      throw new Error('a bug')
    }
    wire.handler = { ...nobody, onData, onClose: (error) => closed.push(error?.message) }
    peer.on('error', () => undefined).write('x')
    await expect.poll(() => closed).toEqual(['a bug'])
  })
})

describe.each(ways)('a paused connection, by %s', (by) => {
  it('reads nothing until it is resumed', async () => {
    const { wire, say, heard } = await wireOf(by, 1000)
    wire.pause()
    say('later')
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(heard()).toBe('')
    wire.resume()
    await expect.poll(heard).toBe('later')
  })
})

describe.each(ways)('what is dialled, by %s', (by) => {
  it.each(['127.0.0.1', '::1'])('is connected, speaks both ways and tells its addresses, at %s', async (host) => {
    const server = createServer((socket) => socket.pipe(socket))
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    closing.push(() => server.close())
    const port = (server.address() as AddressInfo).port
    let heard = ''
    let gone = 0
    const handler = {
      ...nobody,
      onData: (bytes: Buffer, start: number, end: number) => {
        heard += bytes.toString('latin1', start, end)
      },
    }
    const wire = await new Promise<Wire>((resolve, reject) => {
      const onConnect = (made: Wire): void => {
        made.handler = handler
        resolve(made)
      }
      const options = { preamble: Buffer.from('first '), keepAliveMs: 5000, onGone: () => gone++ }
      createPortableTransport({ by }).dial({ ip: host as Ip, port }, { onConnect, onFail: reject }, options)
    })
    wire.send(Buffer.from('second'), 0, 6)
    await expect.poll(() => heard).toBe('first second')
    expect(wire.remote).toEqual({ ip: host, port })
    expect(wire.local?.ip).toBe(host)
    wire.finish()
    await expect.poll(() => gone).toBe(1)
    expect(wire.closed).toBe(true)
  })

  it('fails with the code of the system, once, and not from within the call', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const port = (server.address() as AddressInfo).port
    await new Promise((resolve) => server.close(resolve))
    const failed: unknown[] = []
    const dialled = (ip: string): void => {
      const onFail = (error: Error): number => failed.push('code' in error ? error.code : error)
      createPortableTransport({ by }).dial({ ip: ip as Ip, port }, { onConnect: () => failed.push('connected'), onFail })
    }
    dialled('127.0.0.1')
    // A documentation prefix that no machine has as an address of its own cannot be reached from loopback alone; a multicast address never can.
    dialled('224.0.0.1')
    expect(failed).toEqual([])
    await expect.poll(() => failed).toEqual(expect.arrayContaining(['ECONNREFUSED', 'ENETUNREACH']))
    expect(failed).toHaveLength(2)
  })

  it('is heard of no more once it is given up', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const port = (server.address() as AddressInfo).port
    const told: string[] = []
    const options = { onGone: () => told.push('gone') }
    const handler = { onConnect: () => told.push('connected'), onFail: () => told.push('failed') }
    createPortableTransport({ by })
      .dial({ ip: '127.0.0.1' as Ip, port }, handler, options)
      .cancel()
    await new Promise((resolve) => server.close(resolve))
    expect(told).toEqual([])
  })
})
