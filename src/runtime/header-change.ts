// Compiles the header changes that every level of Envoy's routes can say, in the order in which Envoy applies them.
import type { RequestFacts } from '../flow/index.ts'
import { type HeaderValueOption, HeaderValueOption_HeaderAppendAction as AppendAction } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import type { HeaderChange } from './decision.ts'
import { compileHeaderValue, type HeaderValueFormat } from './header-format.ts'

/** All levels say it with the same four fields. */
export interface HeaderChanges {
  readonly requestHeadersToAdd: readonly HeaderValueOption[]
  readonly requestHeadersToRemove: readonly string[]
  readonly responseHeadersToAdd: readonly HeaderValueOption[]
  readonly responseHeadersToRemove: readonly string[]
}

/** One change; `value` is text, or made for each request. */
export type HeaderStep =
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'set' | 'append' | 'add-if-absent'; readonly name: string; readonly value: HeaderValueFormat }

export interface HeaderSteps {
  readonly request: readonly HeaderStep[]
  readonly response: readonly HeaderStep[]
}

/** The same for every request, or how to make it. */
export type HeaderRecipe = readonly HeaderChange[] | ((facts: RequestFacts) => readonly HeaderChange[])

export function changesHeaders(level: HeaderChanges): boolean {
  return (
    level.requestHeadersToAdd.length > 0 ||
    level.requestHeadersToRemove.length > 0 ||
    level.responseHeadersToAdd.length > 0 ||
    level.responseHeadersToRemove.length > 0
  )
}

export function hasKeys(map: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(map).length > 0
}

const none: HeaderSteps = { request: [], response: [] }

/**
 * The most specific level comes first, and what a later one says stands (Envoy's default for most_specific_header_mutations_wins).
 * Within a level headers are removed, then replaced, then added (Envoy's HeaderParser::evaluateHeaders).
 */
export function compileHeaderChanges(levels: readonly HeaderChanges[]): HeaderSteps | { readonly problem: string } {
  if (!levels.some(changesHeaders)) return none
  const changed = new Set<string>()
  const request: HeaderStep[] = []
  const response: HeaderStep[] = []
  for (const level of levels) {
    const problem =
      compileLevel(level.requestHeadersToRemove, level.requestHeadersToAdd, { steps: request, changed, isRequest: true }) ??
      compileLevel(level.responseHeadersToRemove, level.responseHeadersToAdd, { steps: response, changed, isRequest: false })
    if (problem !== undefined) return { problem }
  }
  return { request, response }
}

/** Undefined when there is nothing to change. */
export function headerRecipe(steps: readonly HeaderStep[]): HeaderRecipe | undefined {
  const [first] = steps
  if (!first) return undefined
  const fixed = steps.flatMap((step) => (step.kind === 'remove' || typeof step.value === 'string' ? changesOf(step, undefined) : []))
  if (fixed.length === steps.length || steps.every((step) => step.kind === 'remove' || typeof step.value === 'string')) return fixed
  return (facts) => steps.flatMap((step) => changesOf(step, facts))
}

export function carryOut(recipe: HeaderRecipe, facts: RequestFacts): readonly HeaderChange[] {
  return typeof recipe === 'function' ? recipe(facts) : recipe
}

/** A value that comes out empty changes nothing, as in Envoy. */
function changesOf(step: HeaderStep, facts: RequestFacts | undefined): HeaderChange[] {
  if (step.kind === 'remove') return [step]
  const { kind, name, value } = step
  const text = typeof value === 'string' ? value : facts === undefined ? '' : value(facts)
  return text === '' ? [] : [{ kind, name, value: text }]
}

interface LevelParts {
  readonly steps: HeaderStep[]
  /** Headers of the request that are changed so far: what is made of them would depend on the order. */
  readonly changed: Set<string>
  readonly isRequest: boolean
}

function compileLevel(removed: readonly string[], added: readonly HeaderValueOption[], parts: LevelParts): string | undefined {
  const { steps, changed, isRequest } = parts
  const replaced: HeaderStep[] = []
  const appended: HeaderStep[] = []
  const here: string[] = []
  for (const text of removed) {
    const name = text.toLowerCase()
    const problem = problemOfName(name)
    if (problem !== undefined) return problem
    steps.push({ kind: 'remove', name })
    if (isRequest) changed.add(name)
  }
  for (const option of added) {
    const step = compileOption(option, changed)
    if ('problem' in step) return step.problem
    if (step.kind === 'set') replaced.push(step)
    else appended.push(step)
    here.push(step.name)
  }
  steps.push(...replaced, ...appended)
  if (isRequest) for (const name of here) changed.add(name)
  return undefined
}

function compileOption(option: HeaderValueOption, changed: ReadonlySet<string>): HeaderStep | { readonly problem: string } {
  const { key = '', value = '', rawValue } = option.header ?? {}
  const name = key.toLowerCase()
  const kind = kindOf(option)
  const problem = problemOfName(name)
  if (problem !== undefined) return { problem }
  if (kind === undefined) return { problem: `header "${name}": changing a header only where it is there is not carried out` }
  if (rawValue && rawValue.length > 0) return { problem: `header "${name}": a value in raw bytes is not carried out` }
  if (option.keepEmptyValue) return { problem: `header "${name}": setting an empty value is not carried out` }
  if (hasControls(value)) return { problem: `header "${name}": the value has control characters` }
  const compiled = compileHeaderValue(value)
  if ('problem' in compiled) return { problem: `header "${name}": ${compiled.problem}` }
  const late = compiled.reads.find((read) => changed.has(read))
  if (late !== undefined) return { problem: `header "${name}" is made of "${late}", which the same rule changes; that is not carried out` }
  return { kind, name, value: compiled.format }
}

/** `append` is the older way of saying it; Envoy goes by `append_action` when `append` is not said. */
function kindOf({ appendAction, append }: HeaderValueOption): 'set' | 'append' | 'add-if-absent' | undefined {
  if (append !== undefined) return append ? 'append' : 'set'
  switch (appendAction) {
    case AppendAction.APPEND_IF_EXISTS_OR_ADD:
      return 'append'
    case AppendAction.ADD_IF_ABSENT:
      return 'add-if-absent'
    case AppendAction.OVERWRITE_IF_EXISTS_OR_ADD:
      return 'set'
    default:
      return undefined
  }
}

/** They say where a message ends and what one hop does; a proxy that let rules change them could be made to send two requests as one. */
const framing: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

function problemOfName(name: string): string | undefined {
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return `"${name}" is no name of a header that could be changed`
  if (framing.has(name)) return `changing the header "${name}" is not carried out: it belongs to the connection`
  if (name.startsWith('x-sallyport-')) return `changing the header "${name}" is not carried out: it is the proxy's own`
  return undefined
}

function hasControls(value: string): boolean {
  for (const character of value) {
    const code = character.codePointAt(0) ?? 0
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true
  }
  return false
}
