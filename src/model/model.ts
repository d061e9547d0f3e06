// The immutable whole that translation works from: everything declared, indexed, with the mesh-wide settings applied.
import type { MeshSettings, ResourceSet } from '../api/index.ts'
import { buildRegistry, type Registry, type Service, type VirtualAddresses } from '../registry/index.ts'
import { type AccessLogPlan, accessLogsOf } from './access-logs.ts'
import { indexDestinationRules } from './destination-rules.ts'
import { type GatewayConfig, gatewayConfigs } from './gateways.ts'
import { type Scope, type ScopeInput, type ScopeOptions, scopeOf } from './scope.ts'
import { chooseSidecar, type SidecarConfig, sidecarConfig, type Workload } from './sidecars.ts'
import { findSynthesisedGateways, type SynthesisedGateway } from './synthesised-gateways.ts'
import { virtualAddresses } from './virtual-addresses.ts'
import { type RuleSet, ruleSetsOf } from './virtual-services.ts'

export interface Model {
  readonly version: number
  readonly resources: ResourceSet
  readonly settings: MeshSettings
  readonly strict: boolean
  readonly rootNamespace: string
  readonly registry: Registry
  /** Oldest first. */
  readonly gateways: readonly GatewayConfig[]
  /** VirtualServices in normal form, with what they delegate. */
  readonly ruleSets: readonly RuleSet[]
  /** Gateways whose selector nothing in the files satisfies, with what leads to them. */
  readonly synthesised: readonly SynthesisedGateway[]
  /** What governs a workload; Istio passes over all of them for gateways. */
  sidecarOf(workload: Workload): SidecarConfig | undefined
  /** Where its access log goes, as the declarations have it. */
  accessLogsOf(workload: Workload): readonly AccessLogPlan[]
  /** What a namespace sees. */
  readonly scope: (namespace: string, options?: ScopeOptions) => Scope
  /**
   * The address that stands for a host without addresses; `undefined` when the settings or the host do not allow one. The same function
   * as in the model before when no service that both have got another address.
   */
  readonly virtualAddresses: (service: Service) => VirtualAddresses | undefined
}

/** Pure: `previous`, the model before, changes nothing but the time that this takes. */
export function buildModel(resources: ResourceSet, settings: MeshSettings, previous?: Model): Model {
  const strict = settings.sallyport.strictness !== 'istio'
  const spelling = strict ? 'canonical' : 'as-written'
  const rootNamespace = settings.mesh.rootNamespace ?? 'istio-system'
  const registry = buildRegistry(resources, spelling, previous?.registry)
  const gateways = gatewayConfigs(resources.of('Gateway'), spelling)
  const ruleSets = ruleSetsOf(resources.of('VirtualService'), { spelling, exportTo: settings.mesh.defaultVirtualServiceExportTo })
  const input: ScopeInput = {
    registry,
    ruleSets,
    destinationRules: indexDestinationRules(resources.of('DestinationRule'), {
      spelling,
      rootNamespace,
      defaultExportTo: settings.mesh.defaultDestinationRuleExportTo,
    }),
    serviceExportTo: settings.mesh.defaultServiceExportTo,
    ruleExportTo: settings.mesh.defaultVirtualServiceExportTo,
  }
  return {
    version: resources.version,
    resources,
    settings,
    strict,
    rootNamespace,
    registry,
    gateways,
    ruleSets,
    synthesised: findSynthesisedGateways({ gateways, registry, ruleSets, rootNamespace }),
    sidecarOf: (workload) => {
      const chosen = chooseSidecar(resources.of('Sidecar'), workload, rootNamespace)
      return chosen && sidecarConfig(chosen, workload.namespace, spelling)
    },
    accessLogsOf: (workload) => accessLogsOf({ telemetries: resources.of('Telemetry'), mesh: settings.mesh, rootNamespace }, workload),
    scope: scopes(input, previous?.scope),
    virtualAddresses: virtualAddresses({ registry, settings, strict }, previous),
  }
}

/** The last scope made for each namespace. */
const lastScopes = new WeakMap<Model['scope'], Map<string, Scope>>()

function scopes(input: ScopeInput, previous: Model['scope'] | undefined): Model['scope'] {
  const known = new Map<string, Scope>()
  const before = previous && lastScopes.get(previous)
  const last = new Map(before)
  const make = (namespace: string, options?: ScopeOptions): Scope => {
    const scope = scopeOf(input, namespace, options, last.get(namespace))
    last.set(namespace, scope)
    return scope
  }
  const find: Model['scope'] = (namespace, options) => {
    if (options?.sidecar !== undefined || (options?.added ?? []).length > 0) return make(namespace, options)
    const scope = known.get(namespace) ?? make(namespace)
    known.set(namespace, scope)
    return scope
  }
  lastScopes.set(find, last)
  return find
}
