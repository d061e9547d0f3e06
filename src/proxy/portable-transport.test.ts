// Holds that a connection has a large buffer of its own only while it is bulk.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createPortableTransport } from './portable-transport.ts'
import { nobody, type Wire } from './transport.ts'

const closing: (() => void)[] = []

afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** One end as a wire, whose first bytes the other end has sent. */
async function wireOf(reclaimMs: number): Promise<{ wire: Wire; say: (text: string) => void; heard: () => string }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  let heard = ''
  const wire = new Promise<Wire>((resolve) => {
    createPortableTransport(reclaimMs).adopt(server, (adopted) => {
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

describe('a large buffer', () => {
  it('is given back when nothing is read for a while, and reading goes on without it', async () => {
    const { wire, say, heard } = await wireOf(20)
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
    const { wire } = await wireOf(10)
    wire.promote()
    wire.pause()
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(wire.isPrivate).toBe(true)
    wire.resume()
    await expect.poll(() => wire.isPrivate).toBe(false)
  })
})

describe('what is sent', () => {
  it('arrives whole and in order, whatever its size and however it is given, before the end of the connection', async () => {
    const { wire, peer } = await talking()
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
    const { wire, peer } = await talking()
    const bytes = Buffer.from('mine')
    wire.send(bytes, 0, bytes.length)
    bytes.fill('x')
    wire.finish()
    expect((await readAll(peer)).toString()).toBe('mine')
  })

  it('has left when the connection is closed in the same turn', async () => {
    const { wire, peer } = await talking()
    wire.send(Buffer.from('last words'), 0, 10)
    wire.close()
    expect((await readAll(peer)).toString()).toBe('last words')
  })

  it('counts as pending until then, and a peer that does not read stops the source', async () => {
    const { wire, peer } = await talking()
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

async function talking(): Promise<{ wire: Wire; peer: Socket }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const wire = new Promise<Wire>((resolve) => createPortableTransport().adopt(server, resolve))
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1')
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

describe('a reset', () => {
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
    const { wire } = await wireOf(1000)
    const closed = new Promise<boolean>((resolve) => (wire.handler = { ...nobody, onClose: () => resolve(true) }))
    before(wire)
    wire.reset()
    expect(await Promise.race([closed, new Promise((resolve) => setTimeout(() => resolve('still open'), 2000))])).toBe(true)
  })
})
