// Describes the core kinds other than Pod and Node, and EndpointSlice: the fields that are served.
import { anything, choice, flag, integer, kinds, list, map, object, text, texts } from '../../api/index.ts'
import { conditions, objectReference, root, time } from './object-meta.ts'

const localReference = object('a reference within the namespace', { name: text('the name') }, { atomic: true })

export const namespaceObject = root('a namespace', {
  spec: object('what is asked for', { finalizers: texts('set by the server') }),
  status: object('what became of it', {
    phase: choice('whether it is on its way out', ['Active', 'Terminating']),
    conditions: conditions(),
  }),
})

export const configMapObject = root('settings; `istio` in `istio-system` holds those of the mesh', kinds.ConfigMap.schema.fields)

export const secretObject = root('data that only those who are allowed to may read', kinds.Secret.schema.fields)

const servicePort = object('a port', { port: integer('its number'), protocol: text('its protocol'), error: text('why it has none') })
const ingress = object('one address', {
  ip: text('an address'),
  hostname: text('a name'),
  ipMode: text('VIP or Proxy'),
  ports: list('its ports', servicePort),
})

export const serviceObject = root('a service of the cluster', {
  spec: kinds.Service.schema,
  status: object('what became of it', {
    loadBalancer: object('its address outside', { ingress: list('the addresses', ingress) }),
    conditions: conditions(),
  }),
})

export const serviceAccountObject = root('an identity of workloads', {
  secrets: list('Secrets that its workloads may use', objectReference('a Secret'), { keys: ['name'], patchKey: 'name' }),
  imagePullSecrets: list('Secrets by which images are fetched', localReference),
  automountServiceAccountToken: flag('whether its workloads are given its token'),
})

const eventSource = object('who tells', { component: text('the program'), host: text('the node') })

/** The same object is served by two groups, under other names. */
export const eventObject = root('something that happened to an object', {
  involvedObject: objectReference('the object it happened to'),
  reason: text('what happened, in one word'),
  message: text('what happened, in a sentence'),
  source: eventSource,
  firstTimestamp: time('when it happened first'),
  lastTimestamp: time('when it happened last'),
  count: integer('how often it happened'),
  type: text('Normal or Warning'),
  eventTime: time('when it happened'),
  series: object('how often it happened', { count: integer('how often'), lastObservedTime: time('when last') }),
  action: text('what was done about it'),
  related: objectReference('another object that has to do with it'),
  reportingComponent: text('the program that tells'),
  reportingInstance: text('which instance of it'),
})

export const eventsGroupEventObject = root('something that happened to an object', {
  regarding: objectReference('the object it happened to'),
  reason: text('what happened, in one word'),
  note: text('what happened, in a sentence'),
  type: text('Normal or Warning'),
  eventTime: time('when it happened'),
  series: object('how often it happened', { count: integer('how often'), lastObservedTime: time('when last') }),
  action: text('what was done about it'),
  related: objectReference('another object that has to do with it'),
  reportingController: text('the program that tells'),
  reportingInstance: text('which instance of it'),
  deprecatedSource: eventSource,
  deprecatedFirstTimestamp: time('when it happened first'),
  deprecatedLastTimestamp: time('when it happened last'),
  deprecatedCount: integer('how often it happened'),
})

const endpointPort = object('a port', {
  name: text('its name'),
  port: integer('its number'),
  protocol: text('TCP, UDP or SCTP'),
  appProtocol: text('the protocol above it'),
})

const endpointAddress = object('an address', {
  ip: text('the address'),
  hostname: text('its name'),
  nodeName: text('its node'),
  targetRef: objectReference('the object behind it'),
})

export const endpointsObject = root('the addresses behind a service', {
  subsets: list(
    'groups of addresses with the same ports',
    object('one group', {
      addresses: list('addresses that are ready', endpointAddress),
      notReadyAddresses: list('addresses that are not', endpointAddress),
      ports: list('their ports', endpointPort),
    }),
  ),
})

const zones = list('zones it is near to', object('a zone', { name: text('its name') }))

export const endpointSliceObject = root(
  'some of the addresses behind a service',
  {
    addressType: choice('what the addresses are', ['IPv4', 'IPv6', 'FQDN']),
    endpoints: list(
      'the endpoints',
      object(
        'one endpoint',
        {
          addresses: texts('its addresses; all of them are the same endpoint'),
          conditions: object('its state', {
            ready: flag('whether it takes traffic'),
            serving: flag('whether it answers'),
            terminating: flag('whether it is on its way out'),
          }),
          hostname: text('its name'),
          targetRef: objectReference('the object behind it'),
          nodeName: text('its node'),
          zone: text('its zone'),
          hints: object('where it is wanted', { forZones: zones, forNodes: zones }),
          deprecatedTopology: map('where it was', text('a text')),
        },
        { required: ['addresses'] },
      ),
    ),
    ports: list('the ports of all of them', endpointPort),
  },
  { required: ['addressType'] },
)

const subject = object(
  'one user, group or service account',
  {
    kind: text('User, Group or ServiceAccount'),
    apiGroup: text('the group of its kind'),
    name: text('its name'),
    namespace: text('the namespace of a service account'),
  },
  { required: ['kind', 'name'], atomic: true },
)

const roleRef = object(
  'the role that they are given; it cannot be changed',
  { apiGroup: text('the group of its kind'), kind: text('ClusterRole or Role'), name: text('its name') },
  { required: ['kind', 'name'], atomic: true },
)

const binding = { subjects: list('who is given it', subject), roleRef }

export const roleBindingObject = root('gives rights in one namespace', binding, { required: ['roleRef'] })
export const clusterRoleBindingObject = root('gives rights everywhere', binding, { required: ['roleRef'] })

const rules = list(
  'what it lets do',
  object(
    'one rule',
    {
      verbs: texts('what'),
      apiGroups: texts('in which API groups'),
      resources: texts('with which resources'),
      resourceNames: texts('with which objects; none: all of them'),
      nonResourceURLs: texts('with which paths'),
    },
    { required: ['verbs'] },
  ),
)

export const clusterRoleObject = root('rights that bindings give; there are those that every cluster has', {
  rules,
  aggregationRule: anything('of which other roles it is made'),
})
export const roleObject = root('rights in one namespace; there are none', { rules })

const names = object('its names', {
  plural: text('in paths'),
  singular: text('for people'),
  kind: text('in objects'),
  listKind: text('of lists'),
  shortNames: texts('abbreviations'),
  categories: texts('groups of kinds'),
})

export const customResourceDefinitionObject = root('a kind that others define', {
  spec: object(
    'the kind',
    {
      group: text('its API group'),
      scope: choice('where its objects are', ['Cluster', 'Namespaced']),
      names,
      versions: list('its versions', anything('one version')),
      conversion: anything('how versions become each other'),
      preserveUnknownFields: flag('whether unknown fields are kept'),
    },
    { required: ['group', 'names', 'scope', 'versions'] },
  ),
  status: object('what became of it', {
    conditions: conditions(),
    acceptedNames: names,
    storedVersions: texts('the versions that objects were stored in'),
  }),
})

const attributes = object('a request for a resource', {
  namespace: text('the namespace; empty: all of them'),
  verb: text('what is done'),
  group: text('the API group'),
  version: text('the API version'),
  resource: text('the plural name of the kind'),
  subresource: text('a part of the object'),
  name: text('the name of the object'),
  fieldSelector: anything('which objects'),
  labelSelector: anything('which objects'),
})

export const selfSubjectAccessReviewObject = root(
  'asks whether you may do something',
  {
    spec: object('what', {
      resourceAttributes: attributes,
      nonResourceAttributes: object('a request for a path', { path: text('the path'), verb: text('what is done') }),
    }),
    status: object('the answer', {
      allowed: flag('whether you may'),
      denied: flag('whether you may not, whoever else may say so'),
      reason: text('why'),
      evaluationError: text('what went wrong on the way'),
    }),
  },
  { required: ['spec'] },
)

export const selfSubjectRulesReviewObject = root(
  'asks what you may do',
  {
    spec: object('where', { namespace: text('the namespace') }),
    status: object('the answer', {
      resourceRules: list(
        'what you may do with resources',
        object('one rule', {
          verbs: texts('what'),
          apiGroups: texts('in which API groups'),
          resources: texts('with which resources'),
          resourceNames: texts('with which objects; none: all of them'),
        }),
      ),
      nonResourceRules: list(
        'what you may do with paths',
        object('one rule', { verbs: texts('what'), nonResourceURLs: texts('with which paths') }),
      ),
      incomplete: flag('whether you may do more, or less'),
      evaluationError: text('what went wrong on the way'),
    }),
  },
  { required: ['spec'] },
)

export const selfSubjectReviewObject = root('asks who you are', {
  status: object('the answer', {
    userInfo: object('you', {
      username: text('your name'),
      uid: text('your uid'),
      groups: texts('your groups'),
      extra: map('what else is known', texts('values')),
    }),
  }),
})

export const tokenRequestObject = root(
  'asks for a token of a service account',
  {
    spec: object('what token', {
      audiences: texts('whom it is for'),
      expirationSeconds: integer('how long it is good'),
      boundObjectRef: object('an object with which it ends', {
        kind: text('its kind'),
        apiVersion: text('its API version'),
        name: text('its name'),
        uid: text('its uid'),
      }),
    }),
    status: object('the answer', { token: text('the token'), expirationTimestamp: time('when it ends') }),
  },
  { required: ['spec'] },
)
