// Reads one object of a document: finds out its kind, checks it field by field and rule by rule, and freezes what is sound.
import {
  checkStructure,
  type Finding,
  isKind,
  isWithin,
  type Kind,
  type KindInfo,
  kindNames,
  kinds,
  type Meta,
  meshConfigSchema,
  metadataSchema,
  nearest,
  type ObjectSchema,
  type OtherKind,
  otherKind,
  Report,
  rejects,
  type ResourceRef,
  resourceKey,
  type Spec,
} from '../api/index.ts'
import { type Fields } from '../base/index.ts'
import { readMeshTexts } from './mesh-text-reader.ts'
import { looksLikeMeshConfig, type MeshReading, readMeshConfig } from './mesh-reader.ts'
import { readMetadata } from './metadata-reader.ts'
import { readOtherKind } from './other-kind-reader.ts'
import { type EntryFinding, type GovernedPart, type MeshPart, meshKey, type ParsedResource } from './parsed-document.ts'

/** Paths are those in the entry. */
export interface EntryReading {
  readonly findings: readonly EntryFinding[]
  /** Absent if it cannot be told, or does not matter, which resource this is. */
  readonly key?: string
  readonly ref?: ResourceRef
  /** It does matter, and cannot be told. */
  readonly opaque?: true
  /** What the entry as a whole may hold. */
  readonly schema?: ObjectSchema
  readonly resource?: ParsedResource
  readonly mesh?: MeshPart
  readonly governed?: readonly GovernedPart[]
}

export interface EntryOptions {
  readonly defaultNamespace: string
  /** Hash of the text of the entry. */
  readonly hash: string
}

export function readEntry(value: Fields, options: EntryOptions): EntryReading {
  if (looksLikeMeshConfig(value)) return meshEntry(value)
  const { kind, apiVersion } = value
  if (typeof kind !== 'string' || kind === '') return withoutKind(value)
  const { group, version } = splitApiVersion(apiVersion)
  if (isKind(kind) && kinds[kind].group === group) return knownEntry(kind, version, value, options)
  const other = otherKind(group, kind)
  if (other) return otherEntry(kind, other, value, options)
  return unknownKind(kind, group, apiVersion)
}

function meshEntry(value: Fields): EntryReading {
  const { kind: _kind, apiVersion: _apiVersion, metadata: _metadata, ...fields } = value
  const { part, findings }: MeshReading = readMeshConfig(fields, '')
  const ref: ResourceRef = { kind: 'MeshConfig', namespace: '', name: 'mesh' }
  return { findings, key: meshKey, ref, schema: meshConfigSchema, ...(rejects(findings) ? {} : { mesh: part }) }
}

function withoutKind(value: Fields): EntryReading {
  const meant = nearest('kind', Object.keys(value))
  const fix = meant === undefined ? 'add `apiVersion` and `kind`' : `did you mean kind where ${meant} stands?`
  return opaque({ level: 'error', code: 'SLP1115', path: '', message: 'the document is not a resource: it has no kind', fix })
}

function unknownKind(kind: string, group: string, apiVersion: unknown): EntryReading {
  const known = kindNames.join(', ')
  if (isKind(kind)) {
    const versions = apiVersionsOf(kinds[kind])
    const written = apiVersion === undefined ? 'no apiVersion' : `apiVersion ${JSON.stringify(apiVersion)}`
    const path = apiVersion === undefined ? 'kind' : 'apiVersion'
    const message = `a ${kind} with ${written} is not known; Sallyport reads that of ${versions.join(', ')}`
    return opaque({ level: 'error', code: 'SLP1112', path, message, fix: `write apiVersion: ${versions[0]}` })
  }
  const meant = nearest(kind, kindNames)
  const message = `kind ${JSON.stringify(kind)}${group === '' ? '' : ` of ${group}`} is not known`
  const fix = meant === undefined ? `known are ${known}` : `did you mean ${meant}? Known are ${known}`
  return opaque({ level: 'error', code: 'SLP1111', path: 'kind', message, fix })
}

function opaque(finding: Finding): EntryReading {
  return { findings: [finding], opaque: true }
}

function otherEntry(kind: string, other: OtherKind, value: Fields, options: EntryOptions): EntryReading {
  const { findings, governed } = readOtherKind(kind, other, value)
  const { meta, named } = readMetadata(value['metadata'], { kind, scope: 'namespaced', defaultNamespace: options.defaultNamespace })
  const ref: ResourceRef = { kind, namespace: meta.namespace, name: meta.name }
  if (governed.length === 0) return { findings, ref }
  // Even without a name it narrows what its author meant it to narrow.
  return { findings, ref, key: resourceKey(kind, meta.namespace, meta.name), governed, ...(named ? {} : { opaque: true as const }) }
}

function knownEntry<K extends Kind>(kind: K, version: string, value: Fields, options: EntryOptions): EntryReading {
  const info: KindInfo<K> = kinds[kind]
  const schema = entrySchema(info)
  const { defaultNamespace, hash } = options
  const { meta, findings: ofMetadata, named } = readMetadata(value['metadata'], { kind, scope: info.scope, defaultNamespace })
  const body = checkStructure(schema, prepared(info, value), '')
  // The structure of the body was checked just now; the metadata is read above.
  const fields = (body.value ?? {}) as Fields
  const spec = (info.body === 'spec' ? (fields['spec'] ?? {}) : withoutFrame(fields)) as Spec<K>
  const report = new Report()
  if (!info.versions.includes(version)) report.add(wrongVersion(kind, info, version))
  info.check(spec, meta, report)
  const ofBody = body.findings.filter((finding) => !isWithin(finding.path, 'metadata'))
  const meaning = report.findings.filter((finding) => !isConsequence(finding, [...ofBody, ...ofMetadata]))
  const mesh = kind === 'ConfigMap' ? readMeshTexts(meta, fields) : undefined
  const findings: EntryFinding[] = [...ofMetadata, ...ofBody, ...meaning, ...(mesh?.findings ?? [])]
  const ref: ResourceRef = { kind, namespace: meta.namespace, name: meta.name }
  const identity = { findings, ref, schema, key: resourceKey(kind, meta.namespace, meta.name) }
  if (!named) return { findings, ref, schema, opaque: true }
  if (rejects(findings)) return identity
  const unsupported = findings.filter((finding) => finding.unsupported).map((finding) => finding.path)
  const resource = deepFreeze({ kind, meta, spec, hash, unsupported })
  const governed = governedBy(kind, meta, unsupported)
  return { ...identity, resource, ...(mesh?.part ? { mesh: mesh.part } : {}), ...(governed.length > 0 ? { governed } : {}) }
}

/** A namespace bound to a gateway in a way that is not carried out gets nowhere. */
function governedBy(kind: Kind, meta: Meta, unsupported: readonly string[]): GovernedPart[] {
  if (kind !== 'Namespace' || unsupported.length === 0) return []
  return [{ kind, reach: 'namespace', namespace: meta.name }]
}

function splitApiVersion(apiVersion: unknown): { readonly group: string; readonly version: string } {
  if (typeof apiVersion !== 'string') return { group: '', version: '' }
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? { group: '', version: apiVersion } : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) }
}

function apiVersionsOf(info: Pick<KindInfo, 'group' | 'versions'>): string[] {
  return info.versions.map((version) => (info.group === '' ? version : `${info.group}/${version}`))
}

function wrongVersion(kind: Kind, info: Pick<KindInfo, 'group' | 'versions'>, version: string): Finding {
  const versions = apiVersionsOf(info)
  const message = `version ${JSON.stringify(version)} of ${kind} is not known`
  return { level: 'error', code: 'SLP1112', path: 'apiVersion', message, fix: `write ${versions.join(' or ')}` }
}

const text = (description: string) => ({ type: 'text', description }) as const
const status = { type: 'anything', description: 'what the cluster says of it', support: 'no-effect', quiet: true } as const
const schemas = new Map<object, ObjectSchema>()

/** A resource as a whole, with the metadata, which is reported on by its own reader. */
function entrySchema(info: Pick<KindInfo, 'schema' | 'body' | 'bodyRequired'>): ObjectSchema {
  const known = schemas.get(info.schema)
  if (known) return known
  const frame = { apiVersion: text('the version'), kind: text('the kind'), metadata: metadataSchema, status }
  const fields = info.body === 'spec' ? { ...frame, spec: info.schema } : { ...frame, ...info.schema.fields }
  const required = info.bodyRequired ? ['spec'] : []
  const schema: ObjectSchema = { type: 'object', description: 'a resource', fields, required }
  schemas.set(info.schema, schema)
  return schema
}

/** Null where programs write it: a status, or the body of a kind that needs none. */
function prepared(info: Pick<KindInfo, 'body' | 'bodyRequired' | 'schema'>, value: Fields): Fields {
  const { metadata: _metadata, ...rest } = value
  const optional = (name: string) =>
    name === 'status' || (!info.bodyRequired && (name === 'spec' || Object.hasOwn(info.schema.fields, name)))
  return Object.fromEntries(Object.entries(rest).filter(([name, member]) => member !== null || !optional(name)))
}

function withoutFrame(fields: Fields): Fields {
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, status: _status, ...rest } = fields
  return rest
}

/** What a rule says of a field whose structure is wrong, or that lacks the part that is wrong, was told already. */
function isConsequence(finding: Finding, found: readonly Finding[]): boolean {
  return found.some((other) => {
    if (other.level !== 'error' || other.unsupported) return false
    return isWithin(finding.path, other.path) || (isWithin(other.path, finding.path) && finding.path !== '')
  })
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}
