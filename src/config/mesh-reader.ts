// Reads the mesh-wide settings from a bare MeshConfig or from the texts inside of the ConfigMap `istio`.
import {
  checkMeshConfig,
  checkStructure,
  type Finding,
  isWithin,
  type MeshConfig,
  meshConfigSchema,
  type ObjectSchema,
  Report,
  type SallyportSettings,
  sallyportSettingsSchema,
} from '../api/index.ts'
import type { MeshPart } from './parsed-document.ts'

export interface MeshReading {
  readonly part: MeshPart
  readonly findings: readonly Finding[]
}

/** Fields by which a document without a kind is known to be a MeshConfig. */
export function looksLikeMeshConfig(value: Readonly<Record<string, unknown>>): boolean {
  if (Object.hasOwn(value, 'kind')) return value['kind'] === 'MeshConfig'
  return !Object.hasOwn(value, 'apiVersion') && Object.keys(value).some((name) => Object.hasOwn(meshConfigSchema.fields, name))
}

/** `path` is that of the settings in their document: empty for a bare one. */
export function readMeshConfig(value: unknown, path: string): MeshReading {
  const { value: sound, findings: found } = checkStructure(meshConfigSchema, value ?? {}, path)
  // Its structure was checked just now.
  const mesh = (sound ?? {}) as MeshConfig
  const report = new Report()
  checkMeshConfig(mesh, report)
  const meaning = report.findings
    .map((finding) => ({ ...finding, path: joinPath(path, finding.path) }))
    .filter((finding) => !found.some((other) => other.level === 'error' && isWithin(finding.path, other.path)))
  const policy = outboundPolicy(mesh, joinPath(path, 'outboundTrafficPolicy'))
  const isWrong = found.some((finding) => finding.level === 'error' && isWithin(finding.path, joinPath(path, 'outboundTrafficPolicy')))
  const findings = [...found, ...meaning, ...(isWrong ? [] : policy.findings)]
  const part: MeshPart = {
    mesh: policy.mesh,
    sallyport: {},
    ...(mesh.outboundTrafficPolicy === undefined ? {} : { policyField: joinPath(path, 'outboundTrafficPolicy.mode') }),
    unsupported: unsupportedOf(findings).filter((field) => !field.endsWith('outboundTrafficPolicy.mode')),
  }
  return { part, findings }
}

export function readSallyportSettings(value: unknown, path: string): MeshReading {
  const { value: sound, findings } = checkStructure(sallyportSettingsSchema, value ?? {}, path)
  const settings = (sound ?? {}) as SallyportSettings & { requireGateway?: unknown }
  return { part: { mesh: {}, sallyport: settings, unsupported: unsupportedOf(findings) }, findings }
}

function outboundPolicy(mesh: MeshConfig, path: string): { readonly mesh: MeshConfig; readonly findings: readonly Finding[] } {
  const policy = mesh.outboundTrafficPolicy
  if (policy === undefined || policy.mode === 'ALLOW_ANY' || policy.mode === 'REGISTRY_ONLY') return { mesh, findings: [] }
  // Not said, or not carried out: the narrower of the two that are.
  const narrowed: MeshConfig = { ...mesh, outboundTrafficPolicy: { ...policy, mode: 'REGISTRY_ONLY' } }
  if (policy.mode !== undefined) return { mesh: narrowed, findings: [] }
  const message = 'outboundTrafficPolicy has no mode: REGISTRY_ONLY holds, the first of the modes'
  return { mesh: narrowed, findings: [{ level: 'warning', code: 'IST0133', path, message, fix: 'write `mode: REGISTRY_ONLY`' }] }
}

function unsupportedOf(findings: readonly Finding[]): string[] {
  return findings.filter((finding) => finding.unsupported).map((finding) => finding.path)
}

function joinPath(parent: string, path: string): string {
  if (parent === '') return path
  return path.startsWith('[') || path === '' ? `${parent}${path}` : `${parent}.${path}`
}

/** The texts of the ConfigMap `istio` that are settings of the mesh. */
export const meshTexts: Readonly<
  Record<string, { readonly schema: ObjectSchema; readonly read: (value: unknown, path: string) => MeshReading }>
> = {
  mesh: { schema: meshConfigSchema, read: readMeshConfig },
  sallyport: { schema: sallyportSettingsSchema, read: readSallyportSettings },
}

export function isMeshConfigMap(kind: string, namespace: string, name: string): boolean {
  return kind === 'ConfigMap' && namespace === 'istio-system' && name === 'istio'
}
