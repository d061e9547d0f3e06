// The rules of the roles that the server has, for the resources that this server has: what each role may, and what everybody may who is known.
import { type ClusterRoleName, resources } from '../../kube/index.ts'
import type { PolicyRule } from './policy-rule.ts'

const read = ['get', 'list', 'watch']
const write = ['create', 'delete', 'deletecollection', 'patch', 'update']

const istioGroups = [...new Set(resources.filter(({ group }) => group.endsWith('.istio.io')).map(({ group }) => group))]
const istio = { apiGroups: istioGroups, resources: ['*'] }

/** No Secrets, whose readers could act as others; no bindings. */
const view: readonly PolicyRule[] = [
  {
    verbs: read,
    apiGroups: [''],
    resources: [
      'configmaps',
      'endpoints',
      'events',
      'namespaces',
      'namespaces/status',
      'pods',
      'pods/log',
      'pods/status',
      'serviceaccounts',
      'services',
      'services/status',
    ],
  },
  { verbs: read, apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'] },
  { verbs: read, apiGroups: ['events.k8s.io'], resources: ['events'] },
  { verbs: read, ...istio },
]

/** Who may run Pods may act as every service account of the namespace, so the right to their tokens gives nothing more. */
const edit: readonly PolicyRule[] = [
  ...view,
  { verbs: read, apiGroups: [''], resources: ['pods/exec', 'secrets'] },
  { verbs: write, apiGroups: [''], resources: ['configmaps', 'pods', 'pods/exec', 'secrets', 'serviceaccounts', 'services'] },
  { verbs: ['create'], apiGroups: [''], resources: ['serviceaccounts/token'] },
  { verbs: write, ...istio },
]

const admin: readonly PolicyRule[] = [
  ...edit,
  { verbs: [...read, ...write], apiGroups: ['rbac.authorization.k8s.io'], resources: ['rolebindings'] },
]

export const clusterRoles: Readonly<Record<ClusterRoleName, readonly PolicyRule[]>> = {
  view,
  edit,
  admin,
  'sallyport.dev:credentials': [{ verbs: read, apiGroups: [''], resources: ['secrets'] }],
  'cluster-admin': [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { verbs: ['*'], nonResourceURLs: ['*'] },
  ],
}

/** `system:basic-user` and `system:discovery`. */
export const everybody: readonly PolicyRule[] = [
  { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
  { verbs: ['create'], apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'] },
  {
    verbs: ['get'],
    nonResourceURLs: [
      '/api',
      '/api/*',
      '/apis',
      '/apis/*',
      '/healthz',
      '/livez',
      '/openapi',
      '/openapi/*',
      '/readyz',
      '/version',
      '/version/',
    ],
  },
]

/** Of a workload that joined: on its own Pods, and on Events about them. */
export const ownPods: readonly PolicyRule[] = [
  { verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'], apiGroups: [''], resources: ['pods'] },
  { verbs: ['get', 'patch', 'update'], apiGroups: [''], resources: ['pods/status'] },
  { verbs: ['get'], apiGroups: ['node.sallyport.dev'], resources: ['pods/link'] },
  { verbs: ['create', 'get', 'patch', 'update'], apiGroups: [''], resources: ['events'] },
]

/** Of a workload that joined: the node that a Pod of its own is on, where others may be too; `WorkloadRules` says which that is. */
export const ownNode: readonly PolicyRule[] = [
  { verbs: ['create', 'get'], apiGroups: [''], resources: ['nodes'] },
  { verbs: ['patch'], apiGroups: [''], resources: ['nodes/status'] },
]
