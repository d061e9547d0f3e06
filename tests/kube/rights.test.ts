// Who may do what at `sallyport serve`, by real kubectl where people use it: roles, tokens, certificates, and workloads that join.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { joinServer } from '../../src/client/index.ts'
import { sallyport } from '../cli/cli.ts'
import { ExtendedKeyUsage, openIssuer } from '../../src/identity/issuer.ts'
import {
  type Asked,
  askApi,
  hasKubectl,
  kubectlOf,
  type Ran,
  type Replied,
  type ServedApi,
  serveApi,
  temporaryDirectory,
} from './served-api.ts'

const data = temporaryDirectory()
const home = temporaryDirectory()
let api: ServedApi

beforeAll(async () => {
  api = await serveApi(data.path)
  for (const name of ['shop', 'bank']) await asked('/api/v1/namespaces', 'POST', { metadata: { name } })
})
afterAll(async () => {
  await api.kill('SIGTERM')
  data.remove()
  home.remove()
})

const pki = (name: string): string => readFileSync(join(data.path, 'pki', name), 'utf8')
const asked = (path: string, method = 'GET', body?: unknown, more: Asked = {}): Promise<Replied> =>
  askApi(api, path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }), ...more })

interface Person {
  readonly certificate: string
  readonly key: string
}

/** Signed by the server's own authority of clients, as somebody who holds its folder can. */
async function personOf(
  name: string,
  { groups = [], days = 1 }: { readonly groups?: readonly string[]; readonly days?: number } = {},
): Promise<Person> {
  const issuer = await openIssuer({ certificate: pki('client-ca.crt'), key: pki('client-ca.key') })
  const subject = [{ CN: [name] }, ...groups.map((group) => ({ O: [group] }))]
  const now = Date.now() - 2 * 86_400_000
  return issuer.issue({ subject, names: [], usages: [ExtendedKeyUsage.clientAuth], lifetimeMs: (2 + days) * 86_400_000, now })
}

const get = (path: string, { certificate, key }: Person): Promise<Replied> => askApi(api, path, { certificate, key })

describe.skipIf(!hasKubectl())('kubectl', () => {
  let kubectl: (args: string, as?: string) => Promise<Ran>

  beforeAll(async () => {
    const run = kubectlOf(data.path, home.path)
    for (const name of ['jane', 'vera', 'otto']) {
      const { certificate, key } = await personOf(name, { groups: ['people'] })
      writeFileSync(join(home.path, `${name}.crt`), certificate)
      writeFileSync(join(home.path, `${name}.key`), key)
      const files = ['--client-certificate', join(home.path, `${name}.crt`), '--client-key', join(home.path, `${name}.key`)]
      expect((await run(['config', 'set-credentials', name, ...files])).code).toBe(0)
      expect((await run(['config', 'set-context', name, '--cluster', 'sallyport', '--user', name, '--namespace', 'shop'])).code).toBe(0)
    }
    kubectl = (args, as = 'sallyport') => run([...args.split(' '), '--context', as])
    for (const args of [
      'create clusterrolebinding viewers --clusterrole=view --user=vera',
      'create rolebinding editors --clusterrole=edit --user=jane -n shop',
      'create rolebinding owners --clusterrole=admin --user=otto -n shop',
      'create configmap settings --from-literal=a=b -n shop',
      'create secret generic key --from-literal=a=b -n shop',
      'create serviceaccount robot -n shop',
    ])
      expect(await kubectl(args)).toMatchObject({ code: 0 })
  })

  interface Row {
    readonly as?: string
    readonly args: string
    readonly code?: number
    readonly says: RegExp
  }
  const rows: Record<string, Row> = {
    'shows the roles': {
      args: 'get clusterroles',
      says: /^NAME +CREATED AT\nadmin +20\S+Z\ncluster-admin +20\S+Z\nedit +20\S+Z\nsallyport\.dev:credentials +20\S+Z\nview +20\S+Z\n$/,
    },
    'says what a role lets do': {
      args: 'describe clusterrole view',
      says: /Name: +view\n[\s\S]*PolicyRule:\n[\s\S]* configmaps +\[\] +\[\] +\[get list watch\]/,
    },
    'shows that there are none of a namespace': { args: 'get roles -n shop', says: /No resources found in shop namespace/ },
    'lets the right to credentials be given': {
      args: 'create rolebinding credentials -n shop --clusterrole=sallyport.dev:credentials --serviceaccount=shop:out',
      says: /rolebinding\.rbac\.authorization\.k8s\.io\/credentials created/,
    },
    'has no other role': { args: 'get clusterrole wizard', code: 1, says: /clusterroles\.rbac\.authorization\.k8s\.io "wizard" not found/ },
    'makes no role': {
      args: 'create clusterrole wizard --verb=get --resource=pods',
      code: 1,
      says: /roles are not made or changed here: bindings give the ClusterRoles admin, cluster-admin, edit, sallyport\.dev:credentials, view, and there are no others/,
    },
    'makes none of a namespace': {
      args: 'create role wizard --verb=get --resource=pods -n shop',
      code: 1,
      says: /roles are not made or changed here/,
    },
    'takes none away': { args: 'delete clusterrole view', code: 1, says: /"view" is forbidden: roles are not made or changed here/ },
    'shows bindings': { args: 'get clusterrolebindings -o wide', says: /NAME +ROLE +AGE +USERS.*\nviewers +ClusterRole\/view +\S+ +vera/ },
    'refuses a role that there is not': {
      args: 'create clusterrolebinding wizards --clusterrole=wizard --user=x',
      code: 1,
      says: /roleRef.name: Unsupported value: "wizard": supported values: "admin", "cluster-admin", "edit", "sallyport.dev:credentials", "view"/,
    },
    'refuses roles of namespaces': {
      args: 'create rolebinding x --role=mine --user=x -n shop',
      code: 1,
      says: /roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"/,
    },
    'lets a viewer read': { as: 'vera', args: 'get configmaps -A', says: /settings/ },
    'hides Secrets from a viewer': {
      as: 'vera',
      args: 'get secrets -n shop',
      code: 1,
      says: /secrets is forbidden: User "vera" cannot list resource "secrets" in API group "" in the namespace "shop"/,
    },
    'keeps a viewer from writing': {
      as: 'vera',
      args: 'delete configmap settings -n shop',
      code: 1,
      says: /configmaps "settings" is forbidden: User "vera" cannot delete/,
    },
    'lets an editor write': { as: 'jane', args: 'create configmap own --from-literal=a=b', says: /configmap\/own created/ },
    'shows Secrets to an editor': { as: 'jane', args: 'get secret key', says: /Opaque/ },
    'keeps an editor in the namespace': {
      as: 'jane',
      args: 'get configmaps -n bank',
      code: 1,
      says: /cannot list resource "configmaps" in API group "" in the namespace "bank"/,
    },
    'keeps an editor from bindings': {
      as: 'jane',
      args: 'create rolebinding x --clusterrole=view --user=x',
      code: 1,
      says: /cannot create resource "rolebindings"/,
    },
    'lets an admin bind': { as: 'otto', args: 'create rolebinding more --clusterrole=edit --user=x', says: /more created/ },
    'keeps an admin from giving more away': {
      as: 'otto',
      args: 'create rolebinding x --clusterrole=cluster-admin --user=otto',
      code: 1,
      says: /user "otto" \(groups=\["people" "system:authenticated"\]\) is attempting to grant RBAC permissions not currently held/,
    },
    'answers can-i with yes': { as: 'jane', args: 'auth can-i create serviceentries.networking.istio.io', says: /^yes/ },
    'answers can-i with no': { as: 'jane', args: 'auth can-i create serviceentries.networking.istio.io -n bank', code: 1, says: /^no/ },
    'lists what one may': {
      as: 'vera',
      args: 'auth can-i --list',
      says: /selfsubjectaccessreviews.authorization.k8s.io[\s\S]*configmaps +\[\] +\[\] +\[get list watch\]/,
    },
    'says who one is': { as: 'jane', args: 'auth whoami', says: /Username +jane\nGroups +\[people system:authenticated\]/ },
    'refuses a token that is too short': {
      args: 'create token robot -n shop --duration=1m',
      code: 1,
      says: /may not specify a duration less than 10 minutes/,
    },
    'refuses a token of nobody': { args: 'create token ghost -n shop', code: 1, says: /serviceaccounts "ghost" not found/ },
    'keeps a viewer from tokens': {
      as: 'vera',
      args: 'create token robot -n shop',
      code: 1,
      says: /cannot create resource "serviceaccounts\/token"/,
    },
  }

  for (const [name, { as, args, code = 0, says }] of Object.entries(rows))
    it(name, async () => {
      const ran = await kubectl(args, as)
      expect(ran.out + ran.err).toMatch(says)
      expect(ran.code).toBe(code)
    })

  it('creates tokens of service accounts, which are good until the account is another', async () => {
    const { out } = await kubectl('create token robot -n shop', 'jane')
    const token = out.trim()
    const who = await asked('/apis/authentication.k8s.io/v1/selfsubjectreviews', 'POST', {}, { token })
    expect(JSON.parse(who.body).status.userInfo).toMatchObject({
      username: 'system:serviceaccount:shop:robot',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
    })
    expect((await asked('/api/v1/namespaces/shop/configmaps', 'GET', undefined, { token })).code).toBe(403)
    await kubectl('create rolebinding robots --clusterrole=view --serviceaccount=shop:robot -n shop')
    expect((await asked('/api/v1/namespaces/shop/configmaps', 'GET', undefined, { token })).code).toBe(200)
    await kubectl('delete serviceaccount robot -n shop')
    await kubectl('create serviceaccount robot -n shop')
    expect((await asked('/api/v1/namespaces/shop/configmaps', 'GET', undefined, { token })).code).toBe(401)
  })
})

describe('credentials that are not good', () => {
  const path = '/api/v1/namespaces'
  const unauthorized = { kind: 'Status', status: 'Failure', message: 'Unauthorized', reason: 'Unauthorized', code: 401 }

  it('refuses a forged token, however it is forged', async () => {
    const made = await asked('/api/v1/namespaces/shop/serviceaccounts/default/token', 'POST', { spec: {} })
    expect(made.code).toBe(201)
    const { token } = JSON.parse(made.body).status
    expect((await asked(path, 'GET', undefined, { token })).code).toBe(403)
    const [head = '', claims = '', signature = ''] = token.split('.')
    const told = JSON.parse(Buffer.from(claims, 'base64url').toString())
    const other = Buffer.from(JSON.stringify({ ...told, sub: 'admin', exp: told.exp + 1 })).toString('base64url')
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')
    for (const forged of [
      `${head}.${other}.${signature}`,
      `${none}.${claims}.`,
      `${head}.${claims}.AAAA`,
      `${head}.${claims}`,
      'a.b.c',
      `${token}x.y`,
    ]) {
      const { code, body } = await asked(path, 'GET', undefined, { token: forged })
      expect([forged, code, JSON.parse(body)]).toMatchObject([forged, 401, unauthorized])
    }
  })

  it('takes a certificate of its own authority, and neither one that has expired nor one of others', async () => {
    expect((await get(path, await personOf('root', { groups: ['system:masters'] }))).code).toBe(200)
    expect((await get(path, await personOf('nobody'))).code).toBe(403)
    expect((await get(path, await personOf('late', { groups: ['system:masters'], days: -1 }))).code).toBe(401)
    const others = await openIssuer({ certificate: pki('ca.crt'), key: pki('ca.key') })
    const leaf = {
      subject: [{ CN: ['root'] }, { O: ['system:masters'] }],
      names: [],
      usages: [ExtendedKeyUsage.clientAuth],
      lifetimeMs: 60_000,
      now: Date.now(),
    }
    expect((await get(path, await others.issue(leaf))).code).toBe(401)
  })
})

describe('a workload that joins', () => {
  const account = { namespace: 'shop', serviceAccount: 'web' }
  const place = '/apis/node.sallyport.dev/v1/namespaces/shop/serviceaccounts/web'
  const pods = '/api/v1/namespaces/shop/pods'

  async function bootstrap(seconds: number): Promise<{ readonly token: string; readonly expirationTimestamp: string }> {
    const { code, body } = await asked(`${place}/bootstrap`, 'POST', { spec: { expirationSeconds: seconds } })
    expect(code).toBe(201)
    return JSON.parse(body).status
  }
  const bootstrapToken = async (): Promise<string> => (await bootstrap(60)).token
  const joined = (token: string, more: object = {}) => joinServer({ url: api.url, ca: pki('ca.crt'), ...account, token, ...more })

  it('is given a certificate for its token, once', async () => {
    const token = await bootstrapToken()
    const [first, second] = await Promise.all([joined(token), joined(token)])
    const [good, bad] = first.ok ? [first, second] : [second, first]
    if (!good.ok || bad.ok) throw new Error('one of two has to be given one')
    expect(bad.error.code).toBe('SLP6204')
    const { certificate, privateKey, notAfter } = good.value
    expect(notAfter).toBeGreaterThan(Date.now() + 3_600_000)
    const who = await asked('/apis/authentication.k8s.io/v1/selfsubjectreviews', 'POST', {}, { certificate, key: privateKey })
    expect(JSON.parse(who.body).status.userInfo.username).toBe('system:serviceaccount:shop:web')
    // And has it renewed by the certificate alone.
    const again = await joinServer({ url: api.url, ca: pki('ca.crt'), ...account, certificate, key: privateKey })
    expect(again).toMatchObject({ ok: true })
    expect(
      await joinServer({ url: api.url, ca: pki('ca.crt'), namespace: 'bank', serviceAccount: 'web', certificate, key: privateKey }),
    ).toMatchObject({ ok: false, error: { code: 'SLP6205' } })
  })

  it('has its token made by `sallyport token create`, which says how long it is good', async () => {
    const kubeconfig = join(data.path, 'kubeconfig')
    const made = await sallyport(['token', 'create', '--kubeconfig', kubeconfig, '-n', 'shop', '--sa', 'made', '--ttl', '5m'])
    expect([made.code, made.stderr]).toEqual([
      0,
      expect.stringMatching(/^good once, for service account made in namespace shop, until \d{4}-/),
    ])
    expect(await joined(made.stdout.trim(), { serviceAccount: 'made' })).toMatchObject({ ok: true })
    const nowhere = await sallyport(['token', 'create', '--kubeconfig', kubeconfig, '-n', 'absent', '--sa', 'x'])
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining('namespaces "absent" not found')])
  })

  it('may use its token for no other service account, and for nothing else', async () => {
    const token = await bootstrapToken()
    for (const more of [{ namespace: 'bank' }, { serviceAccount: 'other' }])
      expect(await joined(token, more)).toMatchObject({ ok: false, error: { code: 'SLP6204' } })
    expect((await asked(pods, 'GET', undefined, { token })).code).toBe(401)
    expect(await joined(token)).toMatchObject({ ok: true })
  })

  it('does not use its token up by a request that cannot be signed', async () => {
    const token = await bootstrapToken()
    for (const request of ['', 'x', pki('ca.crt'), 7])
      expect((await asked(`${place}/join`, 'POST', { spec: { request } }, { token })).code).toBe(400)
    expect(await joined(token)).toMatchObject({ ok: true })
  })

  it('comes too late with a token that has expired', async () => {
    const { token, expirationTimestamp } = await bootstrap(1)
    await expect.poll(() => Date.now() > Date.parse(expirationTimestamp) + 1000, { timeout: 5000 }).toBe(true)
    expect(await joined(token)).toMatchObject({ ok: false, error: { code: 'SLP6204' } })
  })

  it('acts on its own Pods alone', async () => {
    const result = await joined(await bootstrapToken())
    if (!result.ok) throw result.error
    const own: Asked = { certificate: result.value.certificate, key: result.value.privateKey }
    for (const [path, method, code] of [
      [`${pods}?watch=true`, 'GET', 403],
      [pods, 'GET', 403],
      ['/api/v1/namespaces/shop/secrets', 'GET', 403],
      ['/api/v1/namespaces/bank/pods', 'POST', 403],
      ['/api/v1/nodes/absent', 'GET', 404],
      ['/apis', 'GET', 200],
      ['/metrics', 'GET', 403],
    ] as const)
      expect([path, (await asked(path, method, method === 'POST' ? {} : undefined, own)).code]).toEqual([path, code])
    const pod = (nodeName: string): object => ({
      metadata: { name: nodeName, labels: { app: 'web' } },
      spec: { nodeName, serviceAccountName: 'web', containers: [{ name: 'web', image: 'web' }] },
    })
    expect((await asked(pods, 'POST', pod('mine'), own)).code).toBe(201)
    const node = (name: string): object => ({ metadata: { name } })
    const address = (ip: string): object => ({ status: { podIP: ip, hostIP: ip, podIPs: [{ ip }] } })
    const internal = (ip: string): object => ({ status: { addresses: [{ type: 'InternalIP', address: ip }] } })
    for (const [path, method, body, code, says] of [
      [
        `${pods}/mine/status`,
        'PATCH',
        address('203.0.113.1'),
        403,
        '203.0.113.1 is not the address that it connects from, which is 127.0.0.1',
      ],
      [`${pods}/mine/status`, 'PATCH', address('127.0.0.1'), 200, '"podIP":"127.0.0.1"'],
      [`${pods}/mine`, 'PATCH', { metadata: { labels: { istio: 'egressgateway' } } }, 403, 'the labels that its Pod was made with'],
      ['/api/v1/nodes', 'POST', node('theirs'), 403, 'no Pod of this service account is on this node'],
      ['/api/v1/nodes', 'POST', node('mine'), 201, '"name":"mine"'],
      ['/api/v1/nodes/mine/status', 'PATCH', internal('203.0.113.1'), 403, 'is not the address that it connects from'],
      ['/api/v1/nodes/mine/status', 'PATCH', internal('127.0.0.1'), 200, '"InternalIP"'],
    ] as const) {
      const headers = method === 'PATCH' ? { 'Content-Type': 'application/merge-patch+json' } : {}
      const answer = await asked(path, method, body, { ...own, headers })
      expect([path, answer.code]).toEqual([path, code])
      expect(answer.body.replaceAll('\\"', '"')).toContain(says)
    }
    const event = { metadata: { name: 'e' }, involvedObject: { kind: 'Pod', namespace: 'shop', name: 'absent' } }
    expect((await asked('/api/v1/namespaces/shop/events', 'POST', event, own)).body).toContain(
      'User \\"system:serviceaccount:shop:web\\" cannot create resource \\"events\\"',
    )
  })
})

it('lets a connection begin without a certificate', async () => {
  const { hostname, port } = new URL(api.url)
  const protocol = await new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca: pki('ca.crt'), servername: 'localhost' }, () => {
      resolve(socket.getProtocol())
      socket.destroy()
    })
    socket.once('error', reject)
  })
  expect(protocol).toBe('TLSv1.3')
})
