// Reads an object of an API as a document of a file would be.
import { type LoadedFile, noPlaces } from './assembly.ts'
import { readDocument } from './document-reader.ts'
import { loadDocument } from './loaded-document.ts'

/** One version of an object: as long as it is the same, so is what it says. */
export interface DeclaredObject {
  /** Stands in the place of a file's name: `serviceentries.networking.istio.io default/redis`. */
  readonly source: string
  /** As `JSON.parse` reads it. It is frozen where it is declared well: nobody may change it. */
  value(): unknown
}

/** Nobody sees the text that an object is read from: its name is the place. */
const withoutLines = { line: 0, from: 0 } as const

export function loadObject(object: DeclaredObject, defaultNamespace = 'default'): LoadedFile {
  const json = object.value()
  const parsed = readDocument(JSON.stringify(json), { defaultNamespace, json })
  const documents = [loadDocument(parsed, object.source, withoutLines)]
  return { source: object.source, documents, issues: [], opaque: parsed.opaque, places: noPlaces }
}
