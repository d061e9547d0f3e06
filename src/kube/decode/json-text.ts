// Reads JSON and keeps what JSON.parse forgets: which fields stand twice. Nesting is bounded, and `__proto__` is a key like any other.
import { setField, type Json } from '../object.ts'

export interface JsonText {
  readonly value: Json
  /** Paths of fields that stand more than once, such as `spec.ports[0].name`; the last one counts. */
  readonly duplicates: readonly string[]
}

/** What is wrong, in the words of Go's decoder. */
export class JsonProblem extends Error {
  override readonly name = 'JsonProblem'
}

/** Deeper than any resource is, and shallow enough for the walks that come after. */
const deepest = 500
const mostDuplicates = 100

export function readJsonText(text: string): JsonText {
  return new Reader(text).read()
}

const spaces: ReadonlySet<string> = new Set([' ', '\t', '\n', '\r'])
const escapes: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const words: readonly (readonly [string, Json])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]

class Reader {
  readonly #text: string
  readonly #duplicates: string[] = []
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  read(): JsonText {
    const value = this.#value('')
    this.#space()
    if (this.#at < this.#text.length) throw this.#unexpected('after top-level value')
    return { value, duplicates: this.#duplicates }
  }

  #value(path: string): Json {
    this.#space()
    const start = this.#text[this.#at]
    if (start === '{') return this.#nested(() => this.#object(path))
    if (start === '[') return this.#nested(() => this.#list(path))
    if (start === '"') return this.#string()
    const word = words.find(([letters]) => letters[0] === start)
    if (word) return this.#word(word)
    if (start === '-' || (start !== undefined && start >= '0' && start <= '9')) return this.#number()
    throw this.#unexpected('looking for beginning of value')
  }

  #nested(read: () => Json): Json {
    this.#depth += 1
    if (this.#depth > deepest) throw this.#unexpected('exceeded max depth')
    this.#at += 1
    const value = read()
    this.#depth -= 1
    return value
  }

  #object(path: string): Json {
    const object: Record<string, Json | undefined> = {}
    this.#space()
    if (this.#take('}')) return object
    for (;;) {
      this.#space()
      if (this.#text[this.#at] !== '"') throw this.#unexpected('looking for beginning of object key string')
      const name = this.#string()
      const at = path === '' ? name : `${path}.${name}`
      if (Object.hasOwn(object, name) && this.#duplicates.length < mostDuplicates) this.#duplicates.push(at)
      this.#space()
      if (!this.#take(':')) throw this.#unexpected('after object key')
      setField(object, name, this.#value(at))
      this.#space()
      if (this.#take('}')) return object
      if (!this.#take(',')) throw this.#unexpected('after object key:value pair')
    }
  }

  #list(path: string): Json {
    const list: Json[] = []
    this.#space()
    if (this.#take(']')) return list
    for (;;) {
      list.push(this.#value(`${path}[${list.length}]`))
      this.#space()
      if (this.#take(']')) return list
      if (!this.#take(',')) throw this.#unexpected('after array element')
    }
  }

  /** Stretches without escapes are taken as they stand. */
  #string(): string {
    let read = ''
    let from = this.#at + 1
    for (let at = from; ; at += 1) {
      const code = this.#text.charCodeAt(at)
      if (Number.isNaN(code)) throw new JsonProblem('unexpected end of JSON input')
      if (code === quote) {
        this.#at = at + 1
        return read + this.#text.slice(from, at)
      }
      if (code < 0x20) throw this.#unexpected('in string literal', at)
      if (code !== backslash) continue
      read += this.#text.slice(from, at)
      const letter = this.#text[at + 1]
      const plain = letter !== undefined && Object.hasOwn(escapes, letter) ? escapes[letter] : undefined
      read += plain ?? this.#unicode(at, letter)
      at += plain === undefined ? 5 : 1
      from = at + 1
    }
  }

  #unicode(at: number, letter: string | undefined): string {
    if (letter !== 'u') throw this.#unexpected('in string escape code', at + 1)
    const digits = this.#text.slice(at + 2, at + 6)
    const wrong = digits.search(/[^\da-fA-F]/)
    if (wrong >= 0) throw this.#unexpected('in \\u hexadecimal character escape', at + 2 + wrong)
    if (digits.length < 4) throw new JsonProblem('unexpected end of JSON input')
    return String.fromCharCode(Number.parseInt(digits, 16))
  }

  #word([letters, value]: readonly [string, Json]): Json {
    for (let index = 1; index < letters.length; index += 1) {
      const expected = letters.charAt(index)
      if (this.#text[this.#at + index] !== expected) {
        throw this.#unexpected(`in literal ${letters} (expecting '${expected}')`, this.#at + index)
      }
    }
    this.#at += letters.length
    return value
  }

  #number(): number {
    numberPattern.lastIndex = this.#at
    const found = numberPattern.exec(this.#text)?.[0]
    if (found === undefined) throw this.#unexpected('in numeric literal', this.#at + 1)
    this.#at += found.length
    const value = Number(found)
    if (!Number.isFinite(value)) throw new JsonProblem(`json: cannot unmarshal number ${found} into Go value of type float64`)
    return value
  }

  #space(): void {
    while (spaces.has(this.#text[this.#at] ?? '')) this.#at += 1
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    return true
  }

  #unexpected(where: string, at = this.#at): JsonProblem {
    const character = this.#text[at]
    return new JsonProblem(character === undefined ? 'unexpected end of JSON input' : `invalid character ${goRune(character)} ${where}`)
  }
}

const quote = 0x22
const backslash = 0x5c
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y

/** A character in single quotes, as Go prints it. */
function goRune(character: string): string {
  if (character === "'") return "'\\''"
  return `'${JSON.stringify(character).slice(1, -1).replace('\\"', '"')}'`
}
