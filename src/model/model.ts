// The immutable whole that translation works from: everything declared, indexed, with the mesh-wide settings applied.
import type { MeshSettings, ResourceSet } from '../api/index.ts'
import { changedStretch } from '../base/index.ts'
import {
  allocateLikeIstio,
  allocateStable,
  buildRegistry,
  isWildcardHost,
  type Registry,
  type Service,
  type VirtualAddresses,
} from '../registry/index.ts'
import { type AccessLogPlan, accessLogsOf } from './access-logs.ts'
import { indexDestinationRules } from './destination-rules.ts'
import { type GatewayConfig, gatewayConfigs } from './gateways.ts'
import { type Scope, type ScopeInput, type ScopeOptions, scopeOf } from './scope.ts'
import { chooseSidecar, type SidecarConfig, sidecarConfig, type Workload } from './sidecars.ts'
import { findSynthesisedGateways, type SynthesisedGateway } from './synthesised-gateways.ts'
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
  /** The address that stands for a host without addresses; `undefined` when the settings or the host do not allow one. */
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
    virtualAddresses: allocator({ registry, settings, strict }, previous),
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

type Declared = Pick<Model, 'registry' | 'settings' | 'strict'>

/** The same as before when nobody who wants an address came or went. */
function allocator(now: Declared, previous: Model | undefined): Model['virtualAddresses'] {
  if (previous !== undefined && isAllocating(previous) === isAllocating(now) && previous.strict === now.strict) {
    if (!isAllocating(now) || sameClaimants(previous.registry.services, now.registry.services, now.strict)) return previous.virtualAddresses
  }
  if (!isAllocating(now)) return () => undefined
  const { registry, strict } = now
  let find: Model['virtualAddresses'] | undefined
  return (service) => (find ??= strict ? stableAddresses(registry) : istioAddresses(registry))(service)
}

function isAllocating({ settings, strict }: Declared): boolean {
  return settings.sallyport.dns?.autoAllocate ?? strict
}

function sameClaimants(before: readonly Service[], now: readonly Service[], strict: boolean): boolean {
  const { start, beforeEnd, nowEnd } = changedStretch(before, now)
  const claims = (services: readonly Service[]): readonly string[] =>
    services.filter((service) => (strict ? mayHaveAddress(service) : isResolved(service))).map(keyOf)
  const [gone, added] = [claims(before.slice(start, beforeEnd)), claims(now.slice(start, nowEnd))]
  return gone.length === added.length && gone.every((key, i) => key === added[i])
}

function stableAddresses(registry: Registry): Model['virtualAddresses'] {
  const find = allocateStable(registry.services.filter(mayHaveAddress))
  return (service) => (mayHaveAddress(service) ? find(service) : undefined)
}

/** Istio gives none under NONE, because there the dialled address would be the one that is forwarded to. */
function istioAddresses(registry: Registry): Model['virtualAddresses'] {
  const found = allocateLikeIstio(registry.services.filter(isResolved).map(keyOf))
  return (service) => (isResolved(service) ? found.get(keyOf(service)) : undefined)
}

function isResolved(service: Service): boolean {
  return mayHaveAddress(service) && service.resolution !== 'none'
}

function mayHaveAddress(service: Service): boolean {
  return service.addresses.length === 0 && !isWildcardHost(service.host)
}

function keyOf(service: Service): string {
  return `${service.namespace}/${service.host}`
}
