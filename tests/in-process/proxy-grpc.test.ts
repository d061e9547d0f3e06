// Proves with a real gRPC client and server that calls of every kind go through the proxy, and what a client hears of a refusal.
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  Client,
  credentials,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerWritableStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import type { Answer, Target } from '../../src/runtime/index.ts'
import { closeAfterwards, closedPort, deny, dialPeer, forward, http, local, plane, type RuntimeParts, sniffThen } from './proxy-kit.ts'

const text = {
  requestSerialize: (value: string) => Buffer.from(value),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (value: string) => Buffer.from(value),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
}
const kind = (path: string, requestStream: boolean, responseStream: boolean) => ({ path, requestStream, responseStream, ...text })
const service = {
  once: kind('/test.Echo/Once', false, false),
  down: kind('/test.Echo/Down', false, true),
  up: kind('/test.Echo/Up', true, false),
  both: kind('/test.Echo/Both', true, true),
}

async function startServer(): Promise<Target> {
  const server = new Server()
  const once: handleUnaryCall<string, string> = (call, done) => {
    if (call.request === 'fail') done({ code: status.FAILED_PRECONDITION, details: 'as was asked for' })
    else done(null, `${call.request} ${String(call.metadata.get('x-own')[0] ?? '')}`)
  }
  server.addService(service, {
    once,
    down: (call: ServerWritableStream<string, string>) => {
      for (let index = 0; index < 100; index++) call.write(`${call.request} ${index}`)
      call.end()
    },
    up: (call: ServerReadableStream<string, string>, done: (error: null, answer: string) => void) => {
      let count = 0
      call.on('data', (part: string) => (count += part.length))
      call.on('end', () => done(null, String(count)))
    },
    both: (call: ServerDuplexStream<string, string>) => {
      call.on('data', (part: string) => call.write(part.toUpperCase()))
      call.on('end', () => call.end())
    },
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)))
  })
  closeAfterwards({ close: () => server.forceShutdown() })
  return local(port)
}

function clientAt(port: number): Client {
  return closeAfterwards(new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 }))
}

function serving(target: Target): RuntimeParts {
  const cluster = { name: 'outbound|80||grpc.example', gateway: false, proxyProtocol: false, http2: { when: 'always' } } as const
  return { connection: sniffThen(() => http), request: () => forward([target], { cluster }) }
}

function once(client: Client, request: string, metadata = new Metadata()): Promise<string> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, answer?: string): void => (error ? reject(error) : resolve(answer ?? ''))
    client.makeUnaryRequest(service.once.path, text.requestSerialize, text.responseDeserialize, request, metadata, done)
  })
}

function collect(call: ClientReadableStream<string> | ClientDuplexStream<string, string>): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const parts: string[] = []
    call.on('data', (part: string) => parts.push(part))
    call.on('end', () => resolve(parts))
    call.on('error', reject)
  })
}

describe('gRPC', () => {
  it('makes a call, with its metadata', async () => {
    const { port, record } = await plane(serving(await startServer()))
    const metadata = new Metadata()
    metadata.set('x-own', 'yes')
    expect(await once(clientAt(port), 'hello', metadata)).toBe('hello yes')
    expect(await record(0)).toMatchObject({ protocol: 'http2', method: 'POST', requestPath: '/test.Echo/Once', status: 200 })
  })

  it('hears the status that stands in the trailers, or in a head without a body', async () => {
    const { port } = await plane(serving(await startServer()))
    await expect(once(clientAt(port), 'fail')).rejects.toMatchObject({ code: status.FAILED_PRECONDITION, details: 'as was asked for' })
  })

  it('streams down, up and both ways', async () => {
    const { port } = await plane(serving(await startServer()))
    const client = clientAt(port)
    const down = client.makeServerStreamRequest(service.down.path, text.requestSerialize, text.responseDeserialize, 'n')
    expect(await collect(down)).toHaveLength(100)
    const count = await new Promise<string | undefined>((resolve, reject) => {
      const up = client.makeClientStreamRequest<string, string>(
        service.up.path,
        text.requestSerialize,
        text.responseDeserialize,
        (error, answer) => (error ? reject(error) : resolve(answer)),
      )
      for (let index = 0; index < 100; index++) up.write('x'.repeat(10_000))
      up.end()
    })
    expect(count).toBe('1000000')
    const both = client.makeBidiStreamRequest<string, string>(service.both.path, text.requestSerialize, text.responseDeserialize)
    const answers = collect(both)
    for (const word of ['one', 'two']) both.write(word)
    both.end()
    expect(await answers).toEqual(['ONE', 'TWO'])
  })

  it('is told of a refusal by a status of its own', async () => {
    const refused: RuntimeParts = { connection: sniffThen(() => http), request: () => deny({ status: 403 }) }
    const { port, record } = await plane(refused)
    const details = 'no ServiceEntry declares this destination'
    await expect(once(clientAt(port), 'hello')).rejects.toMatchObject({ code: status.PERMISSION_DENIED, details })
    expect(await record(0)).toMatchObject({ verdict: 'deny', protocol: 'http2', status: 200 })
  })

  it('hears the status that a fault aborts with, and another client the words alone', async () => {
    const aborted: Answer = {
      verdict: 'answer',
      reason: { code: 'answered', text: 'aborted on purpose' },
      status: 200,
      grpcStatus: status.RESOURCE_EXHAUSTED,
      headers: [['content-type', 'text/plain']],
      body: Buffer.from('fault filter abort'),
      flag: 'FI',
      details: 'fault_filter_abort',
      delay: 0,
    }
    const { port, record } = await plane({ connection: sniffThen(() => http), request: () => aborted })
    await expect(once(clientAt(port), 'hello')).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'fault filter abort' })
    expect(await record(0)).toMatchObject({ verdict: 'allow', status: 200, flag: 'FI', details: 'fault_filter_abort' })
    const peer = await dialPeer(port)
    peer.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')
    expect(await peer.until('fault filter abort')).not.toContain('grpc-status')
    peer.socket.destroy()
  })

  it('is told of an upstream that is not there by a status of its own', async () => {
    const { port } = await plane(serving(local(await closedPort())))
    await expect(once(clientAt(port), 'hello')).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('upstream connect error') as string,
    })
  })
})
