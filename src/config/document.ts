// Cuts a file into its documents, so that each can be recognised by its text and read only when that has changed.

export interface DocumentText {
  readonly text: string
  /** Line of the file, from 1, on which `text` begins. */
  readonly line: number
  /** Offset in the file of the marker before it, or of the file's beginning. */
  readonly from: number
}

/** The documents of a YAML stream; JSON has no line that could be taken for a marker. Documents without content are left out. */
export function splitDocuments(file: string): DocumentText[] {
  return splitContent(withoutMark(file))
}

/** A byte order mark is no content. */
export function withoutMark(file: string): string {
  return file.startsWith('\uFEFF') ? file.slice(1) : file
}

function splitContent(content: string): DocumentText[] {
  const documents: DocumentText[] = []
  let start = 0
  let from = 0
  let startLine = 1
  let line = 1
  for (let at = 0; at < content.length; line++) {
    const newline = content.indexOf('\n', at)
    const next = newline < 0 ? content.length : newline + 1
    // A line that begins so ends a document wherever it stands, block scalars included (YAML 1.2 §9.1.2).
    if (isMarker(content, at)) {
      add(documents, { text: content.slice(start, at), line: startLine, from })
      const rest = content.slice(at + 3, newline < 0 ? content.length : newline)
      const bare = rest.trim() === '' || rest.trimStart().startsWith('#')
      from = at
      start = bare ? next : at
      startLine = bare ? line + 1 : line
    }
    at = next
  }
  add(documents, { text: content.slice(start), line: startLine, from })
  return documents
}

/** Two versions of a file: which documents both have at the beginning and at the end, and those of the new one in between. */
export interface SplitChange {
  readonly before: number
  readonly after: number
  readonly between: readonly DocumentText[]
  /** By how much those at the end have moved. */
  readonly lines: number
  readonly offset: number
}

/** `known` are the documents of `old`; both without a mark. Reads only what lies between the common beginning and the common end. */
export function splitChange(
  old: string,
  now: string,
  known: readonly Pick<DocumentText, 'line' | 'from'>[],
  isBare: (index: number) => boolean,
): SplitChange {
  const start = commonStart(old, now)
  const end = commonEnd(old, now, start)
  // A marker counts with the character behind it.
  let before = countWhile(known, (document) => document.from + 4 <= start) - 1
  if (before < 0) before = 0
  const from = before === 0 ? 0 : (known[before]?.from ?? 0)
  let after = 0
  while (after < known.length - before && (known[known.length - 1 - after]?.from ?? 0) > old.length - end) after++
  const first = known[known.length - after]
  const oldTo = first?.from ?? old.length
  const offset = now.length - old.length
  const fromLine = before === 0 ? 1 : (known[before]?.line ?? 1) - (isBare(before) ? 1 : 0)
  const window = now.slice(from, oldTo + offset)
  const between = splitContent(window).map(({ text, line, from: at }) => ({ text, line: line + fromLine - 1, from: at + from }))
  return { before, after, between, offset, lines: countLines(window) - countLines(old.slice(from, oldTo)) }
}

function countWhile<T>(list: readonly T[], isOne: (item: T) => boolean): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    const item = list[middle]
    if (item !== undefined && isOne(item)) low = middle + 1
    else high = middle
  }
  return low
}

const CHUNK = 16 * 1024

/** Compared in large pieces, because that costs next to nothing. */
function commonStart(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  let at = 0
  while (at + CHUNK <= shorter && a.slice(at, at + CHUNK) === b.slice(at, at + CHUNK)) at += CHUNK
  while (at < shorter && a.charCodeAt(at) === b.charCodeAt(at)) at++
  return at
}

function commonEnd(a: string, b: string, start: number): number {
  const most = Math.min(a.length, b.length) - start
  let count = 0
  while (
    count + CHUNK <= most &&
    a.slice(a.length - count - CHUNK, a.length - count) === b.slice(b.length - count - CHUNK, b.length - count)
  )
    count += CHUNK
  while (count < most && a.charCodeAt(a.length - 1 - count) === b.charCodeAt(b.length - 1 - count)) count++
  return count
}

function countLines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}

function isMarker(content: string, at: number): boolean {
  if (!content.startsWith('---', at)) return false
  const after = content.charAt(at + 3)
  return after === '' || after === '\n' || after === ' ' || after === '\t' || after === '\r'
}

function add(documents: DocumentText[], document: DocumentText): void {
  if (hasContent(document.text)) documents.push(document)
}

function hasContent(text: string): boolean {
  // Nearly all documents begin with a name.
  if (/^[A-Za-z]/.test(text)) return true
  return /^(?!\s*(#|---\s*$|\.\.\.\s*$|%YAML))\s*\S/m.test(text)
}
