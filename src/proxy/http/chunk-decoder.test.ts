// Holds that chunked bodies come out whole however they are cut, and that what is not strictly one breaks.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChunkDecoder, frameChunk, Pieces } from './chunk-decoder.ts'

interface Decoded {
  readonly body: string
  readonly isDone: boolean
  readonly problem: string | undefined
  /** Bytes after the end of the body. */
  readonly rest: string
}

function decode(text: string, cuts: readonly number[] = [], allowsExtensions = false): Decoded {
  const decoder = new ChunkDecoder({ allowsExtensions })
  const pieces = new Pieces()
  const edges = [0, ...[...cuts].filter((cut) => cut > 0 && cut < text.length).sort((a, b) => a - b), text.length]
  let body = ''
  let rest = ''
  for (let index = 0; index + 1 < edges.length; index++) {
    const bytes = Buffer.from(text.slice(edges[index], edges[index + 1]), 'latin1')
    pieces.clear()
    const at = decoder.decode(bytes, 0, bytes.length, pieces)
    for (let range = 0; range < pieces.ranges.length; range += 2)
      body += bytes.toString('latin1', pieces.ranges[range], pieces.ranges[range + 1])
    if (decoder.isDone) rest += bytes.toString('latin1', at)
    if (decoder.problem !== undefined) break
  }
  return { body, isDone: decoder.isDone, problem: decoder.problem, rest }
}

describe('ChunkDecoder', () => {
  const whole: Record<string, { text: string; body: string; rest?: string; allowsExtensions?: boolean }> = {
    'one chunk': { text: '5\r\nhello\r\n0\r\n\r\n', body: 'hello' },
    'several chunks, sizes in both cases': { text: 'a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n', body: '01234567890123456789' },
    'leading zeros': { text: '0005\r\nhello\r\n000\r\n\r\n', body: 'hello' },
    nothing: { text: '0\r\n\r\n', body: '' },
    'what follows is left alone': { text: '1\r\na\r\n0\r\n\r\nGET /', body: 'a', rest: 'GET /' },
    'trailers are dropped': { text: '1\r\na\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\nnext', body: 'a', rest: 'next' },
    'extensions of an origin are dropped': { text: '1;a="b c"\r\na\r\n0;x\r\n\r\n', body: 'a', allowsExtensions: true },
    'extensions of many chunks, each of a length that is borne': {
      text: `${`1;${'x'.repeat(900)}\r\na\r\n`.repeat(3)}0\r\n\r\n`,
      body: 'aaa',
      allowsExtensions: true,
    },
    'CR and LF in the payload are payload': { text: '4\r\n\r\n\r\n\r\n0\r\n\r\n', body: '\r\n\r\n' },
  }
  for (const [name, { text, body, rest = '', allowsExtensions = false }] of Object.entries(whole)) {
    it(`${name}, at every cut`, () => {
      const expected = { body, isDone: true, problem: undefined, rest }
      expect(decode(text, [], allowsExtensions)).toEqual(expected)
      for (let cut = 1; cut < text.length; cut++) expect(decode(text, [cut], allowsExtensions)).toEqual(expected)
      expect(
        decode(
          text,
          Array.from(text, (_, index) => index),
          allowsExtensions,
        ),
      ).toEqual(expected)
    })
  }

  const broken: Record<string, string> = {
    'a size without digits': '\r\n',
    'a size that is no number': 'g\r\n',
    'a size ended by LF': '1\na',
    'a space after the size': '1 \r\n',
    'an extension of a client': '1;a\r\n',
    'a payload that is longer than its size': '1\r\nab',
    'a payload ended by LF': '1\r\na\n',
    'a size of too many digits': '0000000000001\r\n',
    'a trailer that frames': '0\r\nTransfer-Encoding: chunked\r\n\r\n',
    'a trailer with a bare CR': '0\r\nA: b\rc\r\n\r\n',
  }
  for (const [name, text] of Object.entries(broken)) {
    it(`breaks at ${name}, at every cut`, () => {
      for (let cut = 0; cut < text.length; cut++) expect(decode(text, [cut])).toMatchObject({ isDone: false, problem: expect.any(String) })
    })
  }

  it('breaks at an endless extension of an origin', () => {
    expect(decode(`1;${'a'.repeat(2000)}`, [], true).problem).toBeDefined()
  })

  it('reads what frameChunk writes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 }), fc.array(fc.nat(400), { maxLength: 5 }), (parts, cuts) => {
        const pieces = new Pieces()
        const frames = parts.map((part, index) => {
          pieces.clear()
          pieces.add(0, part.length)
          return frameChunk(Buffer.from(part), pieces, index === parts.length - 1)
        })
        const text = Buffer.concat(frames).toString('latin1')
        const body = Buffer.concat(parts).toString('latin1')
        expect(decode(text, cuts)).toMatchObject({ body, isDone: parts.length > 0, problem: undefined })
      }),
    )
  })
})
