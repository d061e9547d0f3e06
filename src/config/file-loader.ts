// Reads files into documents, each text only once: what has not changed keeps its objects.
import type { Issue } from '../api/index.ts'
import { spliced, type Steps } from '../base/index.ts'
import type { LoadedFile } from './assembly.ts'
import { type DocumentText, type SplitChange, splitChange, splitDocuments, withoutMark } from './document.ts'
import { type DocumentOptions, readDocument } from './document-reader.ts'
import { FileBytes, KeptBytes, NotUtf8, textOf } from './file-bytes.ts'
import { type FoundFile, nameOf, sourceIssue } from './file-tree.ts'
import { type LoadedDocument, loadDocument, moveDocument } from './loaded-document.ts'
import type { ParsedDocument } from './parsed-document.ts'

export class FileLoader {
  readonly #options: DocumentOptions
  readonly #files = new FileBytes()
  /** By text, of all files: a document that moves to another file is the same still. */
  #parsed = new Map<string, ParsedDocument>()
  /** So many texts may be known before it is looked whether files still have them. */
  #most = SPARE_TEXTS

  constructor(options: DocumentOptions) {
    this.#options = options
  }

  *load({ path, size }: Pick<FoundFile, 'path' | 'size'>, before?: LoadedFile): Steps<LoadedFile> {
    const content = this.#files.read(path, size)
    if ('issue' in content) return unreadable(nameOf(path), content.issue)
    try {
      return yield* this.loadBytes(nameOf(path), content.bytes, before)
    } catch (error) {
      if (!(error instanceof NotUtf8)) throw error
      const issue = sourceIssue('SLP1006', nameOf(path), `${nameOf(path)} is not UTF-8 text`, 'save it as UTF-8')
      return unreadable(nameOf(path), issue)
    }
  }

  *loadBytes(source: string, file: Buffer, before?: LoadedFile): Steps<LoadedFile> {
    const bytes = withoutMark(file)
    if (before?.content !== undefined) return yield* this.#reload(before, before.content, bytes)
    const kept = new KeptDocuments(before?.documents ?? [])
    const documents = yield* this.#loadAll(splitDocuments(textOf(bytes)), source, kept)
    const places = before !== undefined && !kept.hasMoved ? before.places : {}
    return fileOf({ source, documents, places, ...(documents.length > FEW_DOCUMENTS && { content: new KeptBytes(bytes) }) })
  }

  /** Reads only what lies between the parts that both versions of the file have in common. */
  *#reload(before: LoadedFile, content: KeptBytes, bytes: Buffer): Steps<LoadedFile> {
    if (content.bytes.equals(bytes)) return before
    const { source, documents: known } = before
    const isBare = (i: number): boolean => known[i]?.parsed.text.startsWith('---') === false
    const change = splitChange(content.bytes, bytes, { count: known.length, at: (i) => known[i]?.position, isBare })
    const tail = known.slice(known.length - change.after)
    const kept = new KeptDocuments(known.slice(change.before, known.length - change.after))
    const between = yield* this.#loadAll(change.between, source, kept)
    if (change.offset !== 0 || change.lines !== 0) for (const document of tail) shift(document, change)
    const hasMoved = kept.hasMoved || (change.lines !== 0 && tail.length > 0)
    const documents = spliced(known, change.before, known.length - change.after, between)
    content.set(bytes)
    const isOpaque = (before.opaque ? documents : between).some(({ parsed }) => parsed.opaque)
    return { source, documents, places: hasMoved ? {} : before.places, content, issues: [], opaque: isOpaque }
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
    if (this.#parsed.size <= this.#most) return
    const count = files.reduce((sum, file) => sum + file.documents.length, 0)
    this.#most = 2 * count + SPARE_TEXTS
    if (this.#parsed.size <= this.#most) return
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
