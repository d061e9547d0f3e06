// Holds who may do what: the roles that every cluster has, the bindings that give them, and the narrow rights of workloads.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type JsonObject, type KubeObject, StatusError } from '../../kube/index.ts'
import { type ObjectStore, openLevelStore } from '../../store/index.ts'
import { Authorizer } from './authorizer.ts'
import type { ResourceAttributes } from './policy-rule.ts'
import { serviceAccountUser, type User, workloads } from './user.ts'

const directory = mkdtempSync(join(tmpdir(), 'authorizer-'))
let store: ObjectStore
let authorizer: Authorizer

const rbac = 'rbac.authorization.k8s.io'
const people: Record<string, User> = Object.fromEntries(
  ['viewer', 'editor', 'owner', 'nobody'].map((name) => [name, { name, groups: ['system:authenticated'] }]),
)
const user = (name: string): User => people[name] ?? known[name] ?? { name, groups: [] }
const known: Record<string, User> = {
  admin: { name: 'admin', groups: ['system:masters', 'system:authenticated'] },
  robot: serviceAccountUser({ namespace: 'shop', name: 'robot' }, 'u1'),
  workload: serviceAccountUser({ namespace: 'shop', name: 'web' }, 'u2', [workloads]),
  grouped: { name: 'x', groups: ['readers', 'system:authenticated'] },
}

const binding = (role: string, subject: JsonObject) => ({
  roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: role },
  subjects: [subject],
})
const pod = (namespace: string, name: string, serviceAccountName: string, nodeName = 'nowhere'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace, name },
  spec: { serviceAccountName, nodeName },
})

const stored: Record<string, object> = {
  'clusterrolebindings.rbac.authorization.k8s.io//viewers': binding('view', { kind: 'User', name: 'viewer' }),
  'clusterrolebindings.rbac.authorization.k8s.io//readers': binding('view', { kind: 'Group', name: 'readers' }),
  'clusterrolebindings.rbac.authorization.k8s.io//strange': binding('wizard', { kind: 'User', name: 'nobody' }),
  'rolebindings.rbac.authorization.k8s.io/shop/editors': binding('edit', { kind: 'User', name: 'editor' }),
  'rolebindings.rbac.authorization.k8s.io/shop/owners': binding('admin', { kind: 'User', name: 'owner' }),
  'rolebindings.rbac.authorization.k8s.io/shop/robots': binding('view', { kind: 'ServiceAccount', name: 'robot', namespace: 'shop' }),
  'rolebindings.rbac.authorization.k8s.io/bank/robots': binding('view', { kind: 'ServiceAccount', name: 'robot', namespace: 'bank' }),
  'pods/shop/own': pod('shop', 'own', 'web'),
  'pods/shop/other': pod('shop', 'other', 'clerk'),
  'pods/shop/alone': pod('shop', 'alone', 'web', 'alone'),
  'pods/shop/shared': pod('shop', 'shared', 'web', 'shared'),
  'pods/bank/shared': pod('bank', 'shared', 'clerk', 'shared'),
  'pods/bank/elsewhere': pod('bank', 'elsewhere', 'web', 'elsewhere'),
}

beforeAll(async () => {
  store = await openLevelStore(directory)
  for (const [place, object] of Object.entries(stored)) {
    const [resource = '', namespace = '', name = ''] = place.split('/')
    await store.commit([
      { key: { resource, namespace, name }, value: Buffer.from(JSON.stringify({ metadata: { namespace, name }, ...object })) },
    ])
  }
  authorizer = new Authorizer(store)
})
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

/** `VERB RESOURCE[.GROUP][/SUBRESOURCE] [NAMESPACE[/NAME]]` */
function wanted(text: string): ResourceAttributes {
  const [verb = '', what = '', place = ''] = text.split(' ')
  const [full = '', subresource = ''] = what.split('/')
  const [resource = '', ...group] = full.split('.')
  const [namespace = '', name = ''] = place.split('/')
  return { verb, group: group.join('.'), resource, subresource, namespace, name }
}

const se = 'serviceentries.networking.istio.io'
const may: Record<string, readonly string[]> = {
  admin: ['get secrets shop', 'delete nodes', `create clusterrolebindings.${rbac}`, 'fly unicorns.example.org'],
  viewer: [`get ${se} shop/redis`, `list ${se}`, 'watch pods bank', 'get pods/log shop/own', 'get namespaces bank'],
  grouped: ['list configmaps'],
  editor: [
    `create ${se} shop`,
    'get secrets shop',
    'create pods/exec shop/own',
    'patch configmaps shop/x',
    'create serviceaccounts/token shop/robot',
  ],
  owner: [`create ${se} shop`, `create rolebindings.${rbac} shop`, 'get secrets shop'],
  robot: [`list ${se} shop`],
  nobody: ['create selfsubjectaccessreviews.authorization.k8s.io', 'create selfsubjectrulesreviews.authorization.k8s.io'],
  workload: [
    'get pods shop/own',
    'patch pods/status shop/own',
    'watch pods shop/own',
    'create pods shop',
    'create events shop',
    'get nodes',
    'create nodes',
  ],
}
const mayNot: Record<string, readonly string[]> = {
  viewer: [
    'get secrets shop',
    'list secrets',
    `create ${se} shop`,
    'get nodes',
    'create pods/exec shop/own',
    'get pods/exec shop/own',
    `list rolebindings.${rbac} shop`,
  ],
  editor: [
    `create ${se} bank`,
    `list ${se}`,
    `create rolebindings.${rbac} shop`,
    'create namespaces',
    'patch namespaces shop',
    'create endpoints shop',
  ],
  owner: [
    `create rolebindings.${rbac} bank`,
    `create clusterrolebindings.${rbac}`,
    'delete namespaces shop',
    'list customresourcedefinitions.apiextensions.k8s.io',
  ],
  robot: [`list ${se} bank`, `create ${se} shop`, 'create pods shop', 'get nodes'],
  nobody: ['get configmaps shop', 'list namespaces', `list ${se}`],
  workload: [
    'get pods shop/other',
    'patch pods/status shop/other',
    'list pods shop',
    'watch pods shop',
    'watch pods',
    'create pods bank',
    'delete nodes',
    'get secrets shop',
    'create pods/exec shop/own',
    'deletecollection pods shop',
  ],
}

describe('rights', () => {
  it.each(Object.entries(may).flatMap(([who, list]) => list.map((what) => [who, what] as const)))('lets %s %s', (who, what) => {
    expect(authorizer.judge(user(who), wanted(what))).toMatchObject({ allowed: true })
  })

  it.each(Object.entries(mayNot).flatMap(([who, list]) => list.map((what) => [who, what] as const)))('does not let %s %s', (who, what) => {
    expect(authorizer.judge(user(who), wanted(what))).toEqual({ allowed: false })
  })

  it('refuses in Kubernetes’ words', () => {
    const message =
      'serviceentries.networking.istio.io is forbidden: User "nobody" cannot list resource "serviceentries" in API group "networking.istio.io" in the namespace "shop"'
    expect(thrownBy(() => authorizer.rightsTo(user('nobody'), wanted(`list ${se} shop`)))).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message,
    })
    expect(thrownBy(() => authorizer.checkPath(user('viewer'), { verb: 'get', path: '/metrics' }))).toMatchObject({
      message: 'forbidden: User "viewer" cannot get path "/metrics"',
    })
  })

  it('gives paths of discovery to everybody, and all others to administrators', () => {
    const judge = (who: string, path: string): boolean => authorizer.judgePath(user(who), { verb: 'get', path })
    expect(['/api', '/apis/networking.istio.io/v1', '/openapi/v3', '/version'].every((path) => judge('nobody', path))).toBe(true)
    expect([judge('owner', '/metrics'), judge('admin', '/metrics')]).toEqual([false, true])
  })
})

describe('a binding', () => {
  const admitted = (who: string, role: string, namespace: string): (() => void) => {
    const object = { apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata: { name: 'b', namespace }, ...binding(role, {}) }
    return () => authorizer.rightsTo(user(who), wanted(`create rolebindings.${rbac} ${namespace}`)).admit(undefined, object)
  }

  it.each(['view', 'edit', 'admin'])('to %s is given away by an admin of the namespace', (role) => {
    expect(admitted('owner', role, 'shop')).not.toThrow()
  })

  it('to more than its writer has is refused, and says what that is', () => {
    const { code, message = '' } = thrownBy(admitted('owner', 'cluster-admin', 'shop'))
    expect(code).toBe(403)
    expect(message).toContain(
      'user "owner" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n',
    )
    expect(message).toContain('{APIGroups:["*"], Resources:["*"], Verbs:["*"]}')
  })

  it('may be done away with by an admin of the namespace, whatever it gives', () => {
    const object = { apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata: { name: 'b' }, ...binding('cluster-admin', {}) }
    const rights = authorizer.rightsTo(user('owner'), wanted(`delete rolebindings.${rbac} shop/b`))
    expect(() => rights.admit(object, undefined)).not.toThrow()
  })
})

describe('a workload', () => {
  const rights = (what: string, from?: string) => authorizer.rightsTo(user('workload'), wanted(what), from)
  const event = (name: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e', namespace: 'shop' },
    involvedObject: { kind: 'Pod', namespace: 'shop', name },
  })

  it('makes Pods of its own service account, and no others', () => {
    expect(() => rights('create pods shop').admit(undefined, pod('shop', 'new', 'web'))).not.toThrow()
    expect(thrownBy(() => rights('create pods shop').admit(undefined, pod('shop', 'new', 'clerk')))).toMatchObject({ code: 403 })
    expect(thrownBy(() => rights('patch pods shop/own').admit(pod('shop', 'own', 'web'), pod('shop', 'own', 'clerk')))).toMatchObject({
      code: 403,
    })
  })

  const at = (address: string, labels: Record<string, string> = { app: 'web' }): KubeObject => ({
    ...pod('shop', 'own', 'web'),
    metadata: { namespace: 'shop', name: 'own', labels },
    status: { podIP: address, hostIP: address, podIPs: [{ ip: address }] },
  })
  const from = '203.0.113.9'
  const fresh = { ...pod('shop', 'own', 'web'), metadata: { namespace: 'shop', name: 'own', labels: { app: 'web' } } }

  it('has the address that it connects from, and no other', () => {
    const admit = (after: KubeObject, asked = from) => rights('patch pods/status shop/own', asked).admit(fresh, after)
    expect(() => admit(at(from))).not.toThrow()
    // On the server's own machine all of its addresses are the workload's.
    expect(() => admit(at('127.0.0.1'), '127.0.0.1')).not.toThrow()
    const refused = [at('203.0.113.10'), at('not-one'), { ...at(from), status: { podIP: from, podIPs: [{ ip: '203.0.113.10' }] } }]
    for (const after of refused)
      expect(thrownBy(() => admit(after))).toMatchObject({ code: 403, message: expect.stringMatching(/connects from/) })
    expect(thrownBy(() => admit(at(from), ''))).toMatchObject({ code: 403 })
    // What was right from another network, and is not touched now, stays.
    expect(() => rights('patch pods/status shop/own', '203.0.113.10').admit(at(from), at(from))).not.toThrow()
  })

  it('keeps the labels that its Pod was made with', () => {
    const change = () => rights('patch pods shop/own', from).admit(at(from), at(from, { app: 'web', istio: 'egressgateway' }))
    expect(thrownBy(change)).toMatchObject({ code: 403, message: expect.stringMatching(/has the labels that its Pod was made with/) })
  })

  it('tells of the node that a Pod of its own is on, at its own address, and of no other', () => {
    const node = (name: string, address: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      status: {
        addresses: [
          { type: 'InternalIP', address },
          { type: 'Hostname', address: name },
        ],
      },
    })
    const admit = (name: string, before: string, after: string) =>
      rights(`patch nodes/status ${name}`, from).admit(node(name, before), node(name, after))
    expect(() => rights('create nodes', from).admit(undefined, node('alone', from))).not.toThrow()
    expect(thrownBy(() => rights('create nodes', from).admit(undefined, node('elsewhere', from)))).toMatchObject({ code: 403 })
    expect(() => admit('alone', '203.0.113.1', from)).not.toThrow()
    expect(() => admit('shared', from, from)).not.toThrow()
    expect(thrownBy(() => admit('elsewhere', from, from)).message).toMatch(/no Pod of this service account is on this node/)
    expect(thrownBy(() => admit('alone', from, '203.0.113.1')).message).toMatch(/203\.0\.113\.1 is not the address that it connects from/)
    expect(thrownBy(() => admit('shared', '203.0.113.1', from)).message).toMatch(/Pods of others are on this node/)
  })

  it('tells Events about its own Pods, and no others', () => {
    expect(() => rights('create events shop').admit(undefined, event('own'))).not.toThrow()
    for (const name of ['other', 'absent']) expect(() => rights('create events shop').admit(undefined, event(name))).toThrow(StatusError)
  })

  it('is shown its own Pods only', () => {
    const { sees } = rights('watch pods shop/own')
    expect([sees(pod('shop', 'own', 'web')), sees(pod('shop', 'own', 'clerk'))]).toEqual([true, false])
  })
})

function thrownBy(what: () => void): StatusError['status'] {
  try {
    what()
  } catch (error) {
    if (error instanceof StatusError) return error.status
    throw error
  }
  throw new Error('nothing was thrown')
}
