// Changes one value in the text of a mesh configuration and leaves everything else of it as it is: order, comments, and who stands on which line.
import { type Document, isMap, isNode, isScalar, parseDocument, stringify, type YAMLMap } from 'yaml'

export interface Edited {
  readonly text: string
  /** What stood there; undefined where nothing did. */
  readonly before: unknown
}

/** Throws when the text is no YAML, or has something else in the way. */
export function setInText(text: string, path: readonly string[], value: unknown): Edited {
  const document = parseDocument(text, { version: '1.2' })
  const [problem] = document.errors
  if (problem !== undefined) throw problem
  const node = document.getIn(path, true)
  const before: unknown = isNode(node) ? node.toJS(document, { maxAliasCount: 0 }) : undefined
  if (JSON.stringify(before) === JSON.stringify(value)) return { text, before }
  // One plain word for another: nothing else moves.
  if (isScalar(node) && node.range && !isStructured(value) && isOnOneLine(text, node.range)) {
    const [start, end] = node.range
    return { text: `${text.slice(0, start)}${word(value)}${text.slice(end)}`, before }
  }
  const added = before === undefined ? addLines(text, document, path, value) : undefined
  if (added !== undefined) return { text: added, before }
  document.setIn(path, document.createNode(value))
  unfold(document, path)
  return { text: document.toString({ lineWidth: 0 }), before }
}

function isStructured(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function isOnOneLine(text: string, [start, end]: readonly [number, number, number]): boolean {
  return end > start && !text.slice(start, end).includes('\n')
}

function word(value: unknown): string {
  return stringify(value, { lineWidth: 0 }).trimEnd()
}

/** At the end of the innermost map there is, where that is written in lines. */
function addLines(text: string, document: Document, path: readonly string[], value: unknown): string | undefined {
  if (document.contents === null) return withLines(text, text.length, 0, nested(path, value))
  for (let length = path.length - 1; length >= 0; length--) {
    const parent = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    if (parent === undefined) continue
    const last = isMap(parent) && parent.flow !== true ? endOf(parent) : undefined
    if (!isMap(parent) || last === undefined) return undefined
    return withLines(text, last, columnOf(text, parent), nested(path.slice(length), value))
  }
  return undefined
}

function endOf(parent: YAMLMap): number | undefined {
  const value: unknown = parent.items.at(-1)?.value
  const range = typeof value === 'object' && value !== null && 'range' in value ? value.range : undefined
  return Array.isArray(range) && typeof range[1] === 'number' ? range[1] : undefined
}

/** Of the first key of the map. */
function columnOf(text: string, parent: YAMLMap): number {
  const start = parent.range?.[0] ?? 0
  return start - (text.lastIndexOf('\n', start - 1) + 1)
}

function nested(path: readonly string[], value: unknown): string {
  return stringify(
    path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value),
    { lineWidth: 0 },
  )
}

/** Below the line in which `offset` is. */
function withLines(text: string, offset: number, column: number, lines: string): string {
  const isAtStart = offset === 0 || text[offset - 1] === '\n'
  const lineEnd = text.indexOf('\n', offset)
  const at = isAtStart ? offset : lineEnd < 0 ? text.length : lineEnd + 1
  const before = text.slice(0, at)
  const indented = lines.replaceAll(/^(?=.)/gm, ' '.repeat(column))
  return `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${indented}${text.slice(at)}`
}

/** `{}` holds its first value on a line of its own, as sed scripts look for it. */
function unfold(document: Document, path: readonly string[]): void {
  for (let length = 0; length < path.length; length++) {
    const parent = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    if (isMap(parent) && parent.items.length === 1) parent.flow = false
  }
}
