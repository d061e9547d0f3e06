// Plays the process behind a Pod by hand: keeps its link, and answers sessions with whatever frames a test wants.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { askApi, type Reached } from './served-api.ts'

/** What it was asked for. */
export interface Session {
  readonly kind: string
  readonly socket: WebSocket
}

export interface FakeNode {
  readonly link: WebSocket
  close(): void
}

/** `serve` is called when a session is open. The Pod is there and runs, as far as the server knows. */
export async function playNode(api: Reached, name: string, serve: (session: Session) => void): Promise<FakeNode> {
  const pods = '/api/v1/namespaces/default/pods'
  const spec = { nodeName: 'far', containers: [{ name, image: name }] }
  await askApi(api, pods, { method: 'POST', body: JSON.stringify({ metadata: { name }, spec }) })
  const path = `/apis/node.sallyport.dev/v1/namespaces/default/pods/${name}/link`
  const link = openSocket(api, path, 'v1.link.sallyport.dev')
  const sockets: WebSocket[] = [link]
  link.on('message', (data: Buffer) => {
    const { session, kind }: { readonly session: string; readonly kind: string } = JSON.parse(data.toString())
    const socket = openSocket(api, `${path}/${session}`, 'v5.channel.k8s.io')
    sockets.push(socket)
    socket.once('open', () => serve({ kind, socket }))
  })
  await new Promise<void>((resolve, reject) => {
    link.once('open', resolve)
    link.once('error', reject)
  })
  const close = (): void => {
    for (const socket of sockets) socket.terminate()
  }
  return { link, close }
}

/** As the administrator. */
export function openSocket({ directory, url }: Reached, path: string, protocol: string): WebSocket {
  const token = readFileSync(join(directory, 'pki/admin.token'), 'utf8').trim()
  const socket = new WebSocket(`${url.replace(/^https/, 'wss')}${path}`, [protocol], {
    ca: readFileSync(join(directory, 'pki/ca.crt')),
    headers: { Authorization: `Bearer ${token}` },
  })
  socket.on('error', () => undefined)
  return socket
}
