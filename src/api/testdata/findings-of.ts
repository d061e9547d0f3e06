// Reads one spec as written in YAML and says what is found in it, one line for each finding, so that tests are tables of text.
import { parse } from 'yaml'
import { type Finding, Report } from '../finding.ts'
import { type KindInfo, kinds } from '../kinds.ts'
import type { Meta } from '../meta.ts'
import type { Kind, Spec } from '../specs.ts'
import { checkStructure } from '../structure.ts'

const meta: Meta = { namespace: 'default', name: 'it', labels: {}, annotations: {}, created: 0 }

/** `error spec.hosts[0]: message`, structure before meaning. */
export function findingsOf<K extends Kind>(kind: K, spec: string, about: Partial<Meta> = {}): string[] {
  const info: KindInfo<K> = kinds[kind]
  const structure = checkStructure(info.schema, parse(spec), 'spec')
  const report = new Report()
  info.check((structure.value ?? {}) as Spec<K>, { ...meta, ...about }, report)
  return [...structure.findings, ...report.findings].map(lineOf)
}

export function lineOf({ level, unsupported, path, message }: Finding): string {
  return `${unsupported ? 'unsupported' : level} ${path}: ${message}`
}
