// Holds who is in touch: for how long a Pod counts as out of touch, whoever had its name before, and that a link lasts no longer than the right to it.
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { PodLinks } from './pod-links.ts'

const web = { namespace: 'default', name: 'web' }
let server: Server
let sockets: WebSocketServer
let client: WebSocket
let socket: WebSocket

beforeEach(async () => {
  server = createServer()
  sockets = new WebSocketServer({ server })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  client = new WebSocket(`ws://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
  ;[socket] = await once(sockets, 'connection')
  await once(client, 'open')
})

afterEach(() => {
  client.terminate()
  sockets.close()
  server.close()
})

it('counts from when the link was gone, and for a new Pod of the name from when that was made', async () => {
  const links = new PodLinks()
  links.attach(web, { socket, mayStay: () => true })
  expect(links.awayMs('default', 'web', 1e9)).toBe(0)
  client.close()
  await expect.poll(() => links.has('default', 'web')).toBe(false)
  await expect.poll(() => links.awayMs('default', 'web', 1e9)).toBeGreaterThan(5)
  expect(links.awayMs('default', 'web', 5)).toBe(5)
  links.close()
})

it('lets go of a process that may not be in touch any more, and asks it for nothing before', async () => {
  const links = new PodLinks(20)
  let isGood = true
  links.attach(web, { socket, mayStay: () => isGood })
  const heard: string[] = []
  client.on('message', (data: Buffer) => heard.push(data.toString()))
  expect(links.ask('default', 'web', { session: '1', kind: 'log' })).toBe(true)
  isGood = false
  expect(links.ask('default', 'web', { session: '2', kind: 'log' })).toBe(false)
  const [code] = await once(client, 'close')
  expect(code).toBe(1008)
  expect(links.has('default', 'web')).toBe(false)
  expect(heard).toEqual(['{"session":"1","kind":"log"}'])
  links.close()
})
