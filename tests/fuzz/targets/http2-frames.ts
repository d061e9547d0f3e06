// Fuzzes a server's end of HTTP/2: the same bytes whole and in pieces, what they make of each stream, and what a plain reading of the frames allows.
import { requestInHttp1, trailersInHttp1 } from '../../../src/proxy/http2/fields.ts'
import type { Fault } from '../../../src/proxy/http2/frames.ts'
import { preface, readFrames } from '../../../src/proxy/http2/frames.test-kit.ts'
import { KeepingWire } from '../../../src/proxy/http2/keeping-wire.test-kit.ts'
import type { SessionOwner } from '../../../src/proxy/http2/session-owner.ts'
import { Http2Session } from '../../../src/proxy/http2/session.ts'
import type { Http2Stream } from '../../../src/proxy/http2/stream.ts'
import { nobody } from '../../../src/proxy/transport.ts'
import type { Random } from '../random.ts'
import { readChunked } from '../reference/chunked.ts'
import { hold, holdSame, type FuzzTarget } from '../target.ts'

export const http2FramesTarget: FuzzTarget = { name: 'http2-frames', dictionary: 'http2-frames', run }

function run(input: Buffer, random: Random): string {
  const whole = play(input, () => input.length)
  const cut = random.oneIn(2) ? 1 : 1 + random.below(24)
  const inPieces = play(input, () => 1 + random.below(cut))
  holdSame(inPieces, whole, 'what comes of it in pieces')
  for (const [id, text] of Object.entries(whole.streams)) judgeMessage(input, Number(id), text)
  return `${Object.keys(whole.streams).length > 0} ${whole.faults.slice(0, 3).join(' ')} ${whole.fault ?? ''}`
}

/** One head that only one reader could read, and a body that is the beginning of what the frames carry. */
function judgeMessage(input: Buffer, id: number, text: string): void {
  const head = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [!-~]+ HTTP\/1\.1\r\n(?:[!#$%&'*+\-.^_`|~0-9a-z]+: [\t -~\x80-\xff]*\r\n)*\r\n/.exec(
    text,
  )?.[0]
  hold(head !== undefined, `a head is not canonical: ${JSON.stringify(text.slice(0, 200))}`)
  const isChunked = head.includes('\r\ntransfer-encoding: chunked\r\n')
  hold(!/\r\n(connection|upgrade|keep-alive):/.test(head), 'a head has what belongs to one connection')
  const rest = text.slice(head.length)
  const body = isChunked ? readChunked(rest, false) : undefined
  hold(body?.is !== 'broken', 'a body is framed badly')
  const payload = body ? body.payload : rest
  hold(payloadOf(input, id).startsWith(payload), 'a body is not what the frames carry')
  const length = /\r\ncontent-length: (\d+)\r\n/.exec(head)?.[1]
  if (length !== undefined) hold(rest.length <= Number(length), 'a body is longer than it says')
}

/** Up to the first frame that is broken by itself. */
function payloadOf(input: Buffer, id: number): string {
  let payload = ''
  for (const { type, flags, stream, content } of readFrames(input)) {
    if (content.length > 16_384) break
    if (type !== 0) continue
    const isPadded = (flags & 8) !== 0
    const padding = isPadded ? (content[0] ?? 256) : 0
    if (isPadded && padding > content.length - 1) break
    if (stream === id) payload += content.toString('latin1', isPadded ? 1 : 0, content.length - padding)
  }
  return payload
}

interface Outcome {
  /** What came of each stream, in HTTP/1.1. */
  readonly streams: Record<number, string>
  readonly faults: string[]
  fault: string | undefined
  /** Frames that were written: kinds and streams. */
  written: string
}

function play(input: Buffer, size: () => number): Outcome {
  const outcome: Outcome = { streams: {}, faults: [], fault: undefined, written: '' }
  const wire = new KeepingWire()
  const session = new Http2Session(wire, 'server', {
    owner: ownerFor(outcome),
    afterTurn: (then) => then(),
    clock: { monotonic: () => 0 },
    limits: { streams: 5, headBytes: 4096, headers: 20 },
  })
  session.onData(preface, 0, preface.length)
  for (let at = 0; at < input.length; ) {
    const end = Math.min(input.length, at + size())
    session.onData(input, at, end)
    at = end
  }
  const frames = readFrames(Buffer.concat(wire.written))
  hold(session.isOver === frames.some(({ type }) => type === 7), 'a connection is over without GOAWAY')
  // When windows are opened depends on nothing but what was passed on.
  outcome.written = frames.map(({ type, stream }) => `${type}:${stream}`).join(' ')
  return outcome
}

function ownerFor(outcome: Outcome): SessionOwner {
  const heads = new Set<Http2Stream>()
  const onFields: SessionOwner['onFields'] = (stream, fields, isLast): Fault | undefined => {
    if (heads.has(stream)) {
      const lines = isLast ? trailersInHttp1(fields) : undefined
      return lines === undefined ? { code: 'PROTOCOL_ERROR', text: 'trailers' } : stream.deliverTrailers(lines)
    }
    const head = requestInHttp1(fields, isLast)
    if (typeof head === 'string') return { code: 'PROTOCOL_ERROR', text: head }
    heads.add(stream)
    stream.isRemoteDone = isLast
    stream.beginBody(head)
    outcome.streams[stream.id] = head.text
    stream.handler = { ...nobody, onData: (bytes, start, end) => void (outcome.streams[stream.id] += bytes.toString('latin1', start, end)) }
    return undefined
  }
  return {
    onFields,
    mayAdmit: () => true,
    onStreamFault: ({ text }) => void outcome.faults.push(text),
    onStreamGone: () => undefined,
    onActivity: () => hold(outcome.fault === undefined, 'a connection that is over is read'),
    onGoaway: () => undefined,
    onFault: ({ text }) => void (outcome.fault = text),
    onClose: () => undefined,
    onEnd: () => undefined,
  }
}
