// Lists the resources that are Istio's, in all versions that Istio serves.
import { isKind, kinds, type ObjectSchema } from '../../api/index.ts'
import { creationColumn, fieldColumn, nameColumn, type Column } from '../columns/column.ts'
import type { ApiResource } from './resource.ts'
import * as schemas from '../schemas/istio-kinds.ts'
import { root } from '../schemas/object-meta.ts'

type Given = Pick<ApiResource, 'group' | 'kind' | 'plural' | 'versions'> & {
  readonly shortNames?: readonly string[]
  /** Between the name and the age, unless `age` stands among them. */
  readonly columns?: readonly Column[]
  /** Of the spec, for kinds that the configuration does not read. */
  readonly spec?: ObjectSchema
  readonly specRequired?: true
}

const hosts = fieldColumn('Hosts', 'the hosts that are declared', ['spec', 'hosts'])
const three = ['v1', 'v1beta1', 'v1alpha3']
const networking = { group: 'networking.istio.io', versions: three }
const security = { group: 'security.istio.io', versions: ['v1', 'v1beta1'] }

const workloadEntry = kinds.WorkloadEntry.schema

export const istioResources: readonly ApiResource[] = [
  istio({
    group: 'extensions.istio.io',
    versions: ['v1alpha1'],
    kind: 'WasmPlugin',
    plural: 'wasmplugins',
    spec: schemas.wasmPluginSchema,
    specRequired: true,
  }),
  istio({
    ...networking,
    kind: 'DestinationRule',
    plural: 'destinationrules',
    shortNames: ['dr'],
    columns: [nameColumn, fieldColumn('Host', 'the host that it is about', ['spec', 'host']), creationColumn],
  }),
  istio({ ...networking, versions: ['v1alpha3'], kind: 'EnvoyFilter', plural: 'envoyfilters', spec: schemas.envoyFilterSchema }),
  istio({ ...networking, kind: 'Gateway', plural: 'gateways', shortNames: ['gw'] }),
  istio({ ...networking, versions: ['v1beta1'], kind: 'ProxyConfig', plural: 'proxyconfigs', spec: schemas.proxyConfigSchema }),
  istio({
    ...networking,
    kind: 'ServiceEntry',
    plural: 'serviceentries',
    shortNames: ['se'],
    specRequired: true,
    columns: [
      nameColumn,
      hosts,
      fieldColumn('Location', 'whether it is outside the mesh', ['spec', 'location']),
      fieldColumn('Resolution', 'how its address is found', ['spec', 'resolution']),
      creationColumn,
    ],
  }),
  istio({ ...networking, kind: 'Sidecar', plural: 'sidecars' }),
  istio({
    ...networking,
    kind: 'VirtualService',
    plural: 'virtualservices',
    shortNames: ['vs'],
    columns: [nameColumn, fieldColumn('Gateways', 'the gateways that it routes at', ['spec', 'gateways']), hosts, creationColumn],
  }),
  istio({
    ...networking,
    kind: 'WorkloadEntry',
    plural: 'workloadentries',
    shortNames: ['we'],
    specRequired: true,
    columns: [nameColumn, creationColumn, fieldColumn('Address', 'its address', ['spec', 'address'])],
  }),
  istio({
    ...networking,
    kind: 'WorkloadGroup',
    plural: 'workloadgroups',
    shortNames: ['wg'],
    spec: schemas.workloadGroupSchema(workloadEntry),
    specRequired: true,
  }),
  istio({
    ...security,
    kind: 'AuthorizationPolicy',
    plural: 'authorizationpolicies',
    shortNames: ['ap'],
    spec: schemas.authorizationPolicySchema,
    columns: [nameColumn, fieldColumn('Action', 'what it does', ['spec', 'action']), creationColumn],
  }),
  istio({
    ...security,
    kind: 'PeerAuthentication',
    plural: 'peerauthentications',
    shortNames: ['pa'],
    spec: schemas.peerAuthenticationSchema,
    columns: [nameColumn, fieldColumn('Mode', 'what connections have to be', ['spec', 'mtls', 'mode']), creationColumn],
  }),
  istio({
    ...security,
    kind: 'RequestAuthentication',
    plural: 'requestauthentications',
    shortNames: ['ra'],
    spec: schemas.requestAuthenticationSchema,
  }),
  istio({ group: 'telemetry.istio.io', versions: ['v1', 'v1alpha1'], kind: 'Telemetry', plural: 'telemetries', shortNames: ['telemetry'] }),
]

function istio({ group, kind, plural, versions, shortNames = [], columns, spec, specRequired }: Given): ApiResource {
  const read = isKind(kind) ? kinds[kind].schema : spec
  if (read === undefined) throw new Error(`${kind} has no schema`)
  const status = kind === 'ServiceEntry' ? schemas.serviceEntryStatusSchema : schemas.istioStatusSchema
  return {
    group,
    versions,
    kind,
    listKind: `${kind}List`,
    plural,
    singular: kind.toLowerCase(),
    shortNames,
    categories: ['istio-io', `${group.replaceAll('.', '-').replace(/-istio-io$/, '')}-istio-io`],
    namespaced: true,
    verbs: ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'],
    subresources: [{ name: 'status', verbs: ['get', 'patch', 'update'] }],
    columns: columns ?? [nameColumn, creationColumn],
    schema: root(read.description, { spec: read, status }, specRequired === undefined ? {} : { required: ['spec'] }),
    custom: true,
    nameRule: 'subdomain',
  }
}
