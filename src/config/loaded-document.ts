// Puts a parsed document into its file: resources get their origin, findings their line and the lines around it.
import { type FieldPath, type Issue, parseFieldPath, type Place, type Resource } from '../api/index.ts'
import { mostSpots, spotOf, spotsBelow } from './field-spot.ts'
import { drawFrame, lineAndColumn, lineStarts, placeIn } from './frame.ts'
import type { Entry, ParsedDocument, PlacedFinding } from './parsed-document.ts'
import { plainSpotsBelow } from './plain-spots.ts'
import { treeOf } from './syntax-trees.ts'

/** Where a document stands now: it may move without any of its resources becoming another. */
export interface DocumentPosition {
  /** Line of the file on which the document begins. */
  line: number
  /** Offset in the file of the marker before it. */
  from: number
}

export interface LoadedDocument {
  readonly parsed: ParsedDocument
  readonly source: string
  readonly position: DocumentPosition
  readonly entries: readonly LoadedEntry[]
  readonly issues: readonly Issue[]
}

export interface LoadedEntry extends Entry {
  readonly origin: Resource['origin']
  /** The resource with its origin. */
  readonly loaded?: Resource
}

export function loadDocument(parsed: ParsedDocument, source: string, { line, from }: Readonly<DocumentPosition>): LoadedDocument {
  const position = { line, from }
  const entries = parsed.entries.map((entry) => loadEntry(parsed, entry, source, position))
  if (parsed.findings.length === 0) return { parsed, source, position, entries, issues: noIssues }
  let told = { line, issues: issuesOf(parsed, source, line) }
  return {
    parsed,
    source,
    position,
    entries,
    // They name lines, which may have moved.
    get issues() {
      if (told.line !== position.line) told = { line: position.line, issues: issuesOf(parsed, source, position.line) }
      return told.issues
    },
  }
}

export function moveDocument({ position }: LoadedDocument, { line, from }: Readonly<DocumentPosition>): void {
  position.line = line
  position.from = from
}

const noIssues: readonly Issue[] = []

function issuesOf(parsed: ParsedDocument, source: string, line: number): readonly Issue[] {
  return parsed.findings.map((finding) => {
    const { level, code, path, message, fix, ref, unsupported } = finding
    return Object.freeze({
      level,
      code,
      path,
      message,
      ...(fix === undefined ? {} : { fix }),
      ...(ref === undefined ? {} : { ref }),
      ...(unsupported ? { unsupported } : {}),
      source,
      // Places and lines are for those that are printed.
      get place() {
        const { line: row, column } = placeOfFinding(parsed, finding)
        return { line: line + row, column: column + 1 }
      },
      get frame() {
        if (mayHoldSecrets(parsed.text)) return ''
        const { offset, end } = finding.spot
        return drawFrame({ text: parsed.text, firstLine: line, offset, end })
      },
    })
  })
}

/** Nothing of such a document is printed, however broken it is. */
function mayHoldSecrets(text: string): boolean {
  return /\bkind["']?\s*:\s*["']?Secret/.test(text)
}

const findingPlaces = new WeakMap<PlacedFinding, Place>()

/** Counted from 0, and from the beginning of the document. */
function placeOfFinding({ text }: ParsedDocument, finding: PlacedFinding): Place {
  const place = findingPlaces.get(finding) ?? lineAndColumn(text, finding.spot.offset)
  findingPlaces.set(finding, place)
  return place
}

function loadEntry(parsed: ParsedDocument, entry: Entry, source: string, position: Readonly<DocumentPosition>): LoadedEntry {
  const origin: Resource['origin'] = Object.freeze(new DocumentOrigin({ parsed, base: entry.base, source, position }))
  if (!entry.resource || !entry.good) return { ...entry, origin }
  return { ...entry, origin, loaded: Object.freeze({ ...entry.resource, origin }) }
}

const wholeObject: Place = { line: 0, column: 1 }

interface OriginParts {
  readonly parsed: ParsedDocument
  readonly base: FieldPath
  readonly source: string
  readonly position: Readonly<DocumentPosition>
}

/** Always tells the place of now. */
class DocumentOrigin {
  readonly source: string
  readonly #parts: OriginParts

  constructor(parts: OriginParts) {
    this.source = parts.source
    this.#parts = parts
  }

  get line(): number {
    return this.#parts.position.line
  }

  placeOf(field: string): Place {
    const { parsed, base, position } = this.#parts
    // What stands in no file has no places inside, and nobody looks for them in a text that nobody sees.
    if (position.line === 0) return wholeObject
    return placeOf(parsed, base, field, position.line)
  }

  *fields(): Iterable<readonly [string, Place]> {
    const { parsed, base, position } = this.#parts
    if (position.line === 0) return
    const lines = lineStarts(parsed.text)
    const spots = plainSpotsBelow(parsed.text, base, mostSpots) ?? spotsBelow(parsed.text, treeOf(parsed.text), base)
    for (const { field, offset } of spots) {
      const { line, column } = placeIn(lines, offset)
      yield [field, { line: position.line + line, column: column + 1 }]
    }
  }
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
  const place = lineAndColumn(parsed.text, spotOf(parsed.text, treeOf(parsed.text), [...base, ...parseFieldPath(field)]).offset)
  places.set(key, place)
  return place
}
