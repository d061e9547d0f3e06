// The commands that people type, by real kubectl against `sallyport serve`.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askApi, hasKubectl, kubectlOf, type Ran, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

const entry = (host: string): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: redis, namespace: default}
spec:
  hosts: [${host}]
  addresses: [198.18.1.5]
  ports: [{number: 6379, name: tcp, protocol: TCP}]
  location: MESH_EXTERNAL
  resolution: STATIC
  endpoints: [{address: 198.18.1.5}]
`

const webWithPod = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: default, labels: {app: web}}
spec:
  nodeName: elsewhere
  containers: [{name: web, image: web, ports: [{name: http, containerPort: 8080}]}]
`

interface Step {
  readonly args: string
  readonly input?: string
  readonly code?: number
  /** In what it prints. */
  readonly says?: RegExp
}

/** In this order: each goes on from what the one before it left. */
const steps: Record<string, Step> = {
  'tells its version': { args: 'version', says: /Server Version: v1\.33/ },
  'lists the kinds of Istio with their short names': {
    args: 'api-resources --api-group=networking.istio.io',
    says: /serviceentries\s+se /,
  },
  'has the namespaces of a fresh cluster with Istio': { args: 'get ns', says: /default\s+Active[^]*istio-system\s+Active[^]*kube-system/ },
  'has nothing yet': { args: 'get se', says: /No resources found in default namespace/ },
  'explains a field in words': { args: 'explain se.spec.location', says: /MESH_EXTERNAL/ },
  'shows what an apply would make': { args: 'diff -f -', input: entry('redis.domain'), code: 1, says: /\+kind: ServiceEntry/ },
  'applies a new entry': { args: 'apply -f -', input: entry('redis.domain'), says: /redis created/ },
  'changes nothing by the same entry': { args: 'apply -f -', input: entry('redis.domain'), says: /redis unchanged/ },
  'shows no difference to the same entry': { args: 'diff -f -', input: entry('redis.domain') },
  'applies a change': { args: 'apply -f -', input: entry('cache.domain'), says: /redis configured/ },
  'prints the columns of Istio': {
    args: 'get se',
    says: /NAME\s+HOSTS\s+LOCATION\s+RESOLUTION\s+AGE\nredis\s+\["cache.domain"\]\s+MESH_EXTERNAL\s+STATIC/,
  },
  'serves older versions of the kind': { args: 'get serviceentries.v1beta1.networking.istio.io redis -o yaml', says: /cache\.domain/ },
  'finds it by its category': { args: 'get istio-io', says: /serviceentry.networking.istio.io\/redis/ },
  'labels it': { args: 'label se redis tier=cache', says: /labeled/ },
  'finds it by its label': { args: 'get se -l tier=cache -o name', says: /serviceentry.networking.istio.io\/redis/ },
  'finds nothing by another label': { args: 'get se -l tier!=cache -o name' },
  'annotates it': { args: 'annotate se redis owner=me', says: /annotated/ },
  'patches it': { args: 'patch se redis --type=merge -p {"spec":{"location":"MESH_INTERNAL"}}', says: /patched/ },
  'patches it by operations': {
    args: 'patch se redis --type=json -p [{"op":"replace","path":"/spec/location","value":"MESH_EXTERNAL"}]',
    says: /patched/,
  },
  'says which patches a kind of Istio takes': {
    args: 'patch se redis -p {"spec":{}}',
    code: 1,
    says: /strategic-merge-patch\+json is not supported/,
  },
  'counts changes of what is asked for': { args: 'get se redis -o jsonpath={.metadata.generation}', says: /^4$/ },
  'waits for a field': { args: 'wait --for=jsonpath={.spec.location}=MESH_EXTERNAL se/redis --timeout=10s', says: /condition met/ },
  'waits for what the server finds in it': { args: 'wait --for=condition=PassedAnalysis se/redis --timeout=20s', says: /condition met/ },
  'shows what became of it': { args: 'get se redis -o jsonpath={.status.observedGeneration}', says: /^4$/ },
  'describes it': { args: 'describe se redis', says: /Resolution:\s+STATIC/ },
  'edits it by an editor': { args: 'edit se redis', says: /edited/ },
  'has kept what the editor wrote': { args: 'get se redis -o jsonpath={.spec.hosts[0]}', says: /^edited\.domain$/ },
  'refuses an unknown field': {
    args: 'create -f -',
    input: entry('x.domain').replace('resolution:', 'resolutionn:').replace('name: redis', 'name: other'),
    code: 1,
    says: /strict decoding error: unknown field "spec.resolutionn"/,
  },
  'refuses a wrong word and says which there are': {
    args: 'create -f -',
    input: entry('x.domain').replace('STATIC', 'STATICC').replace('name: redis', 'name: other'),
    code: 1,
    says: /spec.resolution: Unsupported value: "STATICC": supported values/,
  },
  'refuses what is there already': { args: 'create -f -', input: entry('x.domain'), code: 1, says: /AlreadyExists/ },
  'refuses a namespace that is not there': {
    args: 'create -f -',
    input: entry('x.domain').replace('namespace: default', 'namespace: nowhere'),
    code: 1,
    says: /namespaces "nowhere" not found/,
  },
  'says that something is not there': { args: 'get se other', code: 1, says: /serviceentries.networking.istio.io "other" not found/ },
  'replaces it': { args: 'replace -f -', input: entry('third.domain'), says: /replaced/ },
  'takes over on the server what it applied before': {
    args: 'apply --server-side -f -',
    input: entry('third.domain'),
    says: /serverside-applied/,
  },
  'shows what an apply on the server would change': {
    args: 'diff --server-side --force-conflicts -f -',
    input: entry('fourth.domain'),
    code: 1,
    says: /\+ {2}- fourth\.domain/,
  },
  'does not take fields of another manager': {
    args: 'apply --server-side --field-manager=other -f -',
    input: entry('other.domain'),
    code: 1,
    says: /Apply failed with 2 conflicts: conflicts with "kubectl":\n- \.spec\.hosts\nconflicts with "kubectl-replace" using/,
  },
  'takes them by force': {
    args: 'apply --server-side --field-manager=other --force-conflicts -f -',
    input: entry('other.domain'),
    says: /serverside-applied/,
  },
  'knows then who has which field': { args: 'get se redis -o yaml --show-managed-fields', says: /f:hosts[^]*manager: other/ },
  'makes a ConfigMap, as protobuf': { args: 'create cm settings --from-literal=a=b', says: /configmap\/settings created/ },
  'merges into it': { args: 'patch cm settings -p {"data":{"c":"d"}}', says: /patched/ },
  'has both': { args: 'get cm settings -o jsonpath={.data}', says: /^\{"a":"b","c":"d"\}$/ },
  'makes a namespace, as protobuf': { args: 'create ns made', says: /namespace\/made created/ },
  'asks what it may do': { args: 'auth can-i delete serviceentries.networking.istio.io', says: /^yes/ },
  'asks who it is': { args: 'auth whoami', says: /Username/ },
  'does nothing in a dry run': { args: 'delete se redis --dry-run=server', says: /deleted \(server dry run\)/ },
  'deletes it': { args: 'delete se redis', says: /deleted/ },
  'makes a namespace': {
    args: 'apply -f -',
    input: '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}',
    says: /shop created/,
  },
  'puts an entry there': {
    args: 'apply -f -',
    input: entry('x.domain').replace('namespace: default', 'namespace: shop'),
    says: /redis created/,
  },
  'deletes the namespace and what is in it': { args: 'delete ns shop', says: /"shop" deleted/ },
  'has nothing of it left': { args: 'get se -A', says: /No resources found/ },
  'keeps the namespaces of the mesh': { args: 'delete ns istio-system', code: 1, says: /may not be deleted/ },
}

describe.skipIf(!hasKubectl())('kubectl', () => {
  const data = temporaryDirectory()
  const home = temporaryDirectory()
  let api: ServedApi
  let kubectl: (args: readonly string[], input?: string) => Promise<Ran>

  beforeAll(async () => {
    writeFileSync(join(home.path, 'editor'), '#!/bin/sh\nsed -i "s/cache.domain/edited.domain/" "$1"\n')
    chmodSync(join(home.path, 'editor'), 0o755)
    api = await serveApi(data.path)
    kubectl = kubectlOf(data.path, home.path)
  })
  afterAll(async () => {
    await api.kill('SIGTERM')
    data.remove()
    home.remove()
  })

  for (const [name, { args, input, code = 0, says = /^$/ }] of Object.entries(steps)) {
    it(name, { retry: 0 }, async () => {
      const { out, err, code: exit } = await kubectl(args.split(' '), input)
      expect(`${out}${err}`).toMatch(says)
      expect(exit).toBe(code)
    })
  }

  it('changes the outbound policy by sed, and changes it back', async () => {
    const turns = [
      ['ALLOW_ANY', 'REGISTRY_ONLY'],
      ['REGISTRY_ONLY', 'ALLOW_ANY'],
    ] as const
    for (const [from, to] of turns) {
      const { out } = await kubectl(['get', 'configmap', 'istio', '-n', 'istio-system', '-o', 'yaml'])
      expect(out).toContain(`    outboundTrafficPolicy:\n      mode: ${from}\n`)
      const replaced = await kubectl(['replace', '-n', 'istio-system', '-f', '-'], out.replaceAll(`mode: ${from}`, `mode: ${to}`))
      expect(replaced.out).toContain('configmap/istio replaced')
    }
  })

  it('refuses settings of the mesh that mean nothing', async () => {
    const { out } = await kubectl(['get', 'configmap', 'istio', '-n', 'istio-system', '-o', 'yaml'])
    const replaced = await kubectl(['replace', '-n', 'istio-system', '-f', '-'], out.replace('ALLOW_ANY', 'REGISTER_ONLY'))
    expect(replaced.code).toBe(1)
    expect(replaced.err).toContain('REGISTER_ONLY')
  })

  it('shows the Pods that a Service chooses, at the port that they name', async () => {
    expect((await kubectl(['apply', '-f', '-'], webWithPod)).code).toBe(0)
    const status = { phase: 'Running', podIP: '198.18.1.20', conditions: [{ type: 'Ready', status: 'True' }] }
    const headers = { 'Content-Type': 'application/merge-patch+json' }
    await askApi(api, '/api/v1/namespaces/default/pods/web-1/status', { method: 'PATCH', headers, body: JSON.stringify({ status }) })
    const told = async (args: string): Promise<string> => (await kubectl(args.split(' '))).out
    await expect.poll(() => told('get endpoints web'), { timeout: 20_000 }).toMatch(/^web +198\.18\.1\.20:8080 /m)
    expect(await told('get endpointslices')).toMatch(/^web-[a-z0-9]{5} +IPv4 +8080 +198\.18\.1\.20 /m)
    expect(await told('describe service web')).toMatch(/Endpoints: +198\.18\.1\.20:8080/)
    await told('delete service web')
    await expect.poll(() => told('get endpoints,endpointslices'), { timeout: 20_000 }).not.toContain('web')
    // Neither they nor Events are configuration.
    expect(api.stderr()).not.toContain('ignored')
  })

  it('writes its files for their owner alone, and leaves another program no way in', async () => {
    expect((await askApi(api, '/api/v1/namespaces', { token: 'forged' })).code).toBe(401)
    expect((await askApi(api, '/api/v1/namespaces')).code).toBe(200)
    expect((await askApi(api, '/readyz', { token: 'forged' })).code).toBe(200)
  })
})
