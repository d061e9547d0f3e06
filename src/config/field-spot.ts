// Finds the place of a field in the text of a document, also inside of a text that is YAML itself.
import { fieldAt, parseFieldPath } from '../api/index.ts'
import type { FieldPath } from '../api/index.ts'
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type Scalar } from 'yaml'
import { parseYaml } from './yaml-reader.ts'

/** Offsets into the text of the document. */
export interface Spot {
  readonly offset: number
  readonly end: number
}

/** The spot of the value at `path`, or of its name; of the nearest field around it where it has none. */
export function spotOf(text: string, ast: Document, path: FieldPath, at: 'key' | 'value' = 'value'): Spot {
  let node: Node | null = ast.contents
  let spot = nodeSpot(node) ?? { offset: 0, end: 0 }
  for (const [i, segment] of path.entries()) {
    if (isAlias(node)) node = node.resolve(ast) ?? null
    if (isScalar(node) && typeof node.value === 'string') return innerSpot(text, node, path.slice(i), at) ?? spot
    const next = stepInto(node, segment)
    if (!next) return i === 0 ? { offset: 0, end: firstLineEnd(text) } : spot
    const isLast = i === path.length - 1
    const named = next.key ?? next.value
    spot = (isLast && at === 'value' ? valueSpot(next) : nodeSpot(named)) ?? spot
    node = next.value
  }
  return spot
}

/** Fields that `spotsBelow` tells of, at the most: who wants an inner one beyond is shown the field around it. */
export const mostSpots = 1024

interface Place {
  readonly node: Node | null
  readonly field: string
  readonly path: FieldPath
  /** Where what has no spot of its own is said to stand. */
  readonly around: Spot
  /** In a text that is YAML itself, spots are found by their path only. */
  readonly isInner: boolean
}

/** Every field below `base` with where its spot begins, as `spotOf` tells it; outer ones first. Paths begin at `base`. */
export function* spotsBelow(text: string, ast: Document, base: FieldPath): Iterable<{ readonly field: string; readonly offset: number }> {
  const top = nodeOf(ast, base)
  const waiting: Place[] = [{ node: top, field: '', path: [], around: nodeSpot(top) ?? { offset: 0, end: 0 }, isInner: false }]
  for (let i = 0; i < waiting.length; i++) {
    const place = waiting[i]
    if (place === undefined) return
    for (const below of placesBelow(text, ast, { ...place, base })) {
      if (waiting.length > mostSpots) return
      yield { field: below.field, offset: below.offset }
      waiting.push(below)
    }
  }
}

function* placesBelow(
  text: string,
  ast: Document,
  at: Place & { readonly base: FieldPath },
): Iterable<Place & { readonly offset: number }> {
  const { node: inner, isInner } = innerNode(isAlias(at.node) ? (at.node.resolve(ast) ?? null) : at.node, at.isInner)
  for (const step of stepsOf(inner)) {
    const path = [...at.path, step.segment]
    const spot = isInner ? spotOf(text, ast, [...at.base, ...path]) : (valueSpot(step) ?? at.around)
    const around = nodeSpot(step.key ?? step.value) ?? at.around
    yield { node: step.value, field: fieldAt(at.field, step.segment), path, around, isInner, offset: spot.offset }
  }
}

/** What a block of text holds that is YAML itself. */
function innerNode(node: Node | null, isInner: boolean): { readonly node: Node | null; readonly isInner: boolean } {
  if (!isScalar(node) || node.type !== 'BLOCK_LITERAL' || typeof node.value !== 'string') return { node, isInner }
  const { errors, contents } = parseYaml(node.value)
  return errors.length > 0 ? { node, isInner } : { node: contents, isInner: true }
}

function stepsOf(node: Node | null): readonly (Step & { readonly segment: string | number })[] {
  if (isSeq(node)) return node.items.map((item, segment) => ({ segment, key: null, value: isNode(item) ? item : null }))
  if (!isMap(node)) return []
  return node.items.flatMap((pair) => {
    const segment = keyOf(pair)
    if (segment === undefined) return []
    return [{ segment, key: isNode(pair.key) ? pair.key : null, value: isNode(pair.value) ? pair.value : null }]
  })
}

/** The node at a path, where the document itself has one. */
export function nodeAt(ast: Document, base: FieldPath, field: string): Node | null {
  return nodeOf(ast, [...base, ...parseFieldPath(field)])
}

function nodeOf(ast: Document, path: FieldPath): Node | null {
  let node: Node | null = ast.contents
  for (const segment of path) {
    if (isAlias(node)) node = node.resolve(ast) ?? null
    node = stepInto(node, segment)?.value ?? null
  }
  return node
}

interface Step {
  readonly key: Node | null
  readonly value: Node | null
}

function stepInto(node: Node | null, segment: string | number): Step | undefined {
  if (isSeq(node) && typeof segment === 'number') {
    const item = node.items[segment]
    return isNode(item) ? { key: null, value: item } : undefined
  }
  if (!isMap(node)) return undefined
  const pair = node.items.find((each) => keyOf(each) === String(segment))
  if (!pair) return undefined
  return { key: isNode(pair.key) ? pair.key : null, value: isNode(pair.value) ? pair.value : null }
}

function keyOf(pair: Pair): string | undefined {
  if (!isScalar(pair.key)) return undefined
  return pair.key.source ?? String(pair.key.value)
}

/** Mappings and lists are pointed at by their name; what stands on one line by itself. */
function valueSpot(step: Step): Spot | undefined {
  const { key, value } = step
  if (value && (isScalar(value) || isAlias(value)) && nodeSpot(value)) {
    const spot = nodeSpot(value)
    return spot && spot.end > spot.offset ? spot : nodeSpot(key)
  }
  return nodeSpot(key) ?? nodeSpot(value)
}

function nodeSpot(node: Node | null): Spot | undefined {
  const range = node?.range
  return range ? { offset: range[0], end: range[1] } : undefined
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value)
}

function firstLineEnd(text: string): number {
  const end = text.search(/\r?\n/)
  return end < 0 ? text.length : end
}

/** The spot of a field of the YAML that a block scalar holds. */
function innerSpot(text: string, node: Scalar, path: FieldPath, at: 'key' | 'value'): Spot | undefined {
  const inner = String(node.value)
  const ast = parseYaml(inner)
  if (ast.errors.length > 0) return undefined
  const spot = spotOf(inner, ast, path, at)
  return outerSpot(text, node, spot)
}

/** Where an offset of a scalar's text stands in the document: to the character in a literal block (`|`), else the scalar as a whole. */
export function outerSpot(text: string, node: Scalar, spot: Spot): Spot | undefined {
  const whole = nodeSpot(node)
  if (!whole || node.type !== 'BLOCK_LITERAL') return whole
  const inner = String(node.value)
  const head = text.indexOf('\n', whole.offset)
  if (head < 0) return whole
  const lines = inner.slice(0, spot.offset).split('\n')
  const column = (lines.at(-1) ?? '').length
  let lineStart = head + 1
  for (let i = 1; i < lines.length; i++) {
    const newline = text.indexOf('\n', lineStart)
    if (newline < 0) return whole
    lineStart = newline + 1
  }
  const lineEnd = text.indexOf('\n', lineStart)
  const outerLine = text.slice(lineStart, lineEnd < 0 ? text.length : lineEnd).replace(/\r$/, '')
  const innerLine = inner.split('\n')[lines.length - 1] ?? ''
  const indent = Math.max(0, outerLine.length - innerLine.length)
  const offset = lineStart + indent + column
  return { offset, end: Math.min(offset + Math.max(1, spot.end - spot.offset), lineStart + outerLine.length) }
}
