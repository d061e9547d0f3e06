// Reads the settings that stand as YAML inside of the texts of the ConfigMap `istio`.
import { fieldAt, type Meta } from '../api/index.ts'
import { type Fields, fieldsOf } from '../base/index.ts'
import { settleAmbiguities } from './ambiguity.ts'
import { isMeshConfigMap, meshTexts } from './mesh-reader.ts'
import type { EntryFinding, MeshPart } from './parsed-document.ts'
import { readYaml } from './yaml-reader.ts'

export interface MeshTexts {
  readonly findings: readonly EntryFinding[]
  /** Absent if there is no text with settings. */
  readonly part?: MeshPart
}

export function readMeshTexts(meta: Meta, fields: Fields): MeshTexts | undefined {
  if (!isMeshConfigMap('ConfigMap', meta.namespace, meta.name)) return undefined
  const texts = fieldsOf(fields['data'])
  const findings: EntryFinding[] = []
  let part: MeshPart | undefined
  for (const [key, known] of Object.entries(meshTexts)) {
    const content = texts[key]
    if (typeof content !== 'string') continue
    const path = fieldAt('data', key)
    const yaml = readYaml(content)
    for (const { code, message, fix, offset, end } of yaml.problems) {
      findings.push({ level: 'error', code, path, message, inside: { offset, end }, ...(fix === undefined ? {} : { fix }) })
    }
    if (!yaml.whole || yaml.value === undefined || yaml.value === null) continue
    const reading = known.read(yaml.value, path)
    findings.push(...settleAmbiguities(reading.findings, yaml.ambiguities, known.schema, path))
    part = part ? merge(part, reading.part) : reading.part
  }
  for (const key of Object.keys(texts)) {
    if (Object.hasOwn(meshTexts, key)) continue
    const message = `the text ${JSON.stringify(key)} has no effect: settings are read from ${Object.keys(meshTexts).join(' and ')}`
    findings.push({ level: 'warning', code: 'SLP1203', path: fieldAt('data', key), message, at: 'key' })
  }
  return { findings, ...(part ? { part } : {}) }
}

function merge(a: MeshPart, b: MeshPart): MeshPart {
  const policyField = a.policyField ?? b.policyField
  return {
    mesh: { ...a.mesh, ...b.mesh },
    sallyport: { ...a.sallyport, ...b.sallyport },
    ...(policyField === undefined ? {} : { policyField }),
    unsupported: [...a.unsupported, ...b.unsupported],
  }
}
