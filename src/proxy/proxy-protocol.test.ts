// Holds that PROXY protocol headers are read as they were written, and that nothing else is taken for one.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Address, ipFromBytes, parseAddress } from '../base/index.ts'
import { type ProxyHeader, readProxyHeader, writeProxyHeader } from './proxy-protocol.ts'

function address(text: string): Address {
  const parsed = parseAddress(text)
  if (!parsed) throw new Error(text)
  return parsed
}

function read(bytes: Buffer): ReturnType<typeof readProxyHeader> {
  return readProxyHeader(bytes, 0, bytes.length)
}

describe('PROXY protocol headers', () => {
  const headers: Record<string, ProxyHeader> = {
    'two IPv4 addresses': { source: address('10.0.0.1:1234'), destination: address('203.0.113.9:6379') },
    'two IPv6 addresses': { source: address('[2001:db8::1]:1234'), destination: address('[2001:db8::2]:443') },
    'addresses of both families': { source: address('10.0.0.1:1234'), destination: address('[2001:db8::2]:443') },
    'a flow and a workload': { source: address('10.0.0.1:1'), destination: address('10.0.0.2:2'), flow: 'a1-B2', workload: 'default/app' },
    'no addresses': { flow: 'abc' },
  }
  for (const [name, header] of Object.entries(headers)) {
    it(`carry ${name}, also with bytes behind them and cut anywhere`, () => {
      const bytes = writeProxyHeader(header)
      expect(read(Buffer.concat([bytes, Buffer.from('rest')]))).toEqual({ header, length: bytes.length })
      for (let length = 0; length < bytes.length; length++) expect(read(bytes.subarray(0, length))).toBe('more')
    })
  }

  const good = writeProxyHeader({ source: address('10.0.0.1:1'), destination: address('10.0.0.2:2'), flow: 'abc' })
  const changed = (at: number, byte: number): Buffer => {
    const bytes = Buffer.from(good)
    bytes[at] = byte
    return bytes
  }
  const broken: Record<string, Buffer> = {
    'a client that speaks at once': Buffer.from('GET / HTTP/1.1\r\n'),
    'version 1, the text form': Buffer.from('PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n'),
    'another version': changed(12, 0x31),
    'another command': changed(12, 0x22),
    datagrams: changed(13, 0x12),
    'Unix sockets': changed(13, 0x31),
    'a length that cuts the addresses': changed(15, 4),
    'a length beyond all need': changed(14, 0xff),
    'a flow id with other characters': writeProxyHeader({ flow: 'a b' }),
    'a workload without namespace': writeProxyHeader({ workload: 'app' }),
  }
  for (const [name, bytes] of Object.entries(broken)) {
    it(`are not ${name}`, () => {
      expect(read(bytes)).toHaveProperty('broken')
    })
  }

  it('for the proxy itself (LOCAL) have no addresses', () => {
    expect(read(changed(12, 0x20))).toMatchObject({ header: { flow: 'abc' } })
    expect(read(changed(12, 0x20))).not.toHaveProperty('header.source')
  })

  it('are read as written, whatever the addresses', () => {
    const ip = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })).map(ipFromBytes)
    const end = fc.record({ ip, port: fc.nat(65_535) })
    fc.assert(
      fc.property(end, end, fc.stringMatching(/^[0-9a-f-]{1,36}$/), (source, destination, flow) => {
        const header = { source, destination, flow }
        expect(read(writeProxyHeader(header))).toMatchObject({ header })
      }),
    )
  })

  it('never make the reader throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(good.length), (random, keep) => {
        read(Buffer.concat([good.subarray(0, keep), random]))
      }),
    )
  })
})
