// Fuzzes the chunked coding: the decoder in one piece and in many, against a plain reading, and the framing that is written anew.
import { ChunkDecoder, frameChunk, Pieces } from '../../../src/proxy/http/chunk-decoder.ts'
import type { Random } from '../random.ts'
import { type PlainBody, readChunked } from '../reference/chunked.ts'
import { hold, holdSame, type FuzzTarget } from '../target.ts'

export const chunkedTarget: FuzzTarget = {
  name: 'chunked',
  dictionary: 'chunked',
  run,
}

/** The decoder stops looking at trailers here. */
const MAX_TRAILER = 16_384

function run(input: Buffer, random: Random): string {
  const allowsExtensions = random.oneIn(2)
  const whole = decode(input, allowsExtensions, () => input.length)
  holdSame(whole.outcome, expected(readChunked(input.toString('latin1'), allowsExtensions)), 'the body')
  const cut = random.oneIn(2) ? 1 : 1 + random.below(24)
  const inPieces = decode(input, allowsExtensions, () => 1 + random.below(cut))
  holdSame(inPieces.outcome, whole.outcome, 'the body, when it comes in pieces')
  hold(input.length > MAX_TRAILER || whole.frames.length <= input.length + 128, 'more is written than has come')
  for (const { frames, outcome } of [whole, inPieces]) {
    const again = readChunked(frames.toString('latin1'), false)
    const wanted =
      outcome.is === 'whole' ? { is: 'whole', payload: outcome.payload, length: frames.length } : { is: 'more', payload: outcome.payload }
    holdSame(again, wanted, 'what is written')
  }
  judgeTrailers(whole)
  return `${allowsExtensions} ${whole.outcome.is} ${whole.problem ?? ''} ${Math.min(whole.chunks, 4)}`
}

/** None that steers a message comes through, and what comes is canonical. */
function judgeTrailers({ trailers }: Decoded): void {
  for (const line of trailers.split('\r\n').slice(0, -1)) {
    hold(/^[^\sA-Z:]+: [^\r\n\0]*$/.test(line), `a trailer is not canonical: ${line}`)
    hold(!steering.test(line), `a trailer steers the message: ${line}`)
  }
}

const steering = new RegExp(
  '^((host|connection|te|trailer|upgrade|expect|authorization|cookie|transfer-encoding):|content-(length|type|encoding|range):|x-(envoy|forwarded|sallyport)-)',
)

interface Decoded {
  readonly outcome: PlainBody
  readonly problem: string | undefined
  readonly frames: Buffer
  readonly chunks: number
  /** As they are passed on. */
  readonly trailers: string
}

function decode(input: Buffer, allowsExtensions: boolean, size: () => number): Decoded {
  const decoder = new ChunkDecoder({ allowsExtensions })
  const pieces = new Pieces()
  const frames: Buffer[] = []
  let payload = ''
  let chunks = 0
  let at = 0
  while (at < input.length && !decoder.isDone && decoder.problem === undefined) {
    const end = Math.min(input.length, at + size())
    pieces.clear()
    const next = decoder.decode(input, at, end, pieces)
    hold(next <= end && next >= at, 'the decoder went beyond the bytes that came')
    hold(next === end || decoder.isDone || decoder.problem !== undefined, 'the decoder stopped without a reason')
    for (let index = 0; index < pieces.ranges.length; index += 2) {
      const [from = 0, to = 0] = pieces.ranges.slice(index, index + 2)
      hold(from >= at && to <= next, 'a piece lies outside the bytes that came')
      payload += input.toString('latin1', from, to)
      chunks++
    }
    if (pieces.total > 0 || decoder.isDone) frames.push(frameChunk(input, pieces, decoder.isDone, decoder.trailers))
    at = next
  }
  const outcome: PlainBody = decoder.isDone
    ? { is: 'whole', payload, length: at }
    : { is: decoder.problem === undefined ? 'more' : 'broken', payload }
  const trailers = decoder.trailers?.toString('latin1') ?? ''
  return { outcome, problem: decoder.problem, frames: Buffer.concat(frames), chunks, trailers }
}

function expected(body: PlainBody): PlainBody {
  return body.is === 'whole' ? { is: body.is, payload: body.payload, length: body.length } : { is: body.is, payload: body.payload }
}
