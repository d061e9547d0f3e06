// Stands between kubectl and a server of the API, and writes down what is asked: method, path, parameters and the type of the body.
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import type { Reached } from './served-api.ts'

export interface RequestLog {
  readonly url: string
  /** What was asked since the last time. */
  take(): readonly string[]
  close(): Promise<void>
}

/** Speaks without TLS and asks nobody who they are: for tests alone. */
export function startRequestLog({ directory, url }: Reached): Promise<RequestLog> {
  const agent = new Agent({ keepAlive: true, ca: readFileSync(join(directory, 'pki/ca.crt')) })
  const token = readFileSync(join(directory, 'pki/admin.token'), 'utf8').trim()
  let asked: string[] = []
  const server = createServer((message, response) => {
    asked.push(lineOf(message))
    const headers = { ...message.headers, authorization: `Bearer ${token}`, host: new URL(url).host }
    const sent = request(new URL(message.url ?? '/', url), { method: message.method, headers, agent }, (answer) => pass(answer, response))
    sent.on('error', () => response.destroy())
    response.on('close', () => sent.destroy())
    message.pipe(sent)
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      const take = (): readonly string[] => {
        const taken = inOrder(asked)
        asked = []
        return taken
      }
      const close = (): Promise<void> =>
        new Promise((done) => {
          agent.destroy()
          server.close(() => done())
          server.closeAllConnections()
        })
      resolve({ url: `http://127.0.0.1:${port}`, take, close })
    })
  })
}

function pass(answer: IncomingMessage, response: ServerResponse): void {
  response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
  // Sends the head at once; by itself Node would write it in another encoding than it was read in.
  response.write(Buffer.alloc(0))
  answer.pipe(response)
}

function lineOf({ method, url = '', headers }: IncomingMessage): string {
  const path = url
    .replaceAll(/hash=[^&]*/g, 'hash=HASH')
    .replaceAll(/resourceVersion=[1-9]\d*/g, 'resourceVersion=REVISION')
    .replaceAll(/timeoutSeconds=\d+/g, 'timeoutSeconds=N')
    // Of a map, in whichever order.
    .replaceAll(/(?<=fieldSelector=)[^&]*/g, (selector) => selector.split('%2C').toSorted().join('%2C'))
  const type = headers['content-type']
  return `${method} ${path}${type === undefined || method === 'GET' ? '' : ` ${type}`}`
}

/** The two halves of discovery are asked for at the same time; what clients of old ask then, one group after the other, is as long as there are groups. */
function inOrder(asked: readonly string[]): readonly string[] {
  const isHalf = (line: string): boolean => /^GET \/apis?(\?|$)/.test(line)
  const lines = asked.filter((line) => !/^GET \/apis?\/[^/?]+(\/[^/?]+)?\?timeout=/.test(line))
  for (let i = 1; i < lines.length; i++) {
    const [before = '', after = ''] = lines.slice(i - 1, i + 1)
    if (isHalf(before) && isHalf(after) && before > after) lines.splice(i - 1, 2, after, before)
  }
  return lines
}
