// Holds HPACK to the examples of RFC 7541 appendix C, and both of our ends to each other.
import { describe, expect, it } from 'vitest'
import { OutBuffer } from '../http/out-buffer.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import { HpackEncoder } from './hpack-encoder.ts'
import { decodeHuffman, encodeHuffman, huffmanLength } from './huffman.ts'

const limits = { bytes: 65_536, count: 100 }

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex')
}

function decode(decoder: HpackDecoder, bytes: Uint8Array): readonly string[] | undefined {
  const fields = decoder.decode(bytes, 0, bytes.length)
  return fields?.names.map((name, index) => `${name}: ${fields.values[index]}`)
}

const first = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com']
const second = [...first, 'cache-control: no-cache']
const third = [':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com', 'custom-key: custom-value']
const found = [':status: 302', 'cache-control: private', 'date: Mon, 21 Oct 2013 20:13:21 GMT', 'location: https://www.example.com']

const examples: Readonly<Record<string, readonly (readonly [hex: string, fields: readonly string[]])[]>> = {
  'C.2.1, a literal that is kept': [['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', ['custom-key: custom-header']]],
  'C.2.2, a literal that is not': [['040c 2f73 616d 706c 652f 7061 7468', [':path: /sample/path']]],
  'C.2.3, one that nobody may keep': [['1008 7061 7373 776f 7264 0673 6563 7265 74', ['password: secret']]],
  'C.2.4, a field by its number': [['82', [':method: GET']]],
  'C.3, requests without Huffman code': [
    ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', first],
    ['8286 84be 5808 6e6f 2d63 6163 6865', second],
    ['8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65', third],
  ],
  'C.4, requests with it': [
    ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', first],
    ['8286 84be 5886 a8eb 1064 9cbf', second],
    ['8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', third],
  ],
  'C.6.1, a response': [
    [
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      found,
    ],
  ],
}

describe('the examples of RFC 7541', () => {
  it.each(Object.entries(examples))('%s', (_name, blocks) => {
    const decoder = new HpackDecoder(limits)
    for (const [hex, fields] of blocks) expect(decode(decoder, bytesOf(hex))).toEqual(fields)
  })
})

describe('a block', () => {
  const broken: Readonly<Record<string, string>> = {
    'that names the field 0': '80',
    'that names a field beyond the table': 'ff 80 01',
    'whose integer does not end': 'ff ff ff ff ff ff ff 0f',
    'whose string is longer than itself': '00 05 61',
    'whose Huffman code is padded with zeros': '00 81 18 01 61',
    'whose Huffman code is padded with a byte': '00 82 1f ff 01 61',
    'that resizes the table beyond what was allowed': '3f e2 1f',
    'that resizes the table behind a field': '82 20',
  }

  it.each(Object.entries(broken))('%s is refused', (_what, hex) => {
    expect(decode(new HpackDecoder(limits), bytesOf(hex))).toBeUndefined()
  })

  it('that unfolds to too much is read to its end for the table’s sake, and kept in part', () => {
    const decoder = new HpackDecoder({ bytes: 200, count: 100 })
    const out = new OutBuffer()
    const encoder = new HpackEncoder()
    for (let index = 0; index < 10; index++) encoder.field(out, `x-${index}`, 'y')
    const fields = decoder.decode(out.bytes, 0, out.length)
    expect(fields?.isTooLarge).toBe(true)
    expect(fields?.length).toBeLessThan(10)
    expect(decode(decoder, Buffer.from([0x80 | 62]))).toEqual(['x-9: y'])
  })
})

describe('what the encoder writes', () => {
  it('is read as it was meant, whatever is kept, secret or resized', () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder(limits)
    const every = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte))
    for (let round = 0; round < 300; round++) {
      if (round === 100) encoder.allow(100)
      if (round === 200) encoder.allow(65_536)
      const fields = [
        [':status', '200'],
        [`x-${round % 9}`, 'v'.repeat(round)],
        ['authorization', 'secret'],
        ['x-bytes', every.slice(0, round % 257)],
        ['content-type', 'application/json'],
      ] as const
      const out = new OutBuffer()
      encoder.begin(out)
      for (const [name, value] of fields) encoder.field(out, name, value)
      expect(decode(decoder, out.bytes.subarray(0, out.length))).toEqual(fields.map(([name, value]) => `${name}: ${value}`))
    }
  })

  it('names what was sent before by a byte', () => {
    const encoder = new HpackEncoder()
    const sizes = [1, 2].map(() => {
      const out = new OutBuffer()
      encoder.field(out, 'x-own', 'always the same')
      return out.length
    })
    expect(sizes[0]).toBeGreaterThan(10)
    expect(sizes[1]).toBe(1)
  })

  it('keeps what comes again, however many values of another name come in between', () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder(limits)
    const sizes: number[] = []
    for (let round = 0; round < 200; round++) {
      const own = new OutBuffer()
      encoder.field(own, 'x-own', 'always the same')
      sizes.push(own.length)
      expect(decode(decoder, own.bytes.subarray(0, own.length))).toEqual(['x-own: always the same'])
      const ray = new OutBuffer()
      encoder.field(ray, 'x-ray', `new each time, ${round}`)
      expect(decode(decoder, ray.bytes.subarray(0, ray.length))).toEqual([`x-ray: new each time, ${round}`])
    }
    expect(sizes.filter((size) => size > 1)).toHaveLength(1)
  })

  it('never leaves a secret in the table', () => {
    const encoder = new HpackEncoder()
    const out = new OutBuffer()
    encoder.field(out, 'authorization', 'secret')
    expect((out.bytes[0] ?? 0) & 0xf0).toBe(0x10)
    const { length } = out
    encoder.field(out, 'authorization', 'secret')
    expect(out.length).toBe(2 * length)
  })
})

describe('the Huffman code', () => {
  it('is as long as it says, and is read back', () => {
    for (let length = 0; length < 600; length++) {
      const text = Buffer.from(Array.from({ length }, (_, index) => (index * 37 + length) % 256))
      const out = Buffer.alloc(huffmanLength(text, length))
      expect(encodeHuffman(text, length, out, 0)).toBe(out.length)
      const back = Buffer.alloc(length)
      expect(decodeHuffman(out, 0, out.length, back)).toBe(length)
      expect(back).toEqual(text)
    }
  })

  it('is refused where the text does not fit', () => {
    const out = Buffer.alloc(huffmanLength(Buffer.from('hello'), 5))
    encodeHuffman(Buffer.from('hello'), 5, out, 0)
    expect(decodeHuffman(out, 0, out.length, Buffer.alloc(4))).toBe(-1)
  })
})
