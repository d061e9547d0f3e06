// Reads one YAML or JSON document into plain values, and tells what readers of YAML stumble over.
import type { FieldPath, IssueCode } from '../api/index.ts'
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import { notPlain, readPlainYaml } from './plain-yaml.ts'

/** Places are offsets into the text that was read. */
export interface YamlProblem {
  readonly code: IssueCode
  readonly message: string
  readonly fix?: string
  readonly offset: number
  readonly end: number
}

/** A word or number that YAML 1.1 and YAML 1.2 read differently. What it means depends on what the field wants. */
export interface Ambiguity {
  readonly path: FieldPath
  readonly text: string
  readonly kind: 'word' | 'octal'
  readonly at: 'key' | 'value'
}

export interface YamlReading {
  /** JSON's kinds of value; undefined if there is none. */
  readonly value: unknown
  readonly problems: readonly YamlProblem[]
  readonly ambiguities: readonly Ambiguity[]
  /** False if the syntax is broken, so that the value may lack anything. */
  readonly whole: boolean
  /** Where the value was read from it. */
  readonly tree?: Document
}

/** Enough for any resource, and a bound for what aliases of aliases unfold to. */
export const MOST_NODES = 100_000
export const DEEPEST = 64

export function parseYaml(text: string): Document {
  return parseDocument(text, { prettyErrors: false, keepSourceTokens: false, uniqueKeys: false, logLevel: 'silent' })
}

export function readYaml(text: string): YamlReading {
  const value = readPlainYaml(text)
  if (value === notPlain) return readAnyYaml(text)
  return { value, problems: [], ambiguities: [], whole: true }
}

/** Reads by the library, whatever it is. */
export function readAnyYaml(text: string): YamlReading {
  const ast = parseYaml(text)
  const reader = new Reader()
  const syntax = ast.errors[0] ?? ast.warnings[0]
  if (syntax) reader.problems.push(syntaxProblem(syntax.code, syntax.message, syntax.pos))
  const value = ast.contents ? reader.value(ast.contents, [], 0) : undefined
  // What follows from broken syntax is not worth telling beside it.
  const problems = syntax ? reader.problems.slice(0, 1) : reader.problems
  return { value, problems, ambiguities: reader.ambiguities, whole: !syntax && !reader.exhausted, tree: ast }
}

const syntaxFixes: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'replace the tab by spaces',
  BAD_SCALAR_START: 'quote the value',
  BLOCK_AS_IMPLICIT_KEY: 'check the indentation, and quote a value that has a colon followed by a space',
  MULTILINE_IMPLICIT_KEY: 'check the indentation, and whether a colon is missing',
  BAD_INDENT: 'check the indentation, and whether a bracket is left open',
  MISSING_CHAR: 'close the quote or bracket',
  TAG_RESOLVE_FAILED: 'leave the tag out, or quote the value',
  MULTIPLE_DOCS: 'put `---` between two documents',
}

function syntaxProblem(code: string, message: string, [offset, end]: [number, number]): YamlProblem {
  const fix = syntaxFixes[code]
  const issue: IssueCode = code === 'TAB_AS_INDENT' ? 'SLP1003' : 'SLP1001'
  return { code: issue, message: `not valid YAML: ${message.replace(/\.$/, '')}`, offset, end, ...(fix === undefined ? {} : { fix }) }
}

class Reader {
  readonly problems: YamlProblem[] = []
  readonly ambiguities: Ambiguity[] = []
  exhausted = false
  #nodes = 0
  readonly #anchors = new Map<string, Node>()
  readonly #targets = new Map<Alias, Node>()

  value(node: Node | null, path: FieldPath, depth: number): unknown {
    if (node === null || this.exhausted) return null
    if (++this.#nodes > MOST_NODES || depth > DEEPEST) {
      this.exhausted = true
      const what = depth > DEEPEST ? `is nested more than ${DEEPEST} deep` : `unfolds to more than ${MOST_NODES} values`
      this.#problem('SLP1005', node, `the document ${what}`, 'write it out with fewer aliases and levels')
      return null
    }
    if (!isAlias(node) && node.anchor !== undefined) this.#anchors.set(node.anchor, node)
    if (isScalar(node)) return this.#scalar(node, path)
    if (isMap(node)) return this.#map(node, path, depth)
    if (isSeq(node)) return this.#sequence(node, path, depth)
    if (isAlias(node)) return this.#alias(node, path, depth)
    return null
  }

  #scalar(node: Scalar, path: FieldPath): unknown {
    const { value, source, type } = node
    if (type === 'PLAIN' && source !== undefined) {
      if (ambiguousWord.test(source)) this.ambiguities.push({ path, text: source, kind: 'word', at: 'value' })
      else if (octal.test(source)) this.ambiguities.push({ path, text: source, kind: 'octal', at: 'value' })
    }
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
    return value
  }

  #sequence(node: YAMLSeq, path: FieldPath, depth: number): unknown[] {
    return node.items.map((item, i) => this.value(asNode(item), [...path, i], depth + 1))
  }

  #map(node: YAMLMap, path: FieldPath, depth: number): unknown {
    const result: Record<string, unknown> = {}
    const merged: Record<string, unknown> = {}
    for (const pair of node.items) {
      const key = this.#key(asNode(pair.key), path)
      if (key === undefined) continue
      const at = asNode(pair.key) ?? node
      if (key === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN') {
        this.#merge(merged, asNode(pair.value), path, depth)
      } else if (Object.hasOwn(result, key)) {
        this.#problem('SLP1002', at, `${JSON.stringify(key)} stands twice here`, 'remove one of the two')
      } else {
        define(result, key, this.value(asNode(pair.value), [...path, key], depth + 1))
      }
    }
    for (const [key, value] of Object.entries(merged)) if (!Object.hasOwn(result, key)) define(result, key, value)
    return result
  }

  #key(node: Node | null, path: FieldPath): string | undefined {
    if (isScalar(node)) {
      const { value, source, type } = node
      if (type !== 'PLAIN' || source === undefined) return String(value)
      if (ambiguousWord.test(source)) this.ambiguities.push({ path: [...path, source], text: source, kind: 'word', at: 'key' })
      return source
    }
    // `{{ .Values.x }}` is a mapping with a mapping as its key.
    const fix = 'quote it; templates have to be rendered first, for example by `helm template`'
    this.#problem('SLP1001', node, 'the name of a field must be text', fix)
    return undefined
  }

  /** `<<: *defaults`, as YAML 1.1 and kubectl have it: fields that are written out win. */
  #merge(target: Record<string, unknown>, node: Node | null, path: FieldPath, depth: number): void {
    const sources = isSeq(node) ? node.items.map(asNode) : [node]
    for (const source of sources) {
      const value = this.value(source, path, depth + 1)
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        this.#problem('SLP1001', source, '`<<` must be followed by an alias of a mapping')
        continue
      }
      for (const [key, inner] of Object.entries(value)) if (!Object.hasOwn(target, key)) define(target, key, inner)
    }
  }

  #alias(node: Alias, path: FieldPath, depth: number): unknown {
    // The library looks through the whole document for every alias; an alias means the last anchor before it.
    const target = this.#targets.get(node) ?? this.#anchors.get(node.source)
    if (target) this.#targets.set(node, target)
    if (target) return this.value(target, path, depth + 1)
    const word = `*${node.source}`
    this.#problem('SLP1001', node, `${word} is an alias to YAML, and no anchor is called so`, `quote it: "${word}"`)
    return word
  }

  #problem(code: IssueCode, node: Node | null, message: string, fix?: string): void {
    const [offset, end] = node?.range ?? [0, 1]
    this.problems.push({ code, message, offset, end, ...(fix === undefined ? {} : { fix }) })
  }
}

/** Booleans in YAML 1.1, text in YAML 1.2. */
const ambiguousWord = /^(y|yes|n|no|on|off)$/i
/** Twelve in YAML 1.1, fourteen in YAML 1.2. */
const octal = /^[-+]?0\d+$/

function asNode(value: unknown): Node | null {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? value : null
}

/** Assigning would set the prototype where a key is called `__proto__`. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else target[key] = value
}
