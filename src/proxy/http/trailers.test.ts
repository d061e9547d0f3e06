// Proves which trailer fields pass, and that none passes that would frame, route or authorise a message.
import { describe, expect, it } from 'vitest'
import { ChunkDecoder, frameChunk, Pieces } from './chunk-decoder.ts'

function decode(trailers: string): { readonly decoder: ChunkDecoder; readonly framed: string } {
  const decoder = new ChunkDecoder({ allowsExtensions: false })
  const pieces = new Pieces()
  const bytes = Buffer.from(`1\r\na\r\n0\r\n${trailers}\r\n`, 'latin1')
  decoder.decode(bytes, 0, bytes.length, pieces)
  return { decoder, framed: frameChunk(bytes, pieces, decoder.isDone, decoder.trailers).toString('latin1') }
}

describe('trailers', () => {
  const passed: Record<string, { readonly sent: string; readonly left: string }> = {
    'none are none': { sent: '', left: '' },
    'a name in lower case and a value without spaces around it': { sent: 'Grpc-Status:  0 \r\n', left: 'grpc-status: 0\r\n' },
    'several lines in their order': { sent: 'b: 1\r\na: 2\r\nb: 3\r\n', left: 'b: 1\r\na: 2\r\nb: 3\r\n' },
    'authentication and cookies are dropped': { sent: 'Authorization: x\r\nset-cookie: y\r\na: 1\r\n', left: 'a: 1\r\n' },
    'conditions and what controls caches are dropped': { sent: 'If-Match: x\r\ncache-control: y\r\nrange: z\r\n', left: '' },
    'the media type and coding are dropped': { sent: 'content-type: x\r\ncontent-encoding: gzip\r\n', left: '' },
    'what only proxies say is dropped': {
      sent: 'x-forwarded-for: x\r\nx-envoy-y: z\r\nx-sallyport-flow: f\r\nx-request-id: g\r\n',
      left: '',
    },
  }
  for (const [name, { sent, left }] of Object.entries(passed)) {
    it(name, () => {
      expect(decode(sent).framed).toBe(`1\r\na\r\n0\r\n${left}\r\n`)
    })
  }

  for (const name of ['content-length', 'transfer-encoding', 'host', 'connection', 'te', 'trailer', 'upgrade', 'expect']) {
    it(`${name} breaks the message`, () => {
      expect(decode(`${name}: 1\r\n`).decoder.problem).toContain('a trailer repeats a header')
    })
  }
})
