// Collects what `--set` and `-f values.yaml` say into settings of the mesh: the command line after the files, and the last word counts.
import { readFileSync } from 'node:fs'
import { parseDocument } from 'yaml'
import { type Fields, fieldsOf, isFields, messageOf } from '../../base/index.ts'
import { exitCodes } from '../exit-codes.ts'
import { UsageError } from '../values.ts'
import { isGroup, type KeyMeaning, meaningOf, type Setting, valueFor } from './setting.ts'
import { readSetWords } from './set-words.ts'

export interface Settings {
  readonly settings: readonly Setting[]
  /** What was understood though it was written otherwise. */
  readonly warnings: readonly string[]
}

/** Throws when a key or a value cannot be understood. */
export function collectSettings(files: readonly string[], sets: readonly string[]): Settings {
  const found = [...files.flatMap(fromFile), ...sets.flatMap(fromWords)]
  const last = new Map(found.map((one) => [`${one.setting.text} ${one.setting.path.join('.')}`, one]))
  return { settings: Array.from(last.values(), ({ setting }) => setting), warnings: found.flatMap(({ warning }) => warning ?? []) }
}

interface Found {
  readonly setting: Setting
  readonly warning?: string
}

function fromWords(text: string): readonly Found[] {
  const words = readSetWords(text)
  if (typeof words === 'string') throw new UsageError('SLP0002', `--set ${words}`, { fix: `write --set ${usualKey}=REGISTRY_ONLY` })
  return words.map(({ key, value }) => foundOf(key, value, '--set'))
}

const usualKey = 'meshConfig.outboundTrafficPolicy.mode'

function fromFile(path: string): readonly Found[] {
  const values = readValues(path)
  // What istioctl takes with -f has its values one step further down.
  return walk(values['kind'] === 'IstioOperator' ? fieldsOf(values['spec']) : values, '', path)
}

function walk(values: Fields, prefix: string, source: string): readonly Found[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const key = `${prefix}${name}`
    return isFields(value) && isGroup(key) ? walk(value, `${key}.`, source) : [foundOf(key, value, source)]
  })
}

/** Read once: a process substitution gives what it has only once. */
function readValues(path: string): Fields {
  try {
    const document = parseDocument(readFileSync(path === '-' ? 0 : path, 'utf8'))
    const [problem] = document.errors
    if (problem !== undefined) throw problem
    const value: unknown = document.toJS({ maxAliasCount: 0 }) ?? {}
    if (!isFields(value)) throw new Error('it is no map of values')
    return value
  } catch (cause) {
    throw new BadValues('SLP0004', `${path} cannot be read: ${messageOf(cause)}`, { cause })
  }
}

class BadValues extends UsageError {
  override readonly exitCode = exitCodes.badInput
}

function foundOf(key: string, written: unknown, source: string): Found {
  const meaning = meaningOf(key)
  if ('message' in meaning) throw new BadValues('SLP0002', `${source} ${meaning.message}`, { fix: meaning.fix })
  const { value, findings } = valueFor(meaning, written)
  const [wrong] = findings
  if (wrong !== undefined) throw new BadValues('SLP0002', `${source} ${meaning.name}: ${wrong.message}`, fixOf(wrong.fix))
  const setting = { text: meaning.text, path: meaning.path, value, name: meaning.name }
  return { setting, ...warningOf(meaning, key) }
}

function fixOf(fix: string | undefined): { readonly fix?: string } {
  return fix === undefined ? {} : { fix }
}

function warningOf({ isMended, name }: KeyMeaning, key: string): { readonly warning?: string } {
  return isMended ? { warning: `${key} is spelt ${name}; it is taken as that` } : {}
}
