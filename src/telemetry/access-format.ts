// Compiles access log formats with Envoy's `%…%` operators, once, into functions that write a line.
import { type AccessFacts, accessOperators, type AccessReader, headerNames, isNoted } from './access-operators.ts'

/** Text with operators, or JSON whose values have them: a `FlowRecord` becomes one line. */
export type AccessFormatSource = { readonly text: string } | { readonly labels: Readonly<Record<string, unknown>> }

export interface AccessFormat {
  /** Without a line end. */
  format(facts: AccessFacts): string
  /** Headers that the proxy has to keep for this format, in lower case. */
  readonly requestHeaders: readonly string[]
  readonly responseHeaders: readonly string[]
  /** What could not be understood, and is printed as a dash. */
  readonly problems: readonly string[]
}

export function compileAccessFormat(source: AccessFormatSource): AccessFormat {
  const compiler = new Compiler()
  return {
    format: 'text' in source ? compiler.text(source.text.replace(/\r?\n$/, '')) : compiler.json(source.labels),
    requestHeaders: [...compiler.requestHeaders],
    responseHeaders: [...compiler.responseHeaders],
    problems: compiler.problems,
  }
}

/** Between quotation marks of the format what would end them is escaped; outside blanks are. */
type Quoting = 'quoted' | 'bare' | 'none'

const plainText = /^[!#-[\]-~]*$/

/** Differs from Envoy: a quotation mark or control character that a client sent cannot forge a field or a line. */
function guard(value: string, quoting: Quoting): string {
  if (quoting === 'none' || plainText.test(value)) return value
  if (quoting === 'bare') return value.replace(/[\s\p{Cc}"]/gu, '_')
  return value.replace(/["\\\p{Cc}]/gu, (character) => {
    return character === '"' || character === '\\' ? `\\${character}` : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}

/** Writes its part of a line. */
type Writer = (facts: AccessFacts) => string

/** The argument may hold percent signs, as a time's does, but no closing bracket. */
const operatorPattern = /%%|%([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::(\d+))?%/g

/** Formats nest as deeply as anybody wants to read. */
const deepest = 8

class Compiler {
  readonly requestHeaders = new Set<string>()
  readonly responseHeaders = new Set<string>()
  readonly problems: string[] = []

  text(source: string): Writer {
    return join(this.#parts(source))
  }

  json(source: Readonly<Record<string, unknown>>): Writer {
    return this.#object(source, 0)
  }

  #object(source: Readonly<Record<string, unknown>>, depth: number): Writer {
    const entries = Object.entries(source)
    if (entries.length === 0) return () => '{}'
    const parts = entries.flatMap(([key, value], index) => [
      `${index === 0 ? '{' : ','}${JSON.stringify(key)}:`,
      this.#value(value, depth + 1),
    ])
    return join([...parts, '}'])
  }

  #list(source: readonly unknown[], depth: number): Writer {
    const parts = source.flatMap((item, index) => [index === 0 ? '' : ',', this.#value(item, depth + 1)])
    return join(['[', ...parts, ']'])
  }

  /** A value that is one operator keeps its type, and is null where there is nothing, as in Envoy. */
  #value(source: unknown, depth: number): Writer {
    if (depth > deepest) return this.#unknown('the format is nested too deeply')
    if (Array.isArray(source)) return this.#list(source, depth)
    if (typeof source === 'object' && source !== null) return this.#object({ ...source }, depth)
    if (typeof source === 'number' || typeof source === 'boolean') return () => String(source)
    if (typeof source !== 'string') return () => 'null'
    const [only, ...others] = this.#readers(source)
    if (others.length === 0 && typeof only === 'function') return (facts) => jsonOf(only(facts))
    const text = join(this.#parts(source, 'none'))
    return (facts) => jsonOf(text(facts))
  }

  #unknown(problem: string): Writer {
    this.problems.push(problem)
    return () => 'null'
  }

  #parts(source: string, quoting?: Quoting): readonly (string | Writer)[] {
    let quotes = 0
    return this.#readers(source).map((part) => {
      if (typeof part === 'function') {
        const kind = quoting ?? (quotes % 2 === 1 ? 'quoted' : 'bare')
        return (facts) => textOf(part(facts), kind)
      }
      quotes += part.split('"').length - 1
      return part
    })
  }

  #readers(source: string): readonly (string | AccessReader)[] {
    const parts: (string | AccessReader)[] = []
    let end = 0
    for (const match of source.matchAll(operatorPattern)) {
      if (match.index > end) parts.push(source.slice(end, match.index))
      end = match.index + match[0].length
      const [whole, name, argument, length] = match
      parts.push(name === undefined ? '%' : this.#operator({ whole, name, argument, length }))
    }
    const rest = source.slice(end)
    if (rest.includes('%')) this.problems.push(`"${rest.slice(rest.indexOf('%'), rest.indexOf('%') + 40)}" is no operator`)
    return rest === '' ? parts : [...parts, rest]
  }

  #operator({ whole, name, argument, length }: Operator): AccessReader {
    const read = Object.hasOwn(accessOperators, name) ? accessOperators[name]?.(argument) : 'is not known'
    if (read === undefined || typeof read === 'string') {
      this.problems.push(`${whole} ${read ?? 'is not known'}`)
      return () => undefined
    }
    this.#note(name, argument)
    // Flags are a dash where there are none, also in JSON.
    if (name.startsWith('RESPONSE_FLAGS')) return read
    const most = length === undefined ? Number.POSITIVE_INFINITY : Number(length)
    return (facts) => {
      const value = read(facts)
      if (typeof value !== 'string') return value
      if (value === '' || value === '-') return undefined
      return value.length > most ? value.slice(0, most) : value
    }
  }

  #note(name: string, argument: string | undefined): void {
    const side = name.startsWith('REQ') ? 'request' : /^(RESP|RESPONSE_HEADER)$/.test(name) ? 'response' : undefined
    if (side === undefined) return
    const headers = side === 'request' ? this.requestHeaders : this.responseHeaders
    for (const each of headerNames(argument)) if (!isNoted(side, each)) headers.add(each)
  }
}

interface Operator {
  readonly whole: string
  readonly name: string
  readonly argument: string | undefined
  readonly length: string | undefined
}

function join(parts: readonly (string | Writer)[]): Writer {
  return (facts) => {
    let text = ''
    for (const part of parts) text += typeof part === 'string' ? part : part(facts)
    return text
  }
}

function textOf(value: string | number | undefined, quoting: Quoting): string {
  if (value === undefined) return '-'
  return typeof value === 'number' ? String(value) : guard(value, quoting)
}

const plainJson = /^[ !#-[\]-~]*$/

function jsonOf(value: string | number | undefined): string {
  if (value === undefined) return 'null'
  if (typeof value === 'number') return String(value)
  return plainJson.test(value) ? `"${value}"` : JSON.stringify(value)
}
