// Holds what injection adds to which Pods, and that it leaves everything else as it was written.
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { inject } from './inject.ts'

const image = 'sallyport/proxyv2:test'

const pod = `apiVersion: v1
kind: Pod
metadata:
  name: busybox # the store
spec:
  containers:
  # it sleeps
  - name: busybox
    image: busybox
    command: ["sleep", "3600"]
`

interface Shape {
  readonly metadata: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> }
  readonly spec: { readonly containers: readonly Named[]; readonly initContainers?: readonly Named[]; readonly volumes?: readonly Named[] }
}

interface Named {
  readonly name: string
  readonly image?: string
  readonly args?: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
}

const namesIn = (list: readonly Named[] = []): readonly string[] => list.map(({ name }) => name)
const envOf = (shape: Shape, wanted: string): string | undefined =>
  shape.spec.containers.at(-1)?.env?.find(({ name }) => name === wanted)?.value

describe('injection into a Pod', () => {
  const { text, notes } = inject(pod, image)
  const shape: Shape = parse(text)

  it('adds the proxy, its init container, their volumes and what says so', () => {
    expect(namesIn(shape.spec.containers)).toEqual(['busybox', 'istio-proxy'])
    expect(namesIn(shape.spec.initContainers)).toEqual(['istio-init'])
    const status: unknown = JSON.parse(shape.metadata.annotations?.['sidecar.istio.io/status'] ?? '')
    expect(status).toMatchObject({ initContainers: ['istio-init'], containers: ['istio-proxy'], volumes: namesIn(shape.spec.volumes) })
    expect(shape.metadata.labels).toEqual({
      'security.istio.io/tlsMode': 'istio',
      'service.istio.io/canonical-name': 'busybox',
      'service.istio.io/canonical-revision': 'latest',
    })
    expect([shape.spec.containers[1]?.image, notes]).toEqual([image, []])
    expect(envOf(shape, 'ISTIO_META_OWNER')).toBe('kubernetes://api/v1/namespaces/default/pods/busybox')
  })

  it('keeps what was written, to the letter and with its comments', () => {
    const kept = pod.trimEnd().split('\n')
    const lines = text.split('\n')
    expect(kept.filter((line) => !lines.includes(line))).toEqual([])
  })

  it('does nothing a second time', () => {
    expect(inject(text, 'another').text).toBe(text)
  })
})

const template = (kind: string, apiVersion: string, indent: string): string => `apiVersion: ${apiVersion}
kind: ${kind}
metadata: {name: web, namespace: shop}
spec:
${indent}template:
${indent}  metadata: {labels: {app: store, version: v2}}
${indent}  spec:
${indent}    containers: [{name: web, image: web, ports: [{containerPort: 80}]}]
`

const owners: Record<string, { text: string; owner: string }> = {
  Deployment: { text: template('Deployment', 'apps/v1', '  '), owner: 'kubernetes://apis/apps/v1/namespaces/shop/deployments/web' },
  Job: { text: template('Job', 'batch/v1', '  '), owner: 'kubernetes://apis/batch/v1/namespaces/shop/jobs/web' },
  CronJob: {
    text: template('CronJob', 'batch/v1', '      ').replace('spec:\n', 'spec:\n  jobTemplate:\n    spec:\n'),
    owner: 'kubernetes://apis/batch/v1/namespaces/shop/cronjobs/web',
  },
}

describe('injection finds the Pod in a', () => {
  it.each(Object.entries(owners))('%s', (_kind, { text, owner }) => {
    const found = inject(text, image).text
    expect(found).toContain(owner)
    expect(found).toMatch(/service\.istio\.io\/canonical-name: store/)
    expect(found).toMatch(/service\.istio\.io\/canonical-revision: v2/)
    expect(found).toContain('[{"containerPort":80}]')
  })

  it('List', () => {
    const items = `apiVersion: v1\nkind: List\nitems:\n- ${pod.trim().replaceAll('\n', '\n  ')}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: x}}\n`
    const { items: found }: { items: readonly Shape[] } = parse(inject(items, image).text)
    expect(namesIn(found[0]?.spec.containers)).toEqual(['busybox', 'istio-proxy'])
  })
})

const left: Record<string, { text: string; note?: RegExp }> = {
  'what has no Pod': { text: '# a\nkind: Service\napiVersion: v1\nspec:   {a:   1}\n' },
  'an annotation says no': {
    text: pod.replace('spec:', '  annotations: {sidecar.istio.io/inject: "false"}\nspec:'),
    note: /Pod busybox stays without a sidecar: sidecar\.istio\.io\/inject is "false"/,
  },
  'a label says no': { text: pod.replace('spec:', '  labels: {sidecar.istio.io/inject: "false"}\nspec:'), note: /is "false"/ },
  'the network of the node': { text: pod.replace('spec:', 'spec:\n  hostNetwork: true'), note: /hostNetwork/ },
  'a namespace of Kubernetes': { text: pod.replace('metadata:', 'metadata:\n  namespace: kube-system'), note: /belongs to Kubernetes/ },
  'an empty file': { text: '' },
}

describe('injection leaves as it is', () => {
  it.each(Object.entries(left))('%s', (_name, { text, note }) => {
    const injected = inject(text, image)
    expect(injected.text).toBe(text)
    expect(injected.notes.join('\n')).toMatch(note ?? /^$/)
  })
})

describe('injection', () => {
  it('keeps the other documents of a file, and what stands between them', () => {
    const service = '# first\napiVersion: v1\nkind: Service\nmetadata:   {name: x}\n'
    const { text } = inject(`${service}---\n${pod}--- # last\n`, image)
    expect(text.startsWith(`${service}---\napiVersion: v1\nkind: Pod\n`)).toBe(true)
    expect(text.endsWith('\n--- # last\n')).toBe(true)
    expect(parseAllDocuments(text).flatMap(({ errors }) => errors)).toEqual([])
  })

  it('answers JSON with JSON', () => {
    const shape: Shape = JSON.parse(inject(JSON.stringify(parse(pod)), image).text)
    expect(namesIn(shape.spec.containers)).toEqual(['busybox', 'istio-proxy'])
  })

  it('follows the annotations about what is captured, and about the image', () => {
    const annotations = {
      'sidecar.istio.io/proxyImage': 'own:1',
      'traffic.sidecar.istio.io/includeOutboundIPRanges': '10.0.0.0/8',
      'traffic.sidecar.istio.io/excludeOutboundPorts': '25',
    }
    const shape: Shape = parse(inject(pod.replace('spec:', `  annotations: ${JSON.stringify(annotations)}\nspec:`), image).text)
    expect(shape.spec.containers[1]?.image).toBe('own:1')
    expect(shape.spec.initContainers?.[0]?.args?.join(' ')).toMatch(/-i 10\.0\.0\.0\/8 .* -o 25/)
  })

  it('refuses what is no YAML, and says which document', () => {
    expect(() => inject(`${pod}---\na: [\n`, image)).toThrow(/document 2 is not valid YAML/)
  })
})
