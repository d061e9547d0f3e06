// Finds where the fields of a plain document stand, ten times as fast as by a syntax tree: whoever is told all places is told those of ten thousand documents.
import { fieldAt, type FieldPath } from '../api/index.ts'
import { notPlain, readPlainYaml } from './plain-yaml.ts'

/** A field below some other, with the offset where its spot begins. */
export interface FieldSpot {
  readonly field: string
  readonly offset: number
}

interface PlainField {
  readonly segment: string | number
  readonly offset: number
  readonly inner: readonly PlainField[]
}

/**
 * What `spotsBelow` says of the syntax tree (a test compares them), at most as many; nothing when the document is not plain. What the
 * quick reader of values has taken is known to be well-formed, so that here is nothing to be checked.
 */
export function plainSpotsBelow(text: string, base: FieldPath, most: number): readonly FieldSpot[] | undefined {
  if (readPlainYaml(text) === notPlain) return undefined
  let fields = new SpotReader(text).block()
  for (const segment of base) fields = fields.find((field) => field.segment === segment)?.inner ?? []
  const spots: FieldSpot[] = []
  const waiting = [{ path: '', fields }]
  for (const around of waiting) {
    for (const { segment, offset, inner } of around.fields) {
      if (spots.length === most) return spots
      const field = fieldAt(around.path, segment)
      spots.push({ field, offset })
      if (inner.length > 0) waiting.push({ path: field, fields: inner })
    }
  }
  return spots
}

/** The lines of a document that hold anything, as the reader of values sees them. */
class SpotReader {
  readonly #lines: { readonly offset: number; readonly indent: number; readonly content: string }[] = []
  #at = 0

  constructor(text: string) {
    let start = 0
    for (const line of text.split('\n')) {
      const content = line.trim()
      const indent = line.length - line.trimStart().length
      if (content !== '' && !content.startsWith('#')) this.#lines.push({ offset: start + indent, indent, content })
      start += line.length + 1
    }
  }

  /** The fields of the mapping or list that begins at this line. */
  block(): readonly PlainField[] {
    const first = this.#lines[this.#at]
    if (first === undefined) return []
    return isItem(first.content) ? this.#list(first.indent) : this.#mapping(first.indent)
  }

  #mapping(indent: number): readonly PlainField[] {
    const fields: PlainField[] = []
    for (let line = this.#lines[this.#at]; line?.indent === indent && !isItem(line.content); line = this.#lines[this.#at]) {
      const { content, offset } = line
      const colon = content.indexOf(':')
      const from = skipSpaces(content, colon + 1)
      this.#at++
      const segment = content.slice(0, colon)
      if (from === content.length || content[from] === '#') fields.push({ segment, offset, inner: this.block() })
      else fields.push(fieldOnLine(segment, content, { from, offset, key: offset }))
    }
    return fields
  }

  #list(indent: number): readonly PlainField[] {
    const items: PlainField[] = []
    for (let line = this.#lines[this.#at]; line?.indent === indent && isItem(line.content); line = this.#lines[this.#at]) {
      const { content, offset } = line
      const from = skipSpaces(content, 1)
      const rest = content.slice(from)
      if (beginsMapping.test(rest)) {
        // `- key: value` begins a mapping at the column of the key.
        this.#lines[this.#at] = { offset: offset + from, indent: indent + from, content: rest }
        items.push({ segment: items.length, offset: offset + from, inner: this.block() })
      } else {
        this.#at++
        items.push(fieldOnLine(items.length, content, { from, offset, key: undefined }))
      }
    }
    return items
  }
}

/** As the reader of values decides it. */
const beginsMapping = /^[A-Za-z_][\w./-]*:(?: |$)/

function isItem(content: string): boolean {
  return content === '-' || content.startsWith('- ')
}

function skipSpaces(content: string, from: number): number {
  let at = from
  while (content[at] === ' ') at++
  return at
}

/** A value that stands on the line of its key or dash. Lists and mappings are pointed at by their key, where they have one. */
function fieldOnLine(
  segment: string | number,
  content: string,
  { from, offset, key }: { readonly from: number; readonly offset: number; readonly key: number | undefined },
): PlainField {
  const first = content[from]
  if (first !== '[' && first !== '{') return { segment, offset: offset + from, inner: [] }
  return { segment, offset: key ?? offset + from, inner: new FlowSpots(content, from, offset).inner() }
}

/** Lists and mappings in brackets, on one line. */
class FlowSpots {
  readonly #content: string
  readonly #offset: number
  #at: number

  constructor(content: string, from: number, offset: number) {
    this.#content = content
    this.#offset = offset
    this.#at = from
  }

  /** From an opening bracket to behind the closing one. */
  inner(): readonly PlainField[] {
    const isMap = this.#content[this.#at++] === '{'
    const fields: PlainField[] = []
    for (;;) {
      this.#skip(' ,')
      const next = this.#content[this.#at]
      if (next === undefined || next === ']' || next === '}') break
      fields.push(isMap ? this.#pair() : this.#value(fields.length, undefined))
    }
    this.#at++
    return fields
  }

  #pair(): PlainField {
    const start = this.#at
    const colon = this.#content.indexOf(':', start)
    this.#at = colon + 1
    this.#skip(' ')
    return this.#value(this.#content.slice(start, colon), this.#offset + start)
  }

  #value(segment: string | number, key: number | undefined): PlainField {
    const offset = this.#offset + this.#at
    const first = this.#content[this.#at]
    if (first === '[' || first === '{') return { segment, offset: key ?? offset, inner: this.inner() }
    this.#pass(first)
    return { segment, offset, inner: [] }
  }

  /** To behind a scalar. */
  #pass(first: string | undefined): void {
    if (first === '"' || first === "'") this.#at = this.#content.indexOf(first, this.#at + 1) + 1
    else while (this.#at < this.#content.length && !',]}'.includes(this.#content.charAt(this.#at))) this.#at++
  }

  #skip(characters: string): void {
    while (this.#at < this.#content.length && characters.includes(this.#content.charAt(this.#at))) this.#at++
  }
}
