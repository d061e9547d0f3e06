// Fuzzes the reading of request heads: scanner, interpretation, the sniffing before them, and the writer whose result must read the same.
import { HeadScanner } from '../../../src/proxy/http/head-scanner.ts'
import { finishRequest, writeRequest } from '../../../src/proxy/http/head-writer.ts'
import { OutBuffer } from '../../../src/proxy/http/out-buffer.ts'
import { interpretRequest, type RequestHead, type RequestRules } from '../../../src/proxy/http/request-head.ts'
import { classifyFirstBytes } from '../../../src/proxy/sniff/first-bytes.ts'
import type { Random } from '../random.ts'
import { connectionOptions, isPlainAuthority, type PlainHead, readRequestHead, requestFraming, valuesOf } from '../reference/head.ts'
import { hold, holdSame, type FuzzTarget } from '../target.ts'
import { labelOf, linesOf, scanInPieces } from './heads.ts'

const MAX_LINES = 40
const scanner = new HeadScanner(MAX_LINES)
const second = new HeadScanner(MAX_LINES + 10)
const out = new OutBuffer()
const modes = ['none', 'base', 'merge-slashes', 'decode-and-merge-slashes'] as const satisfies readonly RequestRules['pathNormalization'][]

export const requestHeadTarget: FuzzTarget = { name: 'request-head', dictionary: 'heads', run }

function run(input: Buffer, random: Random): string {
  const text = input.toString('latin1')
  const plain = readRequestHead(text)
  scanInPieces(input, random, (end) => ({ at: scanner.scanRequest(input, 0, end), problem: scanner.problem }))
  const at = scanner.scanRequest(input, 0, input.length)
  const { problem } = scanner
  if (at <= 0) {
    hold(!plain || problem?.status === 431, `a head in order is not found: ${problem?.text ?? 'more is wanted'}`)
    hold(at !== 0 || !text.includes('\r\n\r\n'), 'more is wanted after the empty line')
    return at === 0 ? `more ${scanner.count}` : `refused ${problem?.text}`
  }
  if (!plain) return hold(false, 'a head that is not in order is taken') ?? ''
  holdSame([at, ...linesOf(scanner, input)], [plain.length, ...plain.lines], 'the lines')
  return interpreted(input, plain, random)
}

function interpreted(input: Buffer, plain: PlainHead, random: Random): string {
  const rules: RequestRules = { isStrict: true, pathNormalization: random.pick(modes) }
  const result = interpretRequest(scanner, rules)
  if ('problem' in result) {
    hold(!isOrdinary(plain), `an ordinary request is refused: ${result.problem.text}`)
    return `problem ${result.problem.text}`.slice(0, 60)
  }
  const { head } = result
  const hosts = valuesOf(plain, 'host')
  hold(hosts.length === 1 && isPlainAuthority(hosts[0] ?? ''), 'a request without one valid Host is taken')
  hold(isPlainAuthority(head.authority), 'an authority is taken that is none')
  const [method, target] = plain.first
  if (method !== 'CONNECT' && target.startsWith('/')) holdSame(head.authority, hosts[0], 'the authority')
  holdSame(framingOf(head), requestFraming(plain), 'the framing of the body')
  // Behind a CONNECT that is refused may come what was meant for the tunnel.
  const mayPersist = method !== 'CONNECT' && !connectionOptions(plain).includes('close')
  holdSame(head.keepAlive, mayPersist, 'whether the connection persists')
  const first = classifyFirstBytes(input, 0, input.length)
  hold(first !== 'more' && (first.protocol === 'http1' || first.protocol === 'other'), 'what is a request is sniffed as something else')
  // Envoy's sniffing wants a letter, a digit or a bracket first after CONNECT; no name that could be declared begins otherwise.
  const isOddConnect = method === 'CONNECT' && !/^[A-Za-z0-9[]/.test(target)
  hold(isOddConnect || first.protocol === 'http1', 'a request that is taken is not sniffed as HTTP')
  if (method !== 'CONNECT') rewritten(head, plain, rules)
  return `head ${labelOf(scanner)} ${head.body.kind} ${rules.pathNormalization === 'none' ? '' : head.path === target}`
}

/** What the writer wrote, read again, is the same request in canonical form. */
function rewritten(head: RequestHead, plain: PlainHead, rules: RequestRules): void {
  out.reset()
  writeRequest(out, scanner, head, { isEdge: false, isSecure: false })
  finishRequest(out, { timeoutMs: 0, flow: undefined, workload: undefined })
  const bytes = out.take()
  const text = bytes.toString('latin1')
  hold(
    /^[A-Z-]+ [\x21-\x7e]+ HTTP\/1\.1\r\n(?:[^\sA-Z:]+: [^\r\n\0]*\r\n)*\r\n$/.test(text),
    `what is written is not canonical: ${text.slice(0, 200)}`,
  )
  const again = readRequestHead(text)
  hold(again?.length === text.length, 'what is written is no head')
  holdSame(second.scanRequest(bytes, 0, bytes.length), bytes.length, 'the end of what is written')
  const result = interpretRequest(second, rules)
  if ('problem' in result) return hold(false, `what is written is refused: ${result.problem.text}`)
  const { method, authority, path, body, upgrade } = result.head
  const wanted = [head.method, head.authority, head.path, head.body, head.upgrade]
  holdSame([method, authority, path, body, upgrade], wanted, 'the request that is written')
  holdSame([path, result.head.originalPath], [head.path, head.path], 'the path, normalised twice')
  const passed = (from: PlainHead): readonly (readonly [string, string])[] =>
    from.lines.filter(([name]) => /^(?!x-|connection$)/.test(name) && !own.has(name))
  holdSame(passed(again), passed(withoutHop(plain)), 'the lines that are written')
}

/** Written anew by the proxy, in places of its own. */
const own = new Set(['host', 'content-length', 'transfer-encoding', 'te', 'upgrade'])
const hopNames = new Set(['connection', 'keep-alive', 'proxy-connection', 'http2-settings', 'expect'])

function withoutHop(plain: PlainHead): PlainHead {
  const nominated = new Set(connectionOptions(plain))
  const lines = plain.lines
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(
      ([name]) =>
        !hopNames.has(name) &&
        (name !== 'trailer' || requestFraming(plain) === 'chunked') &&
        (!nominated.has(name) || name === 'close' || name === 'keep-alive'),
    )
  return { ...plain, lines }
}

function framingOf(head: RequestHead): string | number {
  return head.body.kind === 'length' ? head.body.length : head.body.kind
}

/** Nothing in it gives a reason to refuse. */
function isOrdinary(plain: PlainHead): boolean {
  const [method, target] = plain.first
  const isPlainTarget = /^\/[A-Za-z0-9/?=&-]*$/.test(target)
  const hosts = valuesOf(plain, 'host')
  const hasOnlyPlainLines = plain.lines.every(([name]) =>
    ['host', 'accept', 'content-length', 'user-agent', 'x-a'].includes(name.toLowerCase()),
  )
  return (
    /^(GET|POST|PUT|DELETE|HEAD)$/.test(method) &&
    isPlainTarget &&
    hosts.length === 1 &&
    isPlainAuthority(hosts[0] ?? '') &&
    hasOnlyPlainLines &&
    requestFraming(plain) !== undefined
  )
}
