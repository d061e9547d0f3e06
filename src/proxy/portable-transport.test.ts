// Holds that a connection has a large buffer of its own only while it is bulk.
import { connect, createServer, type AddressInfo } from 'node:net'
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
