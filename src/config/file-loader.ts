// Reads files into documents, each text only once: what has not changed keeps its objects.
import type { Issue } from '../api/index.ts'
import type { LoadedFile } from './assembly.ts'
import { splitDocuments } from './document.ts'
import { type DocumentOptions, readDocument } from './document-reader.ts'
import { nameOf, readContent } from './file-tree.ts'
import { type LoadedDocument, loadDocument } from './loaded-document.ts'
import type { ParsedDocument } from './parsed-document.ts'

export class FileLoader {
  readonly #options: DocumentOptions
  /** By text, of all files: a document that moves to another file is the same still. */
  #parsed = new Map<string, ParsedDocument>()

  constructor(options: DocumentOptions) {
    this.#options = options
  }

  load(path: string, before?: LoadedFile): LoadedFile {
    const content = readContent(path)
    if ('issue' in content) return unreadable(nameOf(path), content.issue)
    return this.loadText(nameOf(path), content.text, before)
  }

  loadText(source: string, text: string, before?: LoadedFile): LoadedFile {
    const kept = new KeptDocuments(before?.documents ?? [])
    const documents = splitDocuments(text).map((document, i) => {
      const parsed = this.#parse(document.text)
      return kept.find(parsed, document.line, i) ?? loadDocument(parsed, source, document.line)
    })
    return { source, documents, issues: [], opaque: documents.some((document) => document.parsed.opaque) }
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

/** The documents that a file had: usually the next one is where the last was. */
class KeptDocuments {
  readonly #documents: readonly LoadedDocument[]
  #byText: Map<ParsedDocument, LoadedDocument[]> | undefined

  constructor(documents: readonly LoadedDocument[]) {
    this.#documents = documents
  }

  find(parsed: ParsedDocument, line: number, index: number): LoadedDocument | undefined {
    const same = this.#documents[index]
    if (same?.parsed === parsed && same.line === line) return same
    this.#byText ??= this.#index()
    return this.#byText.get(parsed)?.find((document) => document.line === line)
  }

  #index(): Map<ParsedDocument, LoadedDocument[]> {
    const index = new Map<ParsedDocument, LoadedDocument[]>()
    for (const document of this.#documents) {
      const others = index.get(document.parsed)
      if (others) others.push(document)
      else index.set(document.parsed, [document])
    }
    return index
  }
}

/** A file that is there and cannot be read says nothing about what stands in it. */
function unreadable(source: string, issue: Issue): LoadedFile {
  return { source, documents: [], issues: [issue], opaque: true }
}
