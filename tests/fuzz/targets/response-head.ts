// Fuzzes the reading of response heads, and the writer whose result must frame the same body.
import { HeadScanner } from '../../../src/proxy/http/head-scanner.ts'
import { writeInformational, writeResponse, writeSwitch } from '../../../src/proxy/http/head-writer.ts'
import { OutBuffer } from '../../../src/proxy/http/out-buffer.ts'
import { interpretResponse, type ResponseHead } from '../../../src/proxy/http/response-head.ts'
import type { Random } from '../random.ts'
import { connectionOptions, type PlainHead, type PlainQuestion, readResponseHead, responseFraming } from '../reference/head.ts'
import { hold, holdSame, type FuzzTarget } from '../target.ts'
import { labelOf, linesOf, scanInPieces } from './heads.ts'

const MAX_LINES = 40
const scanner = new HeadScanner(MAX_LINES)
const second = new HeadScanner(MAX_LINES + 10)
const out = new OutBuffer()

export const responseHeadTarget: FuzzTarget = { name: 'response-head', dictionary: 'heads', run }

function run(input: Buffer, random: Random): string {
  const text = input.toString('latin1')
  const plain = readResponseHead(text)
  scanInPieces(input, random, (end) => ({ at: scanner.scanResponse(input, 0, end), problem: scanner.problem }))
  const at = scanner.scanResponse(input, 0, input.length)
  const { problem } = scanner
  if (at <= 0) {
    hold(!plain || problem?.status === 431, `a head in order is not found: ${problem?.text ?? 'more is wanted'}`)
    hold(at !== 0 || !text.includes('\r\n\r\n'), 'more is wanted after the empty line')
    return at === 0 ? `more ${scanner.count}` : `refused ${problem?.text}`
  }
  if (!plain) return hold(false, 'a head that is not in order is taken') ?? ''
  holdSame([at, String(scanner.status), ...linesOf(scanner, input)], [plain.length, plain.first[1], ...plain.lines], 'the lines')
  return interpreted(plain, random.pick(questions))
}

const questions: readonly PlainQuestion[] = [
  { method: 'GET', upgrade: undefined },
  { method: 'HEAD', upgrade: undefined },
  { method: 'GET', upgrade: 'websocket' },
]

function interpreted(plain: PlainHead, question: PlainQuestion): string {
  const head = interpretResponse(scanner, question.method, question.upgrade)
  const framing = responseFraming(plain, question)
  if (typeof head === 'string') {
    hold(framing === undefined, `a response in order is refused: ${head}`)
    return `problem ${head}`
  }
  holdSame(framingOf(head), framing, 'the framing of the body')
  const options = connectionOptions(plain)
  const mayPersist = !options.includes('close') && (plain.first[0] === '1' || options.includes('keep-alive')) && framing !== 'until-close'
  hold(!head.keepAlive || mayPersist, 'a connection is kept that its origin closes')
  rewritten(head, question)
  return `head ${labelOf(scanner)} ${head.body.kind} ${head.keepAlive} ${head.status < 200}`
}

/** What the writer wrote, read again, has the same status, and a body that ends where this one does. */
function rewritten(head: ResponseHead, question: PlainQuestion): void {
  const { method, upgrade } = question
  out.reset()
  if (head.status === 101) writeSwitch(out, scanner, head, { serverName: 'envoy', protocol: upgrade ?? '' })
  else if (head.status < 200) writeInformational(out, scanner, head)
  else writeResponse(out, scanner, head, { serverName: 'envoy', date: 'now', serviceTimeMs: 1, closes: false })
  const bytes = out.take()
  const text = bytes.toString('latin1')
  hold(
    /^HTTP\/1\.1 [1-9][0-9][0-9] [\x20-\x7e]+\r\n(?:[^\sA-Z:]+: [^\r\n\0]*\r\n)*\r\n$/.test(text),
    `what is written is not canonical: ${text.slice(0, 200)}`,
  )
  holdSame(second.scanResponse(bytes, 0, bytes.length), bytes.length, 'the end of what is written')
  const again = readResponseHead(text)
  const result = interpretResponse(second, method, upgrade)
  if (typeof result === 'string') return hold(false, `what is written is refused: ${result}`)
  if (!again) return hold(false, 'what is written is no head')
  const expected = head.body.kind === 'until-close' ? 'chunked' : framingOf(head)
  holdSame(
    [result.status, framingOf(result), responseFraming(again, question)],
    [head.status, expected, expected],
    'the response that is written',
  )
}

function framingOf(head: ResponseHead): string | number {
  return head.body.kind === 'length' ? head.body.length : head.body.kind
}
