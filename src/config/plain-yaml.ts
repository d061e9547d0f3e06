// Reads the plain part of YAML, in which nearly all resources are written, ten times faster than the library, and leaves everything else to it.

/** What this reader does not take: the library has to read it. */
export const notPlain = Symbol('not plain YAML')

/**
 * The value of a document in block style with single-line scalars and flow collections, in printable ASCII, without
 * anchors, tags, block scalars, escapes, and words or numbers that anybody could read differently. Of such a document
 * `readYaml` reads the same value and finds nothing wrong (tested by comparing the two).
 */
export function readPlainYaml(text: string): unknown {
  if (text.length > LONGEST || !plainText.test(text)) return notPlain
  try {
    return new PlainReader(text).document()
  } catch (error) {
    if (error instanceof NotPlain) return notPlain
    throw error
  }
}

/** Longer ones are rare, and what they say may be anything. */
const LONGEST = 64 * 1024
const DEEPEST = 32
/** Printable ASCII; a carriage return only before a line feed. */
const plainText = /^(?:[ -~]|\r?\n)*$/
const keyPattern = /^([A-Za-z_][\w./-]*):(?: +(.*))?$/
/** No indicator of YAML at the beginning, no `: ` and no ` #` inside, no `:` at the end. */
const scalarPattern = /^[A-Za-z0-9_./](?:[^:#]|:(?=[^ ])|#)*$/
const flowScalarPattern = /^[A-Za-z0-9_./][^,[\]{}"':#?]*$/
/** Words that some reader of YAML takes for something else than text. */
const specialWord = /^(?:~|null|true|false|y|yes|n|no|on|off)$/i
const numeric = /^[-+]?(?:0[ox][\da-f]+|(?:\.\d+|\d+(?:\.\d*)?)(?:e[-+]?\d+)?|\.inf|\.nan)$/i
const plainInteger = /^(?:0|[1-9]\d{0,14})$/

/** Thrown once per document that is not plain, so that no function has to pass it on. */
class NotPlain extends Error {}

class PlainReader {
  readonly #indents: number[] = []
  readonly #contents: string[] = []
  #at = 0
  #depth = 0

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const content = line.trimEnd()
      const indent = content.search(/[^ ]/)
      if (indent < 0 || content.charAt(indent) === '#') continue
      this.#indents.push(indent)
      this.#contents.push(content.slice(indent))
    }
  }

  document(): unknown {
    const [first] = this.#contents
    // Directives, markers and documents that are no block mapping.
    if (first === undefined || this.#indents[0] !== 0 || !keyPattern.test(first)) throw new NotPlain()
    const value = this.#mapping(0)
    if (this.#at < this.#contents.length) throw new NotPlain()
    return value
  }

  #indent(): number {
    return this.#indents[this.#at] ?? -1
  }

  #isItem(): boolean {
    const content = this.#contents[this.#at] ?? ''
    return content === '-' || content.startsWith('- ')
  }

  #block(indent: number): unknown {
    if (++this.#depth > DEEPEST) throw new NotPlain()
    const value = this.#isItem() ? this.#sequence(indent) : this.#mapping(indent)
    this.#depth--
    return value
  }

  #mapping(indent: number): Record<string, unknown> {
    const result: Record<string, unknown> = {}
    while (this.#indent() === indent && !this.#isItem()) {
      const match = keyPattern.exec(this.#contents[this.#at] ?? '')
      const key = match?.[1]
      if (key === undefined || specialWord.test(key) || key in result) throw new NotPlain()
      this.#at++
      const rest = withoutComment(match?.[2] ?? '')
      result[key] = rest === '' ? this.#below(indent) : this.#inline(rest, indent)
    }
    if (this.#indent() > indent) throw new NotPlain()
    return result
  }

  /** The value of a key or dash that has nothing behind it. A list may stand as far left as its key. */
  #below(indent: number): unknown {
    const next = this.#indent()
    if (next > indent) return this.#block(next)
    // Whether nothing or everything is meant is for the other reader to point at.
    if (next === indent && this.#isItem()) return this.#block(next)
    throw new NotPlain()
  }

  #sequence(indent: number): unknown[] {
    const result: unknown[] = []
    while (this.#indent() === indent && this.#isItem()) {
      const content = this.#contents[this.#at] ?? ''
      const dash = /^- +/.exec(content)?.[0].length
      if (dash === undefined) throw new NotPlain()
      const rest = content.slice(dash)
      if (rest.startsWith('#') || rest.startsWith('- ') || rest === '-') throw new NotPlain()
      if (keyPattern.test(rest)) {
        // `- key: value` begins a mapping at the column of the key.
        this.#indents[this.#at] = indent + dash
        this.#contents[this.#at] = rest
        result.push(this.#block(indent + dash))
      } else {
        this.#at++
        result.push(this.#inline(withoutComment(rest), indent))
      }
    }
    if (this.#indent() > indent) throw new NotPlain()
    return result
  }

  /** A value on one line: what is further to the right below it would go on with it. */
  #inline(content: string, indent: number): unknown {
    if (this.#indent() > indent) throw new NotPlain()
    const first = content.charAt(0)
    if (first === '[' || first === '{') return new FlowReader(content).read()
    if (first === '"' || first === "'") return unquote(content)
    if (!scalarPattern.test(content)) throw new NotPlain()
    return scalar(content)
  }
}

/** Lists and mappings in brackets, on one line. */
class FlowReader {
  readonly #tokens: readonly string[]
  #at = 0
  #depth = 0

  constructor(content: string) {
    this.#tokens = content.match(/[[\]{},]|"[^"]*"|'[^']*'|[^[\]{},"']+/g) ?? []
    if (this.#tokens.join('').length !== content.length) throw new NotPlain()
  }

  read(): unknown {
    const value = this.#value()
    if (this.#at < this.#tokens.length) throw new NotPlain()
    return value
  }

  /** The next token with anything in it; spaces between are of no account. */
  #next(): string {
    let token = ''
    while (token === '' && this.#at < this.#tokens.length) token = (this.#tokens[this.#at++] ?? '').trim()
    return token
  }

  #peek(): string {
    const at = this.#at
    const token = this.#next()
    this.#at = at
    return token
  }

  #value(): unknown {
    const token = this.#next()
    if (++this.#depth > DEEPEST) throw new NotPlain()
    const value = token === '[' ? this.#list() : token === '{' ? this.#map() : flowScalar(token)
    this.#depth--
    return value
  }

  #list(): unknown[] {
    const result: unknown[] = []
    if (this.#peek() === ']') {
      this.#next()
      return result
    }
    for (;;) {
      result.push(this.#value())
      const token = this.#next()
      if (token === ']') return result
      if (token !== ',') throw new NotPlain()
    }
  }

  #map(): Record<string, unknown> {
    const result: Record<string, unknown> = {}
    if (this.#peek() === '}') {
      this.#next()
      return result
    }
    for (;;) {
      this.#pair(result)
      const token = this.#next()
      if (token === '}') return result
      if (token !== ',') throw new NotPlain()
    }
  }

  /** `key: value` is one token if the value is plain, else `key:` is. */
  #pair(result: Record<string, unknown>): void {
    const match = keyPattern.exec(this.#next())
    const key = match?.[1]
    if (key === undefined || specialWord.test(key) || key in result) throw new NotPlain()
    const rest = match?.[2] ?? ''
    if (rest !== '') {
      result[key] = flowScalar(rest)
      return
    }
    const before = this.#tokens[this.#at - 1] ?? ''
    if (!before.endsWith(' ')) throw new NotPlain()
    result[key] = this.#value()
  }
}

function flowScalar(token: string): unknown {
  if (token.startsWith('"') || token.startsWith("'")) return unquote(token)
  if (!flowScalarPattern.test(token)) throw new NotPlain()
  return scalar(token)
}

/** ` #` begins a comment; where quotes stand before it, it may not. */
function withoutComment(content: string): string {
  const hash = content.startsWith('#') ? 0 : content.indexOf(' #')
  if (hash < 0) return content
  if (/["']/.test(content.slice(0, hash))) throw new NotPlain()
  return content.slice(0, hash).trimEnd()
}

function unquote(content: string): string {
  const quote = content.charAt(0)
  const inner = content.slice(1, -1)
  if (content.length < 2 || !content.endsWith(quote) || inner.includes(quote) || inner.includes('\\')) throw new NotPlain()
  return inner
}

function scalar(content: string): unknown {
  if (content === 'true') return true
  if (content === 'false') return false
  if (plainInteger.test(content)) return Number(content)
  if (specialWord.test(content) || numeric.test(content)) throw new NotPlain()
  return content
}
