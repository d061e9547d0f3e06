// Holds one end of an HTTP/2 connection to its windows, on a wire that only keeps what is written.
import { describe, expect, it } from 'vitest'
import { nobody } from '../transport.ts'
import { block, frame, preface, readFrames, settings, uint32 } from './frames.test-kit.ts'
import { KeepingWire } from './keeping-wire.test-kit.ts'
import type { SessionOwner } from './session-owner.ts'
import { Http2Session } from './session.ts'
import type { Http2Stream } from './stream.ts'

function framesOf(wire: KeepingWire, type: number): ReturnType<typeof readFrames> {
  return readFrames(Buffer.concat(wire.written)).filter((each) => each.type === type)
}

interface End {
  readonly wire: KeepingWire
  readonly stream: () => Http2Stream
  readonly received: () => number
  readonly say: (...bytes: readonly Buffer[]) => void
}

function server(): End {
  const wire = new KeepingWire()
  let asked: Http2Stream | undefined
  let received = 0
  const owner: SessionOwner = {
    onFields: (stream) => {
      asked = stream
      stream.beginBody({ text: '', body: { kind: 'chunked' }, method: 'POST', status: 0 })
      stream.handler = { ...nobody, onData: (_bytes, start, end) => void (received += end - start) }
      return undefined
    },
    mayAdmit: () => true,
    onStreamFault: () => undefined,
    onStreamGone: () => undefined,
    onActivity: () => undefined,
    onGoaway: () => undefined,
    onFault: () => undefined,
    onClose: () => undefined,
    onEnd: () => undefined,
  }
  const session = new Http2Session(wire, 'server', {
    owner,
    afterTurn: (then) => then(),
    clock: { monotonic: () => 0 },
    limits: { streams: 100, headBytes: 65_536, headers: 100 },
  })
  const say = (...bytes: readonly Buffer[]): void => {
    const all = Buffer.concat(bytes)
    session.onData(all, 0, all.length)
  }
  const stream = (): Http2Stream => {
    if (!asked) throw new Error('there is no stream')
    return asked
  }
  say(preface, settings(), frame({ type: 1, flags: 4, stream: 1, content: block([[':method', 'POST']]) }))
  return { wire, stream, received: () => received, say }
}

const data = (bytes: number): Buffer => frame({ type: 0, stream: 1, content: Buffer.alloc(bytes) })

describe('what comes in', () => {
  it('may be as much as the window, and is allowed anew when it has been passed on', () => {
    const { wire, stream, say } = server()
    stream().pause()
    say(data(16_384), data(16_384), data(16_384))
    expect(framesOf(wire, 8)).toHaveLength(1)
    stream().resume()
    say(data(16_383))
    expect(framesOf(wire, 3)).toHaveLength(0)
  })

  it('may not be more', () => {
    const { wire, stream, say } = server()
    stream().pause()
    say(data(16_384), data(16_384), data(16_384), data(16_384))
    expect(framesOf(wire, 3).map(({ content }) => content.readUInt32BE(0))).toEqual([3])
    expect(stream().closed).toBe(true)
  })

  it('opens the window of its stream when half of it has been passed on', () => {
    const { wire, received, say } = server()
    say(data(16_384), data(16_383))
    expect(framesOf(wire, 8).map(({ stream }) => stream)).toEqual([0, 1])
    expect(received()).toBeGreaterThan(32_767)
  })
})

const answer = (length: number): Buffer => Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n${'x'.repeat(length)}`)
const payload = (wire: KeepingWire): number => framesOf(wire, 0).reduce((sum, { content }) => sum + content.length, 0)

describe('what goes out', () => {
  it('is held back by the windows, of the connection and of the stream, and goes on when they open', () => {
    const { wire, stream, say } = server()
    const text = answer(200_000)
    expect(stream().send(text, 0, text.length)).toBe(false)
    expect(payload(wire)).toBe(65_535)
    say(frame({ type: 8, stream: 1, content: uint32(100_000) }))
    expect(payload(wire)).toBe(65_535)
    say(frame({ type: 8, content: uint32(50_000) }))
    expect(payload(wire)).toBe(115_535)
    say(frame({ type: 8, content: uint32(500_000) }), frame({ type: 8, stream: 1, content: uint32(500_000) }))
    expect(payload(wire)).toBe(200_000)
    expect(framesOf(wire, 0).at(-1)?.flags).toBe(1)
  })

  it('waits while the kernel takes nothing', () => {
    const { wire, stream } = server()
    wire.pending = 100_000
    const text = answer(1000)
    expect(stream().send(text, 0, text.length)).toBe(false)
    expect(payload(wire)).toBe(0)
    wire.pending = 0
    wire.handler.onDrain()
    expect(payload(wire)).toBe(1000)
  })

  it('obeys a smaller window that is said later', () => {
    const { wire, stream, say } = server()
    say(settings([4, 10]))
    const text = answer(100)
    stream().send(text, 0, text.length)
    expect(payload(wire)).toBe(10)
    say(settings([4, 1000]))
    expect(payload(wire)).toBe(100)
  })
})
