// The commands that people type, in this order, each in a namespace of its kubectl, and where what is printed is another than of a kube-apiserver.

export interface CommandCase {
  /** NS is the namespace. */
  readonly args: string
  readonly input?: string
}

const entry = (resolution: string): string =>
  JSON.stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: 'redis', namespace: 'NS' },
    spec: {
      hosts: ['redis.domain'],
      ports: [{ number: 6379, name: 'tcp', protocol: 'TCP' }],
      location: 'MESH_EXTERNAL',
      resolution,
      ...(resolution === 'STATIC' ? { addresses: ['198.18.1.5'], endpoints: [{ address: '198.18.1.5' }] } : {}),
    },
  })

const map = (value: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied', namespace: 'NS' }, data: { a: value } })

export const commandCases: Readonly<Record<string, CommandCase>> = {
  version: { args: 'version' },
  'create ns': { args: 'create ns NS' },
  'get of nothing': { args: 'get se -n NS' },
  'apply of a new object': { args: 'apply -f -', input: entry('STATIC') },
  'apply of the same': { args: 'apply -f -', input: entry('STATIC') },
  'apply of a change': { args: 'apply -f -', input: entry('DNS') },
  'apply --server-side': { args: 'apply --server-side -f -', input: entry('DNS') },
  diff: { args: 'diff -f -', input: entry('STATIC') },
  explain: { args: 'explain se.spec.hosts' },
  'create cm': { args: 'create cm made -n NS --from-literal=a=b' },
  'apply of a new cm': { args: 'apply -f -', input: map('b') },
  'apply of a changed cm': { args: 'apply -f -', input: map('c') },
  label: { args: 'label se redis -n NS tier=cache' },
  get: { args: 'get se -n NS' },
  'get -o wide': { args: 'get se,cm -n NS -o wide --show-labels --field-selector metadata.name!=kube-root-ca.crt' },
  'get -o yaml': { args: 'get se redis -n NS -o yaml' },
  'get of what is missing': { args: 'get se missing -n NS' },
  logs: { args: 'logs missing -n NS' },
  exec: { args: 'exec missing -n NS -- true' },
  'exec -i': { args: 'exec -i missing -n NS -- cat' },
  'auth can-i': { args: 'auth can-i delete se.networking.istio.io -n NS' },
  replace: { args: 'replace -f -', input: entry('STATIC') },
  wait: { args: 'wait --for=jsonpath={.spec.location}=MESH_EXTERNAL se/redis -n NS --timeout=20s' },
  describe: { args: 'describe se redis -n NS' },
  delete: { args: 'delete se redis -n NS' },
  'api-resources': { args: 'api-resources --api-group=networking.istio.io' },
  'delete ns': { args: 'delete ns NS' },
}

const findings = { reason: 'what Sallyport finds about the object comes as a warning' } as const

/** By command; the kubectls that it goes for, all where none is named. */
export const differences: Readonly<Record<string, { readonly reason: string; readonly kubectls?: readonly string[] }>> = {
  version: {
    reason: 'a dispatcher chooses the kubectl that is nearest to the server, and the two are of other versions',
    kubectls: ['dispatcher'],
  },
  'apply of a change': findings,
  'apply --server-side': findings,
  label: findings,
  explain: { reason: 'the fields are described in words of our own' },
}
