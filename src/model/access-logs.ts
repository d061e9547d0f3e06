// Chooses where the access log of a workload goes: by Telemetries of the root namespace, the namespace and the workload, as Istio merges them.
import {
  type AccessLogFormat,
  accessLogFormat,
  type AccessLogging,
  accessLogProvider,
  type MeshConfig,
  type Resource,
} from '../api/index.ts'
import { hasLabels } from '../registry/index.ts'
import type { Workload } from './sidecars.ts'

export interface AccessLogPlan {
  readonly path: string
  readonly encoding: 'TEXT' | 'JSON'
  /** Absent: Istio's own. */
  readonly format?: AccessLogFormat
}

interface Input {
  readonly telemetries: readonly Resource<'Telemetry'>[]
  readonly mesh: MeshConfig
  readonly rootNamespace: string
}

/** Where no Telemetry says anything, the mesh's `accessLogFile`. Two providers of one path write it once. */
export function accessLogsOf({ telemetries, mesh, rootNamespace }: Input, workload: Workload): readonly AccessLogPlan[] {
  const levels = applicable(telemetries, workload, rootNamespace).flatMap(({ spec }) =>
    (spec.accessLogging ?? []).length === 0 ? [] : [spec.accessLogging ?? []],
  )
  const providers = mergeLevels(levels, mesh.defaultProviders?.accessLogging ?? [])
  const known = [...providers].flatMap(([name, isOn]) => {
    const provider = accessLogProvider(mesh.extensionProviders ?? [], name)
    return provider === undefined ? [] : [{ isOn, file: provider.file }]
  })
  if (known.length === 0) return ofMesh(mesh)
  const plans = known.flatMap(({ isOn, file }): AccessLogPlan[] => {
    if (!isOn || file === undefined) return []
    return [{ ...file, encoding: file.format !== undefined && 'labels' in file.format ? 'JSON' : 'TEXT' }]
  })
  return [...new Map(plans.map((plan) => [plan.path, plan])).values()]
}

function ofMesh(mesh: MeshConfig): readonly AccessLogPlan[] {
  const { accessLogFile = '', accessLogEncoding = 'TEXT' } = mesh
  const format = accessLogFormat(mesh)
  return accessLogFile === '' ? [] : [{ path: accessLogFile, encoding: accessLogEncoding, ...(format && { format }) }]
}

/** From the widest to the narrowest; of several without a selector the oldest counts, of those with one all that fit. */
function applicable(
  telemetries: readonly Resource<'Telemetry'>[],
  workload: Workload,
  rootNamespace: string,
): readonly Resource<'Telemetry'>[] {
  const isGeneral = ({ spec }: Resource<'Telemetry'>): boolean => Object.keys(spec.selector?.matchLabels ?? {}).length === 0
  const usable = telemetries.filter(({ spec }) => spec.targetRef === undefined && (spec.targetRefs ?? []).length === 0)
  const of = (namespace: string) => usable.filter(({ meta }) => meta.namespace === namespace)
  const own = of(workload.namespace)
  const root = of(rootNamespace).find(isGeneral)
  const general = workload.namespace === rootNamespace ? undefined : own.find(isGeneral)
  const chosen = own.filter((one) => !isGeneral(one) && hasLabels(workload.labels, one.spec.selector?.matchLabels ?? {}))
  return [...(root ? [root] : []), ...(general ? [general] : []), ...chosen]
}

/** Everything that Sallyport carries goes out. */
function isOutbound({ match }: AccessLogging): boolean {
  return match?.mode !== 'SERVER'
}

/** Providers in force, and whether each is switched on. A level that names providers replaces those above it; switching off does not. */
function mergeLevels(levels: readonly (readonly AccessLogging[])[], byDefault: readonly string[]): Map<string, boolean> {
  if (levels.length === 0) return new Map(byDefault.map((name) => [name, true]))
  let inForce = byDefault
  for (const level of levels) {
    const named = level.filter(isOutbound).flatMap(namesOf)
    if (named.length > 0) inForce = named
  }
  const providers = new Map<string, boolean>()
  let above = byDefault
  for (const one of levels.flat()) {
    const named = namesOf(one)
    above = named.length > 0 ? named : above
    if (!isOutbound(one)) continue
    for (const name of above) if (inForce.includes(name)) providers.set(name, one.disabled !== true)
  }
  return providers
}

function namesOf({ providers = [] }: AccessLogging): string[] {
  return providers.flatMap(({ name = '' }) => (name === '' ? [] : [name]))
}
