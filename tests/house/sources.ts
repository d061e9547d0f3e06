// Reads and parses our own sources, so that the tests of the house judge syntax trees and not text.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, resolve } from 'node:path'
import { type ParseResult, parseSync, Visitor } from 'oxc-parser'

export interface SourceText {
  /** From the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

export interface SourceFile extends SourceText {
  readonly parsed: ParseResult
}

export interface Import {
  /** As written: `./hostname.ts`, `yaml`. Undefined when it is computed. */
  readonly specifier: string | undefined
  readonly line: number
  readonly isTypeOnly: boolean
}

export const root = resolve(import.meta.dirname, '..', '..')

const generated = 'src/xds/gen'

/** All TypeScript and JavaScript files below a folder, generated ones left out; none when the folder does not exist. */
export function readTexts(folder: string): readonly SourceText[] {
  return listFiles(folder)
    .filter((path) => /\.(ts|mjs)$/.test(path) && !path.startsWith(`${generated}/`))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

export function readSources(folder: string): readonly SourceFile[] {
  return readTexts(folder).map(({ path, text }) => parseSource(path, text))
}

/** Fails on a file that does not parse: what could not be read must not pass as being in order. */
export function parseSource(path: string, text: string): SourceFile {
  const parsed = parseSync(path, text)
  const [error] = parsed.errors
  if (error !== undefined) throw new SyntaxError(`${path}: ${error.message}`)
  return { path, text, parsed }
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts')
}

export function isGenerated(path: string): boolean {
  return path.startsWith(`${generated}/`)
}

export function lineOf(file: SourceText, offset: number): number {
  return file.text.slice(0, offset).split('\n').length
}

export function countLines(text: string): number {
  const lines = text.split('\n')
  return lines.at(-1) === '' ? lines.length - 1 : lines.length
}

/** Everything a file names of other files: imports, re-exports, dynamic imports and `import('…')` in types. */
export function importsOf(file: SourceFile): readonly Import[] {
  return mayNameMore.test(file.text) ? importsOfTree(file) : importsOfRecord(file)
}

/** What only the tree tells: imports in the middle of something, and an export of nothing. */
const mayNameMore = /\bimport\s*[(/.]|\bexport\s*(type\s*)?\{\s*\}/

/** The parser's own notes: to make a tree of every file takes several times as long. */
function importsOfRecord(file: SourceFile): readonly Import[] {
  const { staticImports, staticExports } = file.parsed.module
  const imports = staticImports.map(({ start, moduleRequest, entries }) => ({
    specifier: moduleRequest.value,
    start,
    isTypeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
  }))
  // What is imported and then exported is noted once more, at the place of the import.
  const known = new Set(staticImports.map(({ start }) => start))
  const exports = staticExports.flatMap(({ start, entries }) => {
    const specifier = entries[0]?.moduleRequest?.value
    return specifier === undefined || known.has(start) ? [] : [{ specifier, start, isTypeOnly: entries.every(({ isType }) => isType) }]
  })
  return [...imports, ...exports]
    .toSorted((a, b) => a.start - b.start)
    .map(({ start, ...rest }) => ({ ...rest, line: lineOf(file, start) }))
}

function importsOfTree(file: SourceFile): readonly Import[] {
  const found: Import[] = []
  const add = (specifier: unknown, offset: number, isTypeOnly: boolean): void => {
    found.push({ specifier: typeof specifier === 'string' ? specifier : undefined, line: lineOf(file, offset), isTypeOnly })
  }
  new Visitor({
    ImportDeclaration: (node) => {
      const names = node.specifiers
      const allTypes = names.length > 0 && names.every((name) => name.type === 'ImportSpecifier' && name.importKind === 'type')
      add(node.source.value, node.start, node.importKind === 'type' || allTypes)
    },
    ExportNamedDeclaration: (node) => {
      if (node.source === null) return
      const allTypes = node.specifiers.length > 0 && node.specifiers.every((name) => name.exportKind === 'type')
      add(node.source.value, node.start, node.exportKind === 'type' || allTypes)
    },
    ExportAllDeclaration: (node) => add(node.source.value, node.start, node.exportKind === 'type'),
    ImportExpression: (node) => add(node.source.type === 'Literal' ? node.source.value : undefined, node.start, false),
    TSImportType: (node) => add(node.source.value, node.start, true),
  }).visit(file.parsed.program)
  return found
}

/** The path that a relative import leads to, or undefined for a package. */
export function resolveImport(from: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(from), specifier)) : undefined
}

function listFiles(folder: string): readonly string[] {
  const entries = readdirSync(root, { withFileTypes: true }).some((entry) => entry.name === folder)
    ? readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    : []
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => posix.join(entry.parentPath.slice(root.length + 1), entry.name))
    .sort()
}
