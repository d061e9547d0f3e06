// Puts a parsed document into its file: resources get their origin, findings their line and the lines around it.
import { type FieldPath, type Issue, parseFieldPath, type Place, type Resource } from '../api/index.ts'
import type { Document } from 'yaml'
import { spotOf } from './field-spot.ts'
import { drawFrame, lineAndColumn } from './frame.ts'
import type { Entry, ParsedDocument } from './parsed-document.ts'
import { parseYaml } from './yaml-reader.ts'

export interface LoadedDocument {
  readonly parsed: ParsedDocument
  readonly source: string
  /** Line of the file on which the document begins. */
  readonly line: number
  readonly entries: readonly LoadedEntry[]
  readonly issues: readonly Issue[]
}

export interface LoadedEntry extends Entry {
  readonly origin: Resource['origin']
  /** The resource with its origin. */
  readonly loaded?: Resource
}

export function loadDocument(parsed: ParsedDocument, source: string, line: number): LoadedDocument {
  const entries = parsed.entries.map((entry) => loadEntry(parsed, entry, source, line))
  const issues = parsed.findings.map((finding) => {
    const { line: row, column } = lineAndColumn(parsed.text, finding.offset)
    const { level, code, path, message, fix, ref, unsupported, offset, end } = finding
    return Object.freeze({
      level,
      code,
      path,
      message,
      ...(fix === undefined ? {} : { fix }),
      ...(ref === undefined ? {} : { ref }),
      ...(unsupported ? { unsupported } : {}),
      source,
      place: { line: line + row, column: column + 1 },
      frame: drawFrame({ text: parsed.text, firstLine: line, offset, end }),
    })
  })
  return { parsed, source, line, entries, issues }
}

function loadEntry(parsed: ParsedDocument, entry: Entry, source: string, line: number): LoadedEntry {
  const origin: Resource['origin'] = Object.freeze({ source, line, placeOf: (field: string) => placeOf(parsed, entry.base, field, line) })
  if (!entry.resource || !entry.good) return { ...entry, origin }
  return { ...entry, origin, loaded: Object.freeze({ ...entry.resource, origin }) }
}

function placeOf(parsed: ParsedDocument, base: FieldPath, field: string, firstLine: number): Place {
  const { line, column } = fieldPlace(parsed, base, field)
  return { line: firstLine + line, column: column + 1 }
}

/** Of the fields that were asked for, for as long as their document counts: what has decided one flow will decide the next. */
const fieldPlaces = new WeakMap<ParsedDocument, Map<string, Place>>()

/** Counted from 0, and from the beginning of the document. */
function fieldPlace(parsed: ParsedDocument, base: FieldPath, field: string): Place {
  let places = fieldPlaces.get(parsed)
  if (places === undefined) {
    places = new Map()
    fieldPlaces.set(parsed, places)
  }
  const key = `${base.join('/')} ${field}`
  const known = places.get(key)
  if (known !== undefined) return known
  const place = lineAndColumn(parsed.text, spotOf(parsed.text, astOf(parsed), [...base, ...parseFieldPath(field)]).offset)
  places.set(key, place)
  return place
}

/** Syntax trees are large and rarely asked for: a few are kept, the others are made again. */
const trees = new Map<ParsedDocument, Document>()
const MOST_TREES = 32

function astOf(parsed: ParsedDocument): Document {
  const kept = trees.get(parsed)
  const ast = kept ?? parseYaml(parsed.text)
  trees.delete(parsed)
  trees.set(parsed, ast)
  const [oldest] = trees.keys()
  if (trees.size > MOST_TREES && oldest) trees.delete(oldest)
  return ast
}
