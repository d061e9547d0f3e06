// Lists the fields of Kubernetes' messages by their numbers, for the kinds that kubectl sends as protobuf.

export type FieldType = 'text' | 'integer' | 'flag' | 'bytes' | 'time' | 'int-or-string' | Message

export interface MessageField {
  readonly name: string
  readonly type: FieldType
  /** Many of them; or a map from texts. */
  readonly many?: 'list' | 'map'
  /** A pointer in Go: zero is a value. */
  readonly explicit?: true
}

export interface Message {
  readonly fields: Readonly<Record<number, MessageField>>
}

const text = (name: string): MessageField => ({ name, type: 'text' })
const texts = (name: string): MessageField => ({ name, type: 'text', many: 'list' })
const integer = (name: string): MessageField => ({ name, type: 'integer' })
const flag = (name: string): MessageField => ({ name, type: 'flag', explicit: true })
const time = (name: string): MessageField => ({ name, type: 'time' })
const textMap = (name: string): MessageField => ({ name, type: 'text', many: 'map' })
const byteMap = (name: string): MessageField => ({ name, type: 'bytes', many: 'map' })
const one = (name: string, fields: Message['fields']): MessageField => ({ name, type: { fields } })
const list = (name: string, fields: Message['fields']): MessageField => ({ name, type: { fields }, many: 'list' })

const ownerReference = {
  1: text('kind'),
  3: text('name'),
  4: text('uid'),
  5: text('apiVersion'),
  6: flag('controller'),
  7: flag('blockOwnerDeletion'),
}

const metadata = one('metadata', {
  1: text('name'),
  2: text('generateName'),
  3: text('namespace'),
  4: text('selfLink'),
  5: text('uid'),
  6: text('resourceVersion'),
  7: integer('generation'),
  8: time('creationTimestamp'),
  9: time('deletionTimestamp'),
  10: { ...integer('deletionGracePeriodSeconds'), explicit: true },
  11: textMap('labels'),
  12: textMap('annotations'),
  13: list('ownerReferences', ownerReference),
  14: texts('finalizers'),
})

const objectReference = {
  1: text('kind'),
  2: text('namespace'),
  3: text('name'),
  4: text('uid'),
  5: text('apiVersion'),
  6: text('resourceVersion'),
  7: text('fieldPath'),
}

const servicePort: Message['fields'] = {
  1: text('name'),
  2: text('protocol'),
  3: integer('port'),
  4: { name: 'targetPort', type: 'int-or-string' },
  5: integer('nodePort'),
  6: { ...text('appProtocol'), explicit: true },
}

const serviceSpec: Message['fields'] = {
  1: list('ports', servicePort),
  2: textMap('selector'),
  3: text('clusterIP'),
  4: text('type'),
  5: texts('externalIPs'),
  7: text('sessionAffinity'),
  8: text('loadBalancerIP'),
  9: texts('loadBalancerSourceRanges'),
  10: text('externalName'),
  11: text('externalTrafficPolicy'),
  12: integer('healthCheckNodePort'),
  13: { name: 'publishNotReadyAddresses', type: 'flag' },
  17: text('ipFamilyPolicy'),
  18: texts('clusterIPs'),
  19: texts('ipFamilies'),
  20: flag('allocateLoadBalancerNodePorts'),
  21: text('loadBalancerClass'),
  22: text('internalTrafficPolicy'),
  23: text('trafficDistribution'),
}

const subject = { 1: text('kind'), 2: text('apiGroup'), 3: text('name'), 4: text('namespace') }
const binding = { 1: metadata, 2: list('subjects', subject), 3: one('roleRef', { 1: text('apiGroup'), 2: text('kind'), 3: text('name') }) }
const boundObject = { 1: text('kind'), 2: text('apiVersion'), 3: text('name'), 4: text('uid') }

const resourceAttributes = {
  1: text('namespace'),
  2: text('verb'),
  3: text('group'),
  4: text('version'),
  5: text('resource'),
  6: text('subresource'),
  7: text('name'),
}

const accessReviewSpec = {
  1: one('resourceAttributes', resourceAttributes),
  2: one('nonResourceAttributes', { 1: text('path'), 2: text('verb') }),
}

/** By `apiVersion/kind`. */
export const messages: ReadonlyMap<string, Message> = new Map<string, Message>([
  ['v1/Namespace', { fields: { 1: metadata, 2: one('spec', { 1: texts('finalizers') }), 3: one('status', { 1: text('phase') }) } }],
  ['v1/ConfigMap', { fields: { 1: metadata, 2: textMap('data'), 3: byteMap('binaryData'), 4: flag('immutable') } }],
  ['v1/Secret', { fields: { 1: metadata, 2: byteMap('data'), 3: text('type'), 4: textMap('stringData'), 5: flag('immutable') } }],
  [
    'v1/ServiceAccount',
    {
      fields: {
        1: metadata,
        2: list('secrets', objectReference),
        3: list('imagePullSecrets', { 1: text('name') }),
        4: flag('automountServiceAccountToken'),
      },
    },
  ],
  ['v1/Service', { fields: { 1: metadata, 2: one('spec', serviceSpec) } }],
  [
    'authentication.k8s.io/v1/TokenRequest',
    {
      fields: {
        1: metadata,
        2: one('spec', { 1: texts('audiences'), 3: one('boundObjectRef', boundObject), 4: integer('expirationSeconds') }),
      },
    },
  ],
  ['authentication.k8s.io/v1/SelfSubjectReview', { fields: { 1: metadata } }],
  ['authorization.k8s.io/v1/SelfSubjectAccessReview', { fields: { 1: metadata, 2: one('spec', accessReviewSpec) } }],
  ['authorization.k8s.io/v1/SelfSubjectRulesReview', { fields: { 1: metadata, 2: one('spec', { 1: text('namespace') }) } }],
  ['rbac.authorization.k8s.io/v1/RoleBinding', { fields: binding }],
  ['rbac.authorization.k8s.io/v1/ClusterRoleBinding', { fields: binding }],
])
