// Reads YAML bodies, of one document, with the fields that stand twice; aliases cannot make them large.
import { isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Node } from 'yaml'
import { setField, type Json } from '../object.ts'

export interface YamlText {
  readonly value: Json
  /** Complete sentences, as Go's decoder has them. */
  readonly duplicates: readonly string[]
}

export class YamlProblem extends Error {
  override readonly name = 'YamlProblem'
}

const deepest = 500
const mostAliases = 100

export function readYamlText(text: string): YamlText {
  const lineCounter = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter, uniqueKeys: false, merge: true, logLevel: 'silent' })
  const document = Array.isArray(documents) ? documents[0] : undefined
  if (document === undefined) return { value: null, duplicates: [] }
  const [error] = document.errors
  if (error) throw new YamlProblem(`yaml: line ${error.linePos?.[0].line ?? 1}: ${error.message.split(' at line ')[0] ?? error.message}`)
  const duplicates: string[] = []
  findDuplicates(document.contents, { lineCounter, duplicates, depth: 0 })
  return { value: toJson(plain(() => document.toJS({ maxAliasCount: mostAliases }))), duplicates }
}

function plain(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    throw new YamlProblem(`yaml: ${error instanceof Error ? error.message : 'cannot be read'}`)
  }
}

interface Search {
  readonly lineCounter: LineCounter
  readonly duplicates: string[]
  readonly depth: number
}

function findDuplicates(node: Node | null, search: Search): void {
  if (search.depth > deepest) throw new YamlProblem('yaml: exceeded max depth')
  const deeper = { ...search, depth: search.depth + 1 }
  if (isSeq<Node>(node)) for (const item of node.items) findDuplicates(item, deeper)
  if (!isMap<Node, Node | null>(node)) return
  const names = new Set<string>()
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : ''
    if (names.has(name)) {
      const { line } = search.lineCounter.linePos(key.range?.[0] ?? 0)
      search.duplicates.push(`  line ${line}: key ${JSON.stringify(name)} already set in map`)
    }
    names.add(name)
    findDuplicates(value, deeper)
  }
}

function toJson(value: unknown, depth = 0): Json {
  if (depth > deepest) throw new YamlProblem('yaml: exceeded max depth')
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (Array.isArray(value)) return value.map((entry) => toJson(entry, depth + 1))
  if (typeof value !== 'object') throw new YamlProblem('yaml: a value has no counterpart in JSON')
  const object: Record<string, Json | undefined> = {}
  for (const [name, member] of Object.entries(value)) setField(object, name, toJson(member, depth + 1))
  return object
}
