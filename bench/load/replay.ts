// Is a server that does nothing but send what another has once answered: whoever asks it takes as long as the client itself takes.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request } from 'node:https'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ApiPlace } from './api-client.ts'

interface Kept {
  readonly code: number
  readonly type: string
  readonly body: Buffer
}

/** `place`: an `ApiPlace` as JSON. Says its port, and at each line that comes how often it had to ask so far. */
export async function replay(place: string): Promise<void> {
  const { url, data } = JSON.parse(place) as ApiPlace
  const file = (name: string): Buffer => readFileSync(join(data, 'pki', name))
  const ca = file('ca.crt')
  const kept = new Map<string, Kept>()
  let asked = 0
  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const key = `${message.method ?? ''} ${message.url ?? ''} ${message.headers.accept ?? ''}`
    let known = kept.get(key)
    if (known === undefined) {
      asked++
      known = await forward(message, url, ca)
      kept.set(key, known)
    }
    const { code, type, body } = known
    response.writeHead(code, { 'Content-Type': type, 'Content-Length': body.length }).end(body)
  }
  const server = createServer({ cert: file('server.crt'), key: file('server.key') }, (message, response) => {
    answer(message, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  process.stdout.write(`${JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 })}\n`)
  for await (const _ of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify({ asked })}\n`)
  process.exit()
}

function forward(message: IncomingMessage, to: string, ca: Buffer): Promise<Kept> {
  const { hostname, port } = new URL(to)
  const { host: _, connection: __, ...headers } = message.headers
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path: message.url, method: message.method, headers, ca }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => {
        const type = response.headers['content-type'] ?? 'application/json'
        resolve({ code: response.statusCode ?? 0, type, body: Buffer.concat(chunks) })
      })
    })
    sent.once('error', reject)
    sent.end()
  })
}
