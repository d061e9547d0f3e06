// Fuzzes the reading of ClientHellos: however they are cut into segments, against a plain reading, and as the listener sniffs them.
import { classifyFirstBytes } from '../../../src/proxy/sniff/first-bytes.ts'
import { readClientHello } from '../../../src/proxy/sniff/tls-client-hello.ts'
import { cutsOf, type Random } from '../random.ts'
import { type PlainHello, readPlainHello } from '../reference/client-hello.ts'
import { hold, holdSame, type FuzzTarget } from '../target.ts'

export const clientHelloTarget: FuzzTarget = {
  name: 'client-hello',
  dictionary: 'client-hello',
  run,
}

function run(input: Buffer, random: Random): string {
  const result = readClientHello(input, 0, input.length)
  const whole = simplified(result)
  // Records follow records: what is no record at all is not the reader's to judge.
  if (input.length > 0) holdSame(whole, readPlainHello(input), 'the hello')
  inPieces(input, random, whole)
  atAnotherPlace(input, random, whole)
  sniffed(input, whole)
  return typeof result === 'string'
    ? result
    : 'broken' in result
      ? result.broken
      : `hello ${result.hello.sni === undefined} ${result.hello.alpn.length}`
}

/** Whatever a beginning settles stays so. */
function inPieces(input: Buffer, random: Random, whole: PlainHello): void {
  for (const end of cutsOf(input.length, random)) {
    const part = simplified(readClientHello(input, 0, end))
    if (part !== 'more') holdSame(part, whole, `after ${end} of ${input.length} bytes`)
  }
}

/** A reader that looks outside its bounds would read this differently. */
function atAnotherPlace(input: Buffer, random: Random, whole: PlainHello): void {
  const before = random.below(8)
  const moved = Buffer.concat([Buffer.alloc(before, 0xff), input, Buffer.alloc(8, 0)])
  holdSame(simplified(readClientHello(moved, before, before + input.length)), whole, 'the hello, among other bytes')
}

function sniffed(input: Buffer, whole: PlainHello): void {
  const first = classifyFirstBytes(input, 0, input.length)
  if (input[0] !== 22) return hold(first === 'more' || first.protocol !== 'tls', 'what is no record is sniffed as TLS')
  if (whole === 'more') return holdSame(first, 'more', 'what is sniffed')
  hold(first !== 'more' && first.protocol === (whole === 'broken' ? 'other' : 'tls'), 'what is sniffed is not what is read')
}

function simplified(result: ReturnType<typeof readClientHello>): PlainHello {
  if (result === 'more') return 'more'
  return 'broken' in result ? 'broken' : { sni: result.hello.sni, alpn: result.hello.alpn }
}
