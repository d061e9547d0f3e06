// Lists the resources that are Kubernetes' own.
import type { Column } from '../columns/column.ts'
import { ageColumn, nameColumn } from '../columns/column.ts'
import * as columns from '../columns/core-columns.ts'
import { podColumns } from '../columns/pod-columns.ts'
import type { ApiResource, Subresource, Verb } from './resource.ts'
import * as schemas from '../schemas/core-kinds.ts'
import { nodeObject } from '../schemas/node.ts'
import { podObject } from '../schemas/pod.ts'

const allVerbs: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const status: Subresource = { name: 'status', verbs: ['get', 'patch', 'update'] }
const tokenRequest = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', schema: schemas.tokenRequestObject } as const
const execOptions = { group: '', version: 'v1', kind: 'PodExecOptions' } as const

type Given = Pick<ApiResource, 'kind' | 'plural' | 'schema'> & Partial<ApiResource>

function core(given: Given): ApiResource {
  return {
    group: '',
    versions: ['v1'],
    listKind: `${given.kind}List`,
    singular: given.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    verbs: allVerbs,
    subresources: [],
    columns: plainColumns,
    custom: false,
    nameRule: 'subdomain',
    ...given,
  }
}

const plainColumns: readonly Column[] = [nameColumn, ageColumn]

/** Asked by creating one; nothing is stored. */
const review = { namespaced: false, verbs: ['create'] } as const

export const coreResources: readonly ApiResource[] = [
  core({ kind: 'ConfigMap', plural: 'configmaps', shortNames: ['cm'], columns: columns.configMapColumns, schema: schemas.configMapObject }),
  core({
    kind: 'Endpoints',
    listKind: 'EndpointsList',
    plural: 'endpoints',
    shortNames: ['ep'],
    columns: columns.endpointsColumns,
    schema: schemas.endpointsObject,
  }),
  core({ kind: 'Event', plural: 'events', shortNames: ['ev'], columns: columns.eventColumns, schema: schemas.eventObject }),
  core({
    kind: 'Namespace',
    plural: 'namespaces',
    shortNames: ['ns'],
    namespaced: false,
    verbs: allVerbs.filter((verb) => verb !== 'deletecollection'),
    subresources: [{ name: 'finalize', verbs: ['update'] }, status],
    columns: columns.namespaceColumns,
    schema: schemas.namespaceObject,
    nameRule: 'label',
  }),
  core({
    kind: 'Node',
    plural: 'nodes',
    shortNames: ['no'],
    namespaced: false,
    subresources: [status],
    columns: columns.nodeColumns,
    schema: nodeObject,
  }),
  core({
    kind: 'Pod',
    plural: 'pods',
    shortNames: ['po'],
    categories: ['all'],
    subresources: [{ name: 'exec', verbs: ['create', 'get'], kind: execOptions }, { name: 'log', verbs: ['get'] }, status],
    columns: podColumns,
    schema: podObject,
  }),
  core({ kind: 'Secret', plural: 'secrets', columns: columns.secretColumns, schema: schemas.secretObject }),
  core({
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    shortNames: ['sa'],
    subresources: [{ name: 'token', verbs: ['create'], kind: tokenRequest }],
    columns: columns.serviceAccountColumns,
    schema: schemas.serviceAccountObject,
  }),
  core({
    kind: 'Service',
    plural: 'services',
    shortNames: ['svc'],
    categories: ['all'],
    subresources: [status],
    columns: columns.serviceColumns,
    schema: schemas.serviceObject,
    nameRule: 'label-1035',
  }),
  core({
    group: 'apiextensions.k8s.io',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    namespaced: false,
    subresources: [status],
    columns: columns.customResourceDefinitionColumns,
    schema: schemas.customResourceDefinitionObject,
  }),
  core({
    ...review,
    group: 'authentication.k8s.io',
    kind: 'SelfSubjectReview',
    plural: 'selfsubjectreviews',
    schema: schemas.selfSubjectReviewObject,
  }),
  core({
    ...review,
    group: 'authorization.k8s.io',
    kind: 'SelfSubjectAccessReview',
    plural: 'selfsubjectaccessreviews',
    schema: schemas.selfSubjectAccessReviewObject,
  }),
  core({
    ...review,
    group: 'authorization.k8s.io',
    kind: 'SelfSubjectRulesReview',
    plural: 'selfsubjectrulesreviews',
    schema: schemas.selfSubjectRulesReviewObject,
  }),
  core({
    group: 'discovery.k8s.io',
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    columns: columns.endpointSliceColumns,
    schema: schemas.endpointSliceObject,
  }),
  core({
    group: 'events.k8s.io',
    kind: 'Event',
    plural: 'events',
    shortNames: ['ev'],
    columns: columns.eventColumns,
    schema: schemas.eventsGroupEventObject,
    storedAs: { group: '', plural: 'events' },
  }),
  core({
    group: 'rbac.authorization.k8s.io',
    kind: 'ClusterRole',
    plural: 'clusterroles',
    namespaced: false,
    verbs: ['get', 'list'],
    columns: columns.roleColumns,
    schema: schemas.clusterRoleObject,
    nameRule: 'path',
  }),
  core({
    group: 'rbac.authorization.k8s.io',
    kind: 'ClusterRoleBinding',
    plural: 'clusterrolebindings',
    namespaced: false,
    columns: columns.bindingColumns,
    schema: schemas.clusterRoleBindingObject,
    nameRule: 'path',
  }),
  core({
    group: 'rbac.authorization.k8s.io',
    kind: 'Role',
    plural: 'roles',
    verbs: ['get', 'list'],
    columns: columns.roleColumns,
    schema: schemas.roleObject,
    nameRule: 'path',
  }),
  core({
    group: 'rbac.authorization.k8s.io',
    kind: 'RoleBinding',
    plural: 'rolebindings',
    columns: columns.bindingColumns,
    schema: schemas.roleBindingObject,
    nameRule: 'path',
  }),
]
