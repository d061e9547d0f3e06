// Cuts a file into its documents, so that each can be recognised by its text and read only when that has changed.
import { textOf } from './file-bytes.ts'

export interface DocumentText {
  readonly text: string
  /** Line of the file, from 1, on which `text` begins. */
  readonly line: number
  /** Offset in the file's bytes of the marker before it, or of the file's beginning. */
  readonly from: number
}

/** A byte order mark is no content. */
export function withoutMark(file: Buffer): Buffer {
  return file[0] === 0xef && file[1] === 0xbb && file[2] === 0xbf ? file.subarray(3) : file
}

/** The documents of a YAML stream; JSON has no line that could be taken for a marker. Documents without content are left out. */
export function splitDocuments(content: string): DocumentText[] {
  const documents = splitText(content)
  return Buffer.byteLength(content) === content.length ? documents : inBytes(content, documents)
}

function inBytes(content: string, documents: readonly DocumentText[]): DocumentText[] {
  let at = 0
  let bytes = 0
  return documents.map((document) => {
    bytes += Buffer.byteLength(content.slice(at, document.from))
    at = document.from
    return { ...document, from: bytes }
  })
}

function splitText(content: string): DocumentText[] {
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

/** The documents of an earlier version. */
export interface KnownDocuments {
  readonly count: number
  at(index: number): Pick<DocumentText, 'line' | 'from'> | undefined
  /** Nothing stands behind its marker. */
  isBare(index: number): boolean
}

/** `known` are the documents of `old`; both without a mark. Reads only what lies between the common beginning and the common end. Throws `NotUtf8`. */
export function splitChange(old: Buffer, now: Buffer, known: KnownDocuments): SplitChange {
  const start = commonStart(old, now)
  const end = commonEnd(old, now, start)
  // A marker counts with the character behind it.
  const before = Math.max(0, countWhile(known, (document) => document.from + 4 <= start) - 1)
  const from = before === 0 ? 0 : (known.at(before)?.from ?? 0)
  const next = Math.max(
    before,
    countWhile(known, (document) => document.from <= old.length - end),
  )
  const after = known.count - next
  const oldTo = known.at(next)?.from ?? old.length
  const offset = now.length - old.length
  const fromLine = before === 0 ? 1 : (known.at(before)?.line ?? 1) - (known.isBare(before) ? 1 : 0)
  const window = now.subarray(from, oldTo + offset)
  const between = splitDocuments(textOf(window)).map(({ text, line, from: at }) => ({ text, line: line + fromLine - 1, from: at + from }))
  return { before, after, between, offset, lines: countLines(window) - countLines(old.subarray(from, oldTo)) }
}

/** By halving: they stand in the order of their offsets. */
function countWhile(known: KnownDocuments, isOne: (document: Pick<DocumentText, 'line' | 'from'>) => boolean): number {
  let low = 0
  let high = known.count
  while (low < high) {
    const middle = (low + high) >> 1
    const item = known.at(middle)
    if (item !== undefined && isOne(item)) low = middle + 1
    else high = middle
  }
  return low
}

const CHUNK = 16 * 1024

/** Compared in large pieces, because that costs next to nothing. */
function commonStart(a: Buffer, b: Buffer): number {
  const shorter = Math.min(a.length, b.length)
  let at = 0
  while (at + CHUNK <= shorter && a.compare(b, at, at + CHUNK, at, at + CHUNK) === 0) at += CHUNK
  while (at < shorter && a[at] === b[at]) at++
  return at
}

function commonEnd(a: Buffer, b: Buffer, start: number): number {
  const most = Math.min(a.length, b.length) - start
  let count = 0
  while (count + CHUNK <= most && a.compare(b, ...chunkBefore(b.length - count), ...chunkBefore(a.length - count)) === 0) count += CHUNK
  while (count < most && a[a.length - 1 - count] === b[b.length - 1 - count]) count++
  return count
}

function chunkBefore(end: number): [start: number, end: number] {
  return [end - CHUNK, end]
}

function countLines(text: Buffer): number {
  let count = 0
  for (let at = text.indexOf(newlineByte); at >= 0; at = text.indexOf(newlineByte, at + 1)) count++
  return count
}

const newlineByte = 0x0a

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
