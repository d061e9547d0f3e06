// Reads a document by its text alone, so that equal texts need to be read only once.
import { type FieldPath, type Finding, parseFieldPath, rejects, type ResourceRef } from '../api/index.ts'
import { contentHash, type Fields, isFields, messageOf } from '../base/index.ts'
import { type Document, isScalar } from 'yaml'
import { settleAmbiguities } from './ambiguity.ts'
import { type EntryOptions, readEntry } from './entry-reader.ts'
import { nodeAt, outerSpot, type Spot, spotOf } from './field-spot.ts'
import { readJson } from './json-reader.ts'
import type { Entry, EntryFinding, ParsedDocument, PlacedFinding } from './parsed-document.ts'
import { treeOf } from './syntax-trees.ts'
import { type Ambiguity, readYaml, type YamlReading } from './yaml-reader.ts'

export interface DocumentOptions {
  readonly defaultNamespace: string
  /** A program has written it, and this is what: YAML if absent. */
  readonly json?: unknown
}

/** Beyond these a person would not read on, and the first ones usually cause the others. */
const MOST_FINDINGS = 100
const LARGEST_DOCUMENT = 1024 * 1024

export function readDocument(text: string, options: DocumentOptions): ParsedDocument {
  if (Buffer.byteLength(text) > LARGEST_DOCUMENT) {
    const message = `the document has ${Buffer.byteLength(text)} bytes; at most ${LARGEST_DOCUMENT} are read`
    return broken(text, { level: 'error', code: 'SLP1005', path: '', message, fix: 'split it, with `---` between the parts' })
  }
  let yaml: YamlReading
  try {
    yaml = options.json === undefined ? readYaml(text) : readJson(text, options.json)
  } catch (error) {
    // Deeper than the parser's stack, for example.
    return broken(text, { level: 'error', code: 'SLP1001', path: '', message: `the document cannot be read: ${messageOf(error)}` })
  }
  const reader = new DocumentReader(text, yaml, options)
  reader.read()
  return { text, entries: reader.entries, findings: reader.findings, opaque: reader.opaque }
}

function broken(text: string, finding: Finding): ParsedDocument {
  return { text, entries: [], findings: [{ ...finding, spot: { offset: 0, end: 1 } }], opaque: true }
}

class DocumentReader {
  readonly entries: Entry[] = []
  readonly findings: PlacedFinding[] = []
  opaque = false
  readonly #text: string
  readonly #hash: string
  readonly #yaml: YamlReading
  readonly #options: DocumentOptions

  constructor(text: string, yaml: YamlReading, options: DocumentOptions) {
    this.#text = text
    this.#hash = contentHash(text)
    this.#yaml = yaml
    this.#options = options
  }

  read(): void {
    for (const { offset, end, ...problem } of this.#yaml.problems.slice(0, MOST_FINDINGS))
      this.findings.push({ level: 'error', path: '', ...problem, spot: { offset, end } })
    if (!this.#yaml.whole) {
      this.opaque = true
      return
    }
    if (this.#yaml.value === null || this.#yaml.value === undefined) return
    const sound = this.#yaml.problems.length === 0
    this.#object(this.#yaml.value, [], sound)
  }

  #object(value: unknown, base: FieldPath, sound: boolean): void {
    if (!isFields(value)) {
      this.opaque = true
      const message = 'the document is not a resource: it is not a mapping of fields'
      this.#place({ level: 'error', code: 'SLP1115', path: '', message }, base)
      return
    }
    const items = itemsOf(value)
    if (items) for (const [i, item] of items.entries()) this.#object(item, [...base, 'items', i], sound)
    else this.#entry(value, base, sound)
  }

  #entry(value: Fields, base: FieldPath, sound: boolean): void {
    const hash = base.length === 0 ? this.#hash : contentHash(`${this.#hash}/${base.join('/')}`)
    const reading = readEntry(value, { ...this.#options, hash } satisfies EntryOptions)
    const findings: readonly EntryFinding[] = reading.schema
      ? settleAmbiguities(reading.findings, this.#ambiguitiesBelow(base), reading.schema, '')
      : reading.findings
    for (const finding of findings) this.#place(finding, base, reading.ref)
    if (reading.opaque) this.opaque = true
    const { key, ref, resource, mesh, governed } = reading
    if (key === undefined || ref === undefined) return
    const parts = { ...(resource ? { resource } : {}), ...(mesh ? { mesh } : {}), ...(governed ? { governed } : {}) }
    // What would protect counts even where something is wrong with it.
    const counts = resource || mesh ? !rejects(findings) : governed !== undefined
    this.entries.push({ key, ref, base, good: sound && counts, ...parts })
  }

  #ambiguitiesBelow(base: FieldPath): Ambiguity[] {
    const below = this.#yaml.ambiguities.filter(({ path }) => base.every((segment, i) => path[i] === segment))
    return below.map((ambiguity) => ({ ...ambiguity, path: ambiguity.path.slice(base.length) }))
  }

  #place(finding: EntryFinding, base: FieldPath, ref?: ResourceRef): void {
    if (this.findings.length >= MOST_FINDINGS) return
    const { inside: _inside, ...plain } = ref?.kind === 'Secret' ? withoutValues(finding) : finding
    const text = this.#text
    const { tree } = this.#yaml
    // With a tree at hand it is looked up now; without one, perhaps nobody ever asks.
    let known = tree && spotOfFinding(text, tree, finding, base)
    const spot = (): Spot => (known ??= spotOfFinding(text, treeOf(text), finding, base))
    const fix = quoteFix(text, plain, spot)
    this.findings.push({
      ...plain,
      get spot() {
        return spot()
      },
      ...(ref === undefined || ref.name === '' ? {} : { ref }),
      ...(fix === undefined ? {} : { fix }),
    })
  }
}

/** What is wrong with a value of a Secret is told without it. */
function withoutValues(finding: EntryFinding): EntryFinding {
  if (finding.level === 'warning' || finding.code === 'SLP1101' || !/^(?:data|stringData)\b/.test(finding.path)) return finding
  const { level, code, path } = finding
  return { level, code, path, message: `${path} has to be a text`, fix: 'write it in quotes, or as a block of lines after `|`' }
}

function spotOfFinding(text: string, tree: Document, finding: EntryFinding, base: FieldPath): Spot {
  const spot = spotOf(text, tree, [...base, ...parseFieldPath(finding.path)], finding.at)
  if (!finding.inside) return spot
  const node = nodeAt(tree, base, finding.path)
  return (isScalar(node) ? outerSpot(text, node, finding.inside) : undefined) ?? spot
}

/** What to quote is what stands there: `1.10`, which as a number is 1.1. */
function quoteFix(text: string, finding: Finding, spot: () => Spot): string | undefined {
  if (finding.code !== 'SLP1102' || !finding.fix?.startsWith('quote it: ')) return undefined
  const { offset, end } = spot()
  const written = text.slice(offset, end)
  return /^[^\s"'{}[\],]+$/.test(written) ? `quote it: "${written}"` : undefined
}

/** `kubectl get -o yaml` puts several resources into one List. */
function itemsOf(value: Fields): readonly unknown[] | undefined {
  const { kind, items } = value
  return typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items) ? items : undefined
}
