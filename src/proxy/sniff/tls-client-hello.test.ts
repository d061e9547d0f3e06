// Holds what is read from a ClientHello, and what is not taken for one.
import { connect } from 'node:tls'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { block, extension, hello, helloMessage, records, sniList } from './client-hello.test-kit.ts'
import { readClientHello } from './tls-client-hello.ts'

function read(bytes: Buffer): ReturnType<typeof readClientHello> {
  return readClientHello(bytes, 0, bytes.length)
}

describe('readClientHello', () => {
  const understood: Record<string, { bytes: Buffer; sni?: string; alpn?: readonly string[] }> = {
    'a name and ALPN': { bytes: hello({ sni: 'a.example', alpn: ['h2', 'http/1.1'] }), sni: 'a.example', alpn: ['h2', 'http/1.1'] },
    'a name in upper case is lowered (Envoy does)': { bytes: hello({ sni: 'A.Example' }), sni: 'a.example' },
    'a trailing dot stays (Envoy keeps it)': { bytes: hello({ sni: 'a.example.' }), sni: 'a.example.' },
    'a literal wildcard is a name like any other': { bytes: hello({ sni: '*.example' }), sni: '*.example' },
    'no name': { bytes: hello({}) },
    'no extensions at all, as in TLS 1.0': { bytes: hello({ isBare: true }) },
    'unknown and GREASE extensions': { bytes: hello({ sni: 'a.example', extensions: [[0x0a0a, Buffer.alloc(0)]] }), sni: 'a.example' },
    'one byte in each record': { bytes: records(helloMessage({ sni: 'a.example' }), 1), sni: 'a.example' },
    'bytes after the hello': { bytes: Buffer.concat([hello({ sni: 'a.example' }), Buffer.from('anything')]), sni: 'a.example' },
    'a hello of several records of full size': {
      bytes: hello({ sni: 'a.example', extensions: [[21, Buffer.alloc(40_000)]] }),
      sni: 'a.example',
    },
  }
  for (const [name, { bytes, sni, alpn = [] }] of Object.entries(understood)) {
    it(`understands ${name}`, () => {
      expect(read(bytes)).toEqual({ hello: { ...(sni !== undefined && { sni }), alpn } })
    })
  }

  const broken: Record<string, Buffer> = {
    'another content type': Buffer.from([23, 3, 1, 0, 1, 1]),
    'another content type in the second record': Buffer.concat([
      records(helloMessage({ sni: 'a.example' }).subarray(0, 20)),
      Buffer.from([20, 3, 1, 0, 1, 1]),
    ]),
    'SSL 2 version': Buffer.from([22, 2, 0, 0, 4, 1, 0, 0, 0]),
    'a version after TLS 1.3': Buffer.from([22, 3, 5, 0, 4, 1, 0, 0, 0]),
    'an empty record': Buffer.from([22, 3, 1, 0, 0]),
    'a record that is too long': Buffer.from([22, 3, 1, 0x40, 0x01]),
    'a ServerHello': Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]),
    'a hello that claims 16 MB': Buffer.from([22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff]),
    'an empty hello': records(Buffer.from([1, 0, 0, 0])),
    'a session id that is too long': hello({ sni: 'a.example', sessionId: Buffer.alloc(33) }),
    'an odd number of cipher suite bytes': hello({ suites: Buffer.from([0x13, 1, 0x13]) }),
    'no cipher suite': hello({ suites: Buffer.alloc(0) }),
    'no compression method': hello({ compressions: Buffer.alloc(0) }),
    'two server name extensions': hello({ sni: 'a.example', extensions: [[0, sniList(Buffer.from('b.example'))]] }),
    'an empty server name': hello({ extensions: [[0, sniList(Buffer.alloc(0))]] }),
    'a server name with a NUL': hello({ extensions: [[0, sniList(Buffer.from('a.example\0.b.example'))]] }),
    'a server name with a space': hello({ extensions: [[0, sniList(Buffer.from('a example'))]] }),
    'a server name beyond ASCII': hello({ extensions: [[0, sniList(Buffer.from('ä.example'))]] }),
    'a server name of another type': hello({ extensions: [[0, sniList(Buffer.from('a.example'), 1)]] }),
    'two names in the list': hello({
      extensions: [
        [0, block(2, Buffer.concat([Buffer.from([0]), block(2, Buffer.from('a')), Buffer.from([0]), block(2, Buffer.from('b'))]))],
      ],
    }),
    'bytes after the name list': hello({ extensions: [[0, Buffer.concat([sniList(Buffer.from('a.example')), Buffer.from([0])])]] }),
    'an empty ALPN list': hello({ extensions: [[16, block(2, Buffer.alloc(0))]] }),
    'an empty ALPN name': hello({ extensions: [[16, block(2, block(1, Buffer.alloc(0)))]] }),
    'an extension that is longer than the rest': records(
      Buffer.concat([
        Buffer.from([1]),
        block(
          3,
          Buffer.concat([
            Buffer.from([3, 3]),
            Buffer.alloc(32),
            Buffer.from([0]),
            block(2, Buffer.from([0x13, 1])),
            block(1, Buffer.from([0])),
            block(2, Buffer.from([0, 0, 0, 99, 1])),
          ]),
        ),
      ]),
    ),
    'bytes after the extensions': records(
      Buffer.concat([
        Buffer.from([1]),
        block(
          3,
          Buffer.concat([
            Buffer.from([3, 3]),
            Buffer.alloc(32),
            Buffer.from([0]),
            block(2, Buffer.from([0x13, 1])),
            block(1, Buffer.from([0])),
            block(2, extension(10, Buffer.alloc(2))),
            Buffer.from([1]),
          ]),
        ),
      ]),
    ),
    'more records than anybody needs': records(helloMessage({ extensions: [[21, Buffer.alloc(5000)]] }), 1),
  }
  for (const [name, bytes] of Object.entries(broken)) {
    it(`does not take ${name}`, () => {
      expect(read(bytes)).toHaveProperty('broken')
    })
  }

  it('reads what a real client sends', async () => {
    const bytes = await realHello('real.example')
    expect(read(bytes)).toEqual({ hello: { sni: 'real.example', alpn: ['h2', 'http/1.1'] } })
  })
})

async function realHello(servername: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.once('data', (bytes) => {
        resolve(bytes)
        socket.destroy()
        server.close()
      })
    })
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address()
      if (address === null || typeof address === 'string') return
      connect({ host: '127.0.0.1', port: address.port, servername, ALPNProtocols: ['h2', 'http/1.1'] }).on('error', () => undefined)
    })
  })
}
