// Finds the setting of the mesh that a key of `--set` or of a values file means, and the value as its schema has it.
import { checkStructure, type Finding, meshConfigSchema, nearest, type Schema, sallyportSettingsSchema, schemaAt } from '../../api/index.ts'

export interface Setting {
  /** Which text of the ConfigMap. */
  readonly text: 'mesh' | 'sallyport'
  readonly path: readonly string[]
  readonly value: unknown
  /** The key, rightly spelt. */
  readonly name: string
}

export interface KeyMeaning {
  readonly text: Setting['text']
  readonly path: readonly string[]
  readonly name: string
  /** Absent below what is taken as it is. */
  readonly schema: Schema | undefined
  /** It was written otherwise. */
  readonly isMended: boolean
}

export interface KeyProblem {
  readonly message: string
  readonly fix: string
}

const texts = { meshConfig: ['mesh', meshConfigSchema], sallyport: ['sallyport', sallyportSettingsSchema] } as const

/** Keys by which charts of Istio have known settings of the mesh. */
const others: Readonly<Record<string, string>> = { 'global.outboundTrafficPolicy.mode': 'meshConfig.outboundTrafficPolicy.mode' }

/** What the key means, or what is wrong with it. */
export function meaningOf(written: string): KeyMeaning | KeyProblem {
  const key = written.replace(/^(?:spec\.)?(?:values\.)?/, '')
  const exact = exactly(key)
  if (exact !== undefined) return exact
  const known = knownKeys()
  const same = known.filter((one) => folded(one) === folded(key))
  const mended = same.length === 1 ? exactly(same[0] ?? '') : undefined
  if (mended !== undefined) return { ...mended, isMended: true }
  const meant = nearest(key, known)
  return {
    message: `${written} is no setting of the mesh`,
    fix: meant === undefined ? `known are ${Object.keys(others).join(', ')}, meshConfig.… and sallyport.…` : `did you mean ${meant}?`,
  }
}

/** Whether a values file says more below this key. */
export function isGroup(written: string): boolean {
  const key = written.replace(/^(?:spec\.)?(?:values\.)?/, '')
  if (['spec', 'values', 'spec.values', 'global'].includes(written) || Object.keys(others).some((one) => one.startsWith(`${key}.`)))
    return true
  const found = meaningOf(written)
  return Object.hasOwn(texts, key) || ('schema' in found && found.schema?.type === 'object')
}

/** The value as the schema has it, and what is wrong with it. */
export function valueFor({ schema, path }: KeyMeaning, value: unknown): { readonly value: unknown; readonly findings: readonly Finding[] } {
  const typed = typeof value === 'string' ? ofText(schema, value) : value
  if (schema === undefined) return { value: typed, findings: [] }
  const { findings } = checkStructure(schema, typed, path.join('.'))
  return { value: typed, findings: findings.filter(({ level, unsupported }) => level === 'error' && unsupported !== true) }
}

function exactly(key: string): KeyMeaning | undefined {
  const name = others[key] ?? key
  const [head = '', ...path] = name.split('.')
  if ((head !== 'meshConfig' && head !== 'sallyport') || path.length === 0) return undefined
  const [text, root] = texts[head]
  const schema = schemaAt(root, path)
  if (schema === undefined && !isFree(root, path)) return undefined
  return { text, path, name: key, schema, isMended: false }
}

/** Below something whose fields nobody checks. */
function isFree(root: Schema, path: readonly string[]): boolean {
  return path.some((_, length) => schemaAt(root, path.slice(0, length))?.type === 'anything')
}

function knownKeys(): readonly string[] {
  return [...Object.keys(others), ...Object.entries(texts).flatMap(([head, [, root]]) => keysBelow(root, head))]
}

function keysBelow(schema: Schema, prefix: string): readonly string[] {
  if (schema.type !== 'object') return []
  return Object.entries(schema.fields).flatMap(([name, field]) => [`${prefix}.${name}`, ...keysBelow(field, `${prefix}.${name}`)])
}

/** `outboundTrafficPolicymode` and `outbound_traffic_policy.mode` are the same but for what is easily missed. */
function folded(key: string): string {
  return key.toLowerCase().replaceAll(/[-_.]/g, '')
}

/** A word of a command line has no type of its own. */
function ofText(schema: Schema | undefined, text: string): unknown {
  const isPlain = schema === undefined || schema.type === 'anything' || schema.type === 'integer-or-text'
  if ((isPlain || schema.type === 'boolean') && (text === 'true' || text === 'false')) return text === 'true'
  if ((isPlain || schema.type === 'integer' || schema.type === 'number') && /^-?\d{1,15}(\.\d+)?$/.test(text)) return Number(text)
  return text
}
