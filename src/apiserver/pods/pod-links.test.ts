// Holds for how long a Pod counts as out of touch: not for longer than it is there, whoever had its name before.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { PodLinks } from './pod-links.ts'

it('counts from when the link was gone, and for a new Pod of the name from when that was made', async () => {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const client = new WebSocket(`ws://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
  const links = new PodLinks()
  try {
    const [socket] = await once(sockets, 'connection')
    await once(client, 'open')
    links.attach('default', 'web', socket)
    expect(links.awayMs('default', 'web', 1e9)).toBe(0)
    client.close()
    await expect.poll(() => links.has('default', 'web')).toBe(false)
    await expect.poll(() => links.awayMs('default', 'web', 1e9)).toBeGreaterThan(5)
    expect(links.awayMs('default', 'web', 5)).toBe(5)
  } finally {
    client.terminate()
    sockets.close()
    server.close()
  }
})
