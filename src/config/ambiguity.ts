// Refuses words and numbers that YAML 1.1 (kubectl) and YAML 1.2 read differently, where the difference would count.
import { type Finding, fieldAt, formatFieldPath, type Schema, schemaAt } from '../api/index.ts'
import type { Ambiguity } from './yaml-reader.ts'

/** The findings, with those about ambiguous values in place of what else was said of them. `path` is that of what the schema describes. */
export function settleAmbiguities<F extends Finding>(
  findings: readonly F[],
  ambiguities: readonly Ambiguity[],
  schema: Schema,
  path: string,
): (F | Finding)[] {
  const settled: Finding[] = []
  for (const ambiguity of ambiguities) {
    const problem = problemOf(ambiguity, schema)
    if (problem) settled.push({ level: 'error', code: 'SLP1004', path: pathOf(ambiguity, path), ...problem })
  }
  if (settled.length === 0) return Array.from(findings)
  const paths = new Set(settled.map((finding) => finding.path))
  return [...findings.filter((finding) => !paths.has(finding.path)), ...settled]
}

type Problem = Pick<Finding, 'message' | 'fix' | 'at'>

function problemOf(ambiguity: Ambiguity, schema: Schema): Problem | undefined {
  const { text, kind, at } = ambiguity
  const quote = `quote it: "${text}"`
  if (at === 'key') {
    const parent = schemaAt(schema, ambiguity.path.slice(0, -1))
    if (parent?.type !== 'map') return undefined
    return { message: `the name ${text} is a boolean to YAML 1.1, as kubectl reads it, and text to YAML 1.2`, fix: quote, at }
  }
  const field = schemaAt(schema, ambiguity.path)
  if (kind === 'word') {
    if (field?.type !== 'text') return undefined
    return { message: `${text} is a boolean to YAML 1.1, as kubectl reads it, and text to YAML 1.2`, fix: quote }
  }
  if (field?.type === 'text') return { message: `${text} is a number to YAML`, fix: quote }
  if (field?.type !== 'integer' && field?.type !== 'number' && field?.type !== 'integer-or-text') return undefined
  const eight = /^[-+]?[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined
  const other = eight === undefined ? 'no number' : `the number ${eight}`
  return {
    message: `${text} is ${other} to YAML 1.1 and the number ${Number(text)} to YAML 1.2`,
    fix: `write ${Number(text)}, or the other`,
  }
}

function pathOf(ambiguity: Ambiguity, parent: string): string {
  if (parent === '') return formatFieldPath(ambiguity.path)
  return ambiguity.path.reduce<string>(fieldAt, parent)
}
