// How large things may grow and what no file may hold; finds whatever is over a budget.
import { type ArrowFunctionExpression, type Function as FunctionLike, Visitor } from 'oxc-parser'
import { countLines, isTest, lineOf, type SourceFile } from './sources.ts'

export const budgets = {
  fileLines: 600,
  functionLines: 80,
  parameters: 4,
  headerWords: 4,
  baseFiles: 20,
} as const

type FunctionNode = FunctionLike | ArrowFunctionExpression

/** One sentence for each thing over budget. */
export function findExcesses(files: readonly SourceFile[]): readonly string[] {
  return [...files.flatMap(judgeFile), ...judgeBase(files)]
}

function judgeFile(file: SourceFile): readonly string[] {
  return [...judgeLength(file), ...judgeHeader(file), ...judgeFunctions(file), ...judgeShortcuts(file)]
}

function judgeLength(file: SourceFile): readonly string[] {
  const lines = countLines(file.text)
  return lines > budgets.fileLines
    ? [`${file.path} has ${lines} lines: at most ${budgets.fileLines}. Split it by what its parts are for.`]
    : []
}

/** The first thing in a file, after a `#!` line, is a comment that says in a sentence what the file is for. */
function judgeHeader(file: SourceFile): readonly string[] {
  const start = file.parsed.program.hashbang?.end ?? 0
  const [first, ...others] = file.parsed.comments
  const isFirst = first !== undefined && file.text.slice(start, first.start).trim() === ''
  if (!isFirst) return [`${file.path} does not begin with a comment that says what it is for.`]
  let text = first.value
  let end = first.end
  for (const next of others) {
    if (next.type !== 'Line' || file.text.slice(end, next.start).trim() !== '' || file.text.slice(end, next.start).split('\n').length > 2)
      break
    text += next.value
    end = next.end
  }
  const words = text.trim().split(/\s+/)
  const isSentence = words.length >= budgets.headerWords && /[.!?](\s|$)/.test(text)
  return isSentence ? [] : [`${file.path} begins with "${text.trim()}": write a whole sentence that says what the file is for.`]
}

function judgeFunctions(file: SourceFile): readonly string[] {
  const found: string[] = []
  const groups = isTest(file.path) ? groupsOfTests(file) : new Set<number>()
  const judge = (node: FunctionNode): void => {
    const place = (): string => `${file.path}:${lineOf(file, node.start)}`
    const lines = countLines(file.text.slice(node.start, node.end))
    const parameters = countParameters(node)
    if (lines > budgets.functionLines && !groups.has(node.start)) {
      found.push(`${place()}: a function of ${lines} lines: at most ${budgets.functionLines}. Name its steps.`)
    }
    if (parameters > budgets.parameters) {
      found.push(`${place()}: a function with ${parameters} parameters: at most ${budgets.parameters}, then an object.`)
    }
  }
  new Visitor({ FunctionDeclaration: judge, FunctionExpression: judge, ArrowFunctionExpression: judge }).visit(file.parsed.program)
  return found
}

/** Where the callbacks of `describe` begin: they group tests and are no functions in the sense of the budget. */
function groupsOfTests(file: SourceFile): ReadonlySet<number> {
  const starts = new Set<number>()
  new Visitor({
    CallExpression: (node) => {
      const callee = file.text.slice(node.callee.start, node.callee.end)
      if (/^describe\b/.test(callee)) for (const argument of node.arguments) starts.add(argument.start)
    },
  }).visit(file.parsed.program)
  return starts
}

/** `this` is a type annotation in the shape of a parameter. */
function countParameters(node: FunctionNode): number {
  return node.params.filter((parameter) => !(parameter.type === 'Identifier' && parameter.name === 'this')).length
}

/** Ways round the checks, and exports without a name. */
function judgeShortcuts(file: SourceFile): readonly string[] {
  const found: string[] = []
  const add = (offset: number, sentence: string): void => {
    found.push(`${file.path}:${lineOf(file, offset)}: ${sentence}`)
  }
  for (const comment of file.parsed.comments) {
    if (/^\s*(@ts-(ignore|nocheck)|(oxlint|eslint)-(disable|enable)|biome-ignore)/.test(comment.value))
      add(comment.start, 'a check is switched off: mend its cause.')
  }
  new Visitor({
    TSAsExpression: (node) => {
      const inner = node.expression
      const isForced = inner.type === 'TSAsExpression' && inner.typeAnnotation.type === 'TSUnknownKeyword'
      if (isForced) add(node.start, '`as unknown as` asserts what is not known: parse, or narrow.')
    },
  }).visit(file.parsed.program)
  return found
}

function judgeBase(files: readonly SourceFile[]): readonly string[] {
  const base = files.filter((file) => file.path.startsWith('src/base/') && !isTest(file.path))
  if (base.length <= budgets.baseFiles) return []
  return [`src/base has ${base.length} files: at most ${budgets.baseFiles}. What knows a noun of the domain belongs in that noun's room.`]
}
