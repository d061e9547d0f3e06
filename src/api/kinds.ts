// The single table of kinds: everything that knows resources by kind derives from it.
import { checkNamespace, checkSecret, checkService } from './core-rules.ts'
import { configMapSchema, namespaceSchema, secretSchema, serviceSchema } from './core-schema.ts'
import { checkDestinationRule } from './destination-rule-rules.ts'
import { destinationRuleSchema } from './destination-rule-schema.ts'
import type { Report } from './finding.ts'
import { checkGateway } from './gateway-rules.ts'
import { gatewaySchema } from './gateway-schema.ts'
import type { Meta } from './meta.ts'
import type { ObjectSchema } from './schema.ts'
import { checkServiceEntry, checkWorkloadEntry } from './service-entry-rules.ts'
import { serviceEntrySchema, workloadEntrySchema } from './service-entry-schema.ts'
import { checkSidecar } from './sidecar-rules.ts'
import { sidecarSchema } from './sidecar-schema.ts'
import { checkTelemetry } from './telemetry-rules.ts'
import { telemetrySchema } from './telemetry-schema.ts'
import { checkVirtualService } from './virtual-service-rules.ts'
import type { Kind, Spec } from './specs.ts'
import { virtualServiceSchema } from './virtual-service-schema.ts'

export interface KindInfo<K extends Kind = Kind> {
  readonly group: string
  /** All are served, the first is preferred; their fields are the same. */
  readonly versions: readonly string[]
  readonly plural: string
  readonly short: readonly string[]
  readonly scope: 'namespaced' | 'cluster'
  /** Where the fields stand: below `spec`, or beside the metadata. */
  readonly body: 'spec' | 'document'
  /** Whether Kubernetes and Istio insist on a body. */
  readonly bodyRequired: boolean
  readonly schema: ObjectSchema
  /** The rules of meaning; they see a spec whose structure is sound, and may find fields of it missing. */
  readonly check: (spec: Spec<K>, meta: Meta, report: Report) => void
}

const istio = { group: 'networking.istio.io', versions: ['v1', 'v1beta1', 'v1alpha3'], body: 'spec', bodyRequired: true } as const
const core = { group: '', versions: ['v1'], bodyRequired: false } as const

export const kinds: { readonly [K in Kind]: KindInfo<K> } = {
  ServiceEntry: {
    ...istio,
    plural: 'serviceentries',
    short: ['se'],
    scope: 'namespaced',
    schema: serviceEntrySchema,
    check: checkServiceEntry,
  },
  WorkloadEntry: {
    ...istio,
    plural: 'workloadentries',
    short: ['we'],
    scope: 'namespaced',
    schema: workloadEntrySchema,
    check: checkWorkloadEntry,
  },
  VirtualService: {
    ...istio,
    plural: 'virtualservices',
    short: ['vs'],
    scope: 'namespaced',
    schema: virtualServiceSchema,
    check: checkVirtualService,
  },
  DestinationRule: {
    ...istio,
    plural: 'destinationrules',
    short: ['dr'],
    scope: 'namespaced',
    schema: destinationRuleSchema,
    check: checkDestinationRule,
  },
  Gateway: { ...istio, plural: 'gateways', short: ['gw'], scope: 'namespaced', schema: gatewaySchema, check: checkGateway },
  Sidecar: { ...istio, plural: 'sidecars', short: [], scope: 'namespaced', schema: sidecarSchema, check: checkSidecar },
  Telemetry: {
    ...istio,
    group: 'telemetry.istio.io',
    versions: ['v1', 'v1alpha1'],
    plural: 'telemetries',
    short: ['telemetry'],
    scope: 'namespaced',
    schema: telemetrySchema,
    check: checkTelemetry,
  },
  Service: { ...core, plural: 'services', short: ['svc'], scope: 'namespaced', body: 'spec', schema: serviceSchema, check: checkService },
  Namespace: {
    ...core,
    plural: 'namespaces',
    short: ['ns'],
    scope: 'cluster',
    body: 'spec',
    schema: namespaceSchema,
    check: checkNamespace,
  },
  ConfigMap: {
    ...core,
    plural: 'configmaps',
    short: ['cm'],
    scope: 'namespaced',
    body: 'document',
    schema: configMapSchema,
    check: () => undefined,
  },
  Secret: { ...core, plural: 'secrets', short: [], scope: 'namespaced', body: 'document', schema: secretSchema, check: checkSecret },
}

export function isKind(name: string): name is Kind {
  return Object.hasOwn(kinds, name)
}

export const kindNames: readonly Kind[] = Object.keys(kinds).filter(isKind)
