// Holds how long a body may take, and that one which comes in time is read whole.
import { createServer, request, type Server } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readBody } from './body.ts'
import { statusOf } from './answer.ts'

let server: Server
let longestMs = 0

beforeAll(async () => {
  server = createServer((message, response) => {
    readBody(message, longestMs).then(
      (body) => response.end(body),
      (error: unknown) => response.writeHead(statusOf(error, () => undefined).code).end(statusOf(error, () => undefined).message),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

function sent(first: string, second?: string): Promise<string> {
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return new Promise((resolve, reject) => {
    const sending = request({ host: '127.0.0.1', port, method: 'POST' }, (response) => {
      let text = `${response.statusCode} `
      response.on('data', (chunk: Buffer) => void (text += chunk.toString()))
      response.once('end', () => {
        sending.destroy()
        resolve(text)
      })
    })
    sending.on('error', reject)
    sending.write(first)
    if (second !== undefined) setImmediate(() => sending.end(second))
  })
}

it('refuses a body whose end does not come in time', async () => {
  longestMs = 20
  expect(await sent('{"half":')).toBe('504 Timeout: the body of the request did not come in time')
})

it('reads a body that comes in parts', async () => {
  longestMs = 30_000
  expect(await sent('{"half":', '1}')).toBe('200 {"half":1}')
})
