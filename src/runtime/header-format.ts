// Compiles the value of a header change, with the few of Envoy's %…% operators that can be filled in before a request is forwarded.
import { formatAddress } from '../base/index.ts'
import type { RequestFacts } from '../flow/index.ts'

/** Text that is the same for every request, or how to make it. An empty text means that the change is not made, as in Envoy. */
export type HeaderValueFormat = string | ((facts: RequestFacts) => string)

export interface CompiledFormat {
  readonly format: HeaderValueFormat
  /** Headers of the request that the value is made of, in lower case. */
  readonly reads: readonly string[]
}

type Piece = string | ((facts: RequestFacts) => string)

/** `%%` is a percent sign; `%NAME%`, `%NAME(ARGUMENT)%` and `%NAME(ARGUMENT):LENGTH%` are operators. */
const operator = /%%|%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::(\d{1,5}))?%/g

export function compileHeaderValue(text: string): CompiledFormat | { readonly problem: string } {
  const pieces: Piece[] = []
  const reads: string[] = []
  let end = 0
  for (const match of text.matchAll(operator)) {
    const before = text.slice(end, match.index)
    if (before.includes('%')) return { problem: `the value ${JSON.stringify(text)} has a lone %` }
    pieces.push(before)
    end = match.index + match[0].length
    const piece = match[0] === '%%' ? '%' : compileOperator(match, reads)
    if (piece === undefined) return { problem: `the operator ${match[0]} in the value of a header is not carried out` }
    pieces.push(piece)
  }
  const rest = text.slice(end)
  if (rest.includes('%')) return { problem: `the value ${JSON.stringify(text)} has a lone %` }
  pieces.push(rest)
  return { format: join(pieces), reads }
}

function join(pieces: readonly Piece[]): HeaderValueFormat {
  const [made, ...others] = pieces.filter((piece) => typeof piece !== 'string')
  if (made === undefined) return pieces.join('')
  if (others.length === 0 && pieces.every((piece) => piece === '' || piece === made) && typeof made === 'function') return made
  return (facts) => pieces.map((piece) => (typeof piece === 'string' ? piece : piece(facts))).join('')
}

/** Operators without argument. Addresses are those of the connection that the request came by. */
const plain: Readonly<Record<string, (facts: RequestFacts) => string>> = {
  DOWNSTREAM_REMOTE_ADDRESS: ({ connection }) => formatAddress(connection.source),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: ({ connection }) => connection.source.ip,
  DOWNSTREAM_REMOTE_PORT: ({ connection }) => String(connection.source.port),
  DOWNSTREAM_LOCAL_ADDRESS: ({ connection }) => formatAddress(connection.destination),
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: ({ connection }) => connection.destination.ip,
  DOWNSTREAM_LOCAL_PORT: ({ connection }) => String(connection.destination.port),
  PROTOCOL: () => 'HTTP/1.1',
}

function compileOperator([, name = '', argument, length]: RegExpMatchArray, reads: string[]): Piece | undefined {
  if (name === 'REQ' && argument !== undefined) return compileRequestHeader(argument, length, reads)
  return argument === undefined && length === undefined ? plain[name] : undefined
}

/** `REQ(A?B)`: the header A, or B where A is missing. */
function compileRequestHeader(argument: string, length: string | undefined, reads: string[]): Piece | undefined {
  const names = argument.split('?').map((name) => name.trim().toLowerCase())
  if (names.length > 2 || names.some((name) => name === '')) return undefined
  reads.push(...names)
  const [first = '', second] = names
  const longest = length === undefined ? undefined : Number(length)
  return (facts) => {
    const found = headerOf(facts, first) ?? (second === undefined ? undefined : headerOf(facts, second)) ?? ''
    return longest === undefined ? found : found.slice(0, longest)
  }
}

/** The first line counts, as for Envoy's REQ. */
function headerOf(facts: RequestFacts, name: string): string | undefined {
  switch (name) {
    case ':method':
      return facts.method
    case ':path':
      return facts.path
    case ':scheme':
      return facts.scheme
    case ':authority':
    case 'host':
      return facts.authority
    default:
      return facts.headers(name)[0]
  }
}
