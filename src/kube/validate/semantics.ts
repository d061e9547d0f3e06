// Turns the findings of the rules that Sallyport applies to resources from files into causes and warnings of the API.
import { checkMetadata, checkStructure, isKind, kinds, Report, type Finding, type Kind, type Meta, type Spec } from '../../api/index.ts'
import { fieldAtPath, isJsonObject, type Json, type KubeObject } from '../object.ts'
import type { ApiResource } from '../resources/resource.ts'
import type { StatusCause } from '../status.ts'
import { invalidValue, required } from './cause.ts'

export interface Judgement {
  readonly causes: readonly StatusCause[]
  /** What does not keep the object from being stored; for `Warning:` headers. */
  readonly warnings: readonly string[]
}

/** The rules of meaning of the kind, where it has some; they run over what is structurally sound. */
export function meaningOf({ kind, group }: ApiResource, object: KubeObject): Judgement {
  if (!isKind(kind) || kinds[kind].group !== group) return { causes: [], warnings: [] }
  const findings = [...findingsOf(kind, object)]
  const causes: StatusCause[] = []
  const warnings: string[] = []
  for (const finding of findings) {
    if (toldByStructure.has(finding.code)) continue
    if (finding.level === 'error' && !finding.unsupported) causes.push(causeOf(finding, object))
    else
      warnings.push(
        `${finding.path === '' ? '' : `${finding.path}: `}${finding.message}${finding.fix === undefined ? '' : ` (${finding.fix})`}`,
      )
  }
  return { causes, warnings }
}

/** Unknown fields, types, words and what is missing are told in Kubernetes' own words. */
const toldByStructure: ReadonlySet<string> = new Set(['SLP1101', 'SLP1102', 'SLP1103', 'SLP1104', 'SLP1107', 'SLP1110'])

function findingsOf<K extends Kind>(kind: K, object: KubeObject): readonly Finding[] {
  const info = kinds[kind]
  const body = info.body === 'spec' ? object['spec'] : documentOf(object)
  const meta = metaOf(object)
  const report = new Report()
  checkMetadata(meta, kind, report)
  if (body === undefined || body === null) return report.findings
  const { value, findings } = checkStructure(info.schema, body, info.body === 'spec' ? 'spec' : '')
  if (isSound<K>(value)) info.check(value, meta, report)
  return [...findings, ...report.findings]
}

/** What `checkStructure` hands on has the shape that the schema describes. */
function isSound<K extends Kind>(value: unknown): value is Spec<K> {
  return typeof value === 'object' && value !== null
}

function documentOf(object: KubeObject): Json {
  const { apiVersion: _, kind: __, metadata: ___, ...fields } = object
  return fields
}

function metaOf({ metadata }: KubeObject): Meta {
  const { name = '', namespace = '', labels = {}, annotations = {}, creationTimestamp = '' } = metadata
  return { name, namespace, labels, annotations, created: Date.parse(creationTimestamp) || 0 }
}

function causeOf({ path, message }: Finding, object: KubeObject): StatusCause {
  const value = valueAt(object, path)
  if (value === undefined || value === null) return required(path, message)
  if (typeof value === 'object') return { reason: 'FieldValueInvalid', message: `Invalid value: ${message}`, field: path }
  return invalidValue(path, value, message)
}

/** The value at `spec.ports[0].name`; nothing for paths with quoted keys. */
function valueAt(object: KubeObject, path: string): Json | undefined {
  let node: Json | undefined = object
  for (const [, name, index] of path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    if (index !== undefined) node = Array.isArray(node) ? node[Number(index)] : undefined
    else node = isJsonObject(node) ? fieldAtPath(node, [name ?? '']) : undefined
  }
  return node
}
