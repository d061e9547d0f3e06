// Reads files into documents, each text only once: what has not changed keeps its objects.
import type { Issue } from '../api/index.ts'
import type { Steps } from '../base/index.ts'
import type { LoadedFile } from './assembly.ts'
import { type DocumentText, type SplitChange, splitChange, splitDocuments, withoutMark } from './document.ts'
import { type DocumentOptions, readDocument } from './document-reader.ts'
import { nameOf, readContent } from './file-tree.ts'
import { type LoadedDocument, loadDocument, moveDocument } from './loaded-document.ts'
import type { ParsedDocument } from './parsed-document.ts'

export class FileLoader {
  readonly #options: DocumentOptions
  /** By text, of all files: a document that moves to another file is the same still. */
  #parsed = new Map<string, ParsedDocument>()

  constructor(options: DocumentOptions) {
    this.#options = options
  }

  *load(path: string, before?: LoadedFile): Steps<LoadedFile> {
    const content = readContent(path)
    if ('issue' in content) return unreadable(nameOf(path), content.issue)
    return yield* this.loadText(nameOf(path), content.text, before)
  }

  *loadText(source: string, text: string, before?: LoadedFile): Steps<LoadedFile> {
    const content = withoutMark(text)
    if (before?.content !== undefined) return yield* this.#reload(before, before.content, content)
    const kept = new KeptDocuments(before?.documents ?? [])
    const documents = yield* this.#loadAll(splitDocuments(content), source, kept)
    const places = before !== undefined && !kept.hasMoved ? before.places : {}
    return fileOf({ source, documents, places, ...(documents.length > FEW_DOCUMENTS && { content }) })
  }

  /** Reads only what lies between the parts that both versions of the file have in common. */
  *#reload(before: LoadedFile, old: string, content: string): Steps<LoadedFile> {
    const { source, documents: known } = before
    const positions = known.map(({ position }) => position)
    const isBare = (i: number): boolean => known[i]?.parsed.text.startsWith('---') === false
    const change = splitChange(old, content, positions, isBare)
    const tail = known.slice(known.length - change.after)
    const kept = new KeptDocuments(known.slice(change.before, known.length - change.after))
    const between = yield* this.#loadAll(change.between, source, kept)
    if (change.offset !== 0 || change.lines !== 0) for (const document of tail) shift(document, change)
    const hasMoved = kept.hasMoved || (change.lines !== 0 && tail.length > 0)
    const documents = [...known.slice(0, change.before), ...between, ...tail]
    return fileOf({ source, documents, places: hasMoved ? {} : before.places, content })
  }

  /** Reads first and then puts into place, so that nothing has moved should it be left half done. */
  *#loadAll(documents: readonly DocumentText[], source: string, kept: KeptDocuments): Steps<LoadedDocument[]> {
    for (const [i, { text }] of documents.entries()) {
      this.#parse(text)
      if (i % STEP === STEP - 1) yield
    }
    return documents.map((document) => {
      const parsed = this.#parse(document.text)
      return kept.take(parsed, document) ?? loadDocument(parsed, source, document)
    })
  }

  /** Forgets texts that no file has any more, once there are as many of them as of the others. */
  prune(files: readonly LoadedFile[]): void {
    const count = files.reduce((sum, file) => sum + file.documents.length, 0)
    if (this.#parsed.size <= 2 * count + SPARE_TEXTS) return
    this.#parsed = new Map(files.flatMap((file) => file.documents.map(({ parsed }) => [parsed.text, parsed] as const)))
  }

  #parse(text: string): ParsedDocument {
    const known = this.#parsed.get(text)
    if (known) return known
    // A part of a file would keep the whole file in memory, and every version of it that some document still has.
    const parsed = readDocument(Buffer.from(text).toString(), this.#options)
    this.#parsed.set(parsed.text, parsed)
    return parsed
  }
}

const SPARE_TEXTS = 100

/** So many documents are read before others get their turn. */
const STEP = 8

/** Up to so many documents, a file is split anew when it has changed. */
const FEW_DOCUMENTS = 8

function fileOf(parts: Omit<LoadedFile, 'issues' | 'opaque'>): LoadedFile {
  return { ...parts, issues: [], opaque: parts.documents.some((document) => document.parsed.opaque) }
}

function shift(document: LoadedDocument, { lines, offset }: SplitChange): void {
  moveDocument(document, { line: document.position.line + lines, from: document.position.from + offset })
}

/** The documents that a file had: usually the next one is where the last was. */
class KeptDocuments {
  readonly #documents: readonly LoadedDocument[]
  #next = 0
  #left: Map<ParsedDocument, LoadedDocument[]> | undefined
  hasMoved = false

  constructor(documents: readonly LoadedDocument[]) {
    this.#documents = documents
  }

  /** One with this text that was not taken yet, now at this place. */
  take(parsed: ParsedDocument, to: DocumentText): LoadedDocument | undefined {
    const document = this.#find(parsed)
    if (document === undefined) return undefined
    if (document.position.line !== to.line) this.hasMoved = true
    moveDocument(document, to)
    return document
  }

  #find(parsed: ParsedDocument): LoadedDocument | undefined {
    const next = this.#documents[this.#next]
    if (this.#left === undefined && next?.parsed === parsed) {
      this.#next++
      return next
    }
    this.#left ??= byText(this.#documents.slice(this.#next))
    return this.#left.get(parsed)?.shift()
  }
}

function byText(documents: readonly LoadedDocument[]): Map<ParsedDocument, LoadedDocument[]> {
  const index = new Map<ParsedDocument, LoadedDocument[]>()
  for (const document of documents) {
    const others = index.get(document.parsed)
    if (others) others.push(document)
    else index.set(document.parsed, [document])
  }
  return index
}

/** A file that is there and cannot be read says nothing about what stands in it. */
function unreadable(source: string, issue: Issue): LoadedFile {
  return { source, documents: [], issues: [issue], opaque: true, places: {} }
}
