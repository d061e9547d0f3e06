// Holds a link to a server whose credential cannot be read any more: the session is not served, and the process goes on.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { ApiClient } from '../client/index.ts'
import { LogRing } from './log-ring.ts'
import { NodeLink } from './node-link.ts'

class PlainClient extends ApiClient {
  readonly #url: string
  opened = 0

  constructor(url: string) {
    super({ server: 'https://unused', authority: '', credential: () => ({ token: '' }) })
    this.#url = url
  }

  override socket(path: string, protocol: string): WebSocket {
    this.opened++
    if (path.endsWith('/link')) return new WebSocket(`${this.#url}${path}`, [protocol])
    throw new Error('the token cannot be read')
  }
}

test('a session that cannot be opened ends nothing else', async () => {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const client = new PlainClient(`ws://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
  const link = new NodeLink(client, { namespace: 'default', name: 'web' }, { log: new LogRing(), terminate: () => undefined })
  try {
    const [socket]: WebSocket[] = await once(sockets, 'connection')
    const request = JSON.stringify({ kind: 'log', session: '0'.repeat(32) })
    socket?.send(request)
    await expect.poll(() => client.opened).toBe(2)
    socket?.send(request)
    await expect.poll(() => client.opened).toBe(3)
    expect(socket?.readyState).toBe(WebSocket.OPEN)
  } finally {
    link.close()
    client.close()
    sockets.close()
    server.close()
  }
})
