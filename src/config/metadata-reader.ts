// Reads the metadata of a resource, with the defaults that Kubernetes would fill in.
import { checkMetadata, checkStructure, type Finding, isWithin, type Meta, metadataSchema, Report } from '../api/index.ts'

export interface MetadataReading {
  readonly meta: Meta
  readonly findings: readonly Finding[]
  /** Whether it can be told which resource this is. */
  readonly named: boolean
}

export interface MetadataOptions {
  readonly kind: string
  readonly scope: 'namespaced' | 'cluster'
  readonly defaultNamespace: string
}

interface Metadata {
  readonly name?: string
  readonly namespace?: string
  readonly generateName?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly creationTimestamp?: string
}

export function readMetadata(value: unknown, options: MetadataOptions): MetadataReading {
  const { value: sound, findings: found } = checkStructure(metadataSchema, withoutNulls(value), 'metadata')
  // Its structure was checked just now.
  const metadata = (sound ?? {}) as Metadata
  const report = new Report()
  const created = readCreated(metadata.creationTimestamp, report)
  const meta: Meta = {
    namespace: readNamespace(metadata.namespace, options, report),
    name: metadata.name ?? '',
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    created,
  }
  if (meta.name === '') {
    const generated = metadata.generateName === undefined ? '' : '; generateName needs a cluster that makes the name up'
    bad(report, 'metadata.name', `the ${options.kind} has no name${generated}`, 'add `metadata: {name: …}`')
  }
  checkMetadata(meta, options.kind, report)
  const meaning = report.findings.filter((finding) => !found.some((other) => isWithin(finding.path, other.path)))
  const findings = [...found, ...meaning]
  const named = !findings.some((finding) => finding.path === 'metadata' || /^metadata\.(name|namespace)$/.test(finding.path))
  return { meta, findings, named }
}

/** Objects that programs write have `creationTimestamp: null` and the like. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value ?? {}
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null))
}

function readNamespace(written: string | undefined, options: MetadataOptions, report: Report): string {
  if (options.scope === 'namespaced') return written ?? options.defaultNamespace
  if (written !== undefined) bad(report, 'metadata.namespace', `a ${options.kind} is in no namespace`, 'remove the line')
  return ''
}

function readCreated(written: string | undefined, report: Report): number {
  if (written === undefined) return 0
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)$/.test(written)
  const ms = isTime ? Date.parse(written) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  bad(
    report,
    'metadata.creationTimestamp',
    `creationTimestamp ${JSON.stringify(written)} is not a time`,
    'write it as 2026-01-31T12:00:00Z',
  )
  return 0
}

function bad(report: Report, path: string, message: string, fix: string): void {
  report.add({ level: 'error', code: 'SLP1110', path, message, fix })
}
