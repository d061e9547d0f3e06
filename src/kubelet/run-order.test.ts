// Holds what a Pod is read as: the command that is run, and every field for which it is refused by name.
import { expect, test } from 'vitest'
import { fail, ok } from '../base/index.ts'
import type { Json, JsonObject, KubeObject } from '../kube/index.ts'
import { type MachineFacts, parseImages, readPod, type RunOrder, usualImages } from './index.ts'

const machine: MachineFacts = {
  images: usualImages,
  uid: 1000,
  hasProgram: (name) => name !== 'nginx',
  hasUser: (uid) => uid < 3000,
  rootOf: (path) => (path.startsWith('/srv/') ? ok(`/real${path}`) : fail('others may write to it')),
}
const asRoot: Partial<MachineFacts> = { uid: 0 }

interface Sent {
  readonly spec?: JsonObject
  readonly container?: JsonObject
  readonly annotations?: Readonly<Record<string, string>>
}

function podOf({ spec, container, annotations = {} }: Sent): KubeObject {
  const workload = { name: 'main', image: 'busybox', command: ['sleep', '1'], ...container }
  const metadata = { name: 'web', namespace: 'shop', uid: 'u-1', annotations }
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { nodeName: 'here', containers: [workload], ...spec } }
}

const read: Record<string, Sent & { order: Partial<RunOrder> }> = {
  'what little a Pod has to say': {
    container: { command: null },
    order: {
      container: 'main',
      image: 'busybox',
      command: ['sh'],
      applets: 'busybox',
      env: { HOSTNAME: 'web' },
      cwd: '/',
      holdsInput: false,
      publish: [],
      serviceAccount: 'default',
      restartPolicy: 'Always',
      graceSeconds: 30,
    },
  },
  'command and args': { container: { args: ['2'] }, order: { command: ['sleep', '1', '2'] } },
  'args for the program of the image': {
    container: { image: 'curlimages/curl:8.5.0', command: [], args: ['-sS', 'http://a/'] },
    order: { command: ['curl', '-sS', 'http://a/'] },
  },
  'variables, which stand for each other in their order and in the command': {
    container: {
      command: ['echo', '$(A)', '$(B)', '$$(A)', '$(NONE)', '$A'],
      env: [
        { name: 'A', value: 'a' },
        { name: 'B', value: '$(A)$(C)' },
        { name: 'C', value: 'c' },
      ],
    },
    order: { command: ['echo', 'a', 'a$(C)', '$(A)', '$(NONE)', '$A'], env: { HOSTNAME: 'web', A: 'a', B: 'a$(C)', C: 'c' } },
  },
  'fields of the Pod as variables': {
    container: {
      env: ['metadata.name', 'spec.nodeName'].map((fieldPath, at) => ({ name: `V${at}`, valueFrom: { fieldRef: { fieldPath } } })),
    },
    order: { env: { HOSTNAME: 'web', V0: 'web', V1: 'here' } },
  },
  'directory, input, ports of the node, grace and policy': {
    spec: { terminationGracePeriodSeconds: 3, restartPolicy: 'OnFailure', serviceAccountName: 'till', hostname: 'w1' },
    container: {
      workingDir: '/srv',
      stdin: true,
      ports: [{ containerPort: 80 }, { containerPort: 8080, hostPort: 18_080, hostIP: '::1' }],
    },
    order: {
      cwd: '/srv',
      holdsInput: true,
      publish: ['[::1]:18080:8080'],
      graceSeconds: 3,
      restartPolicy: 'OnFailure',
      serviceAccount: 'till',
      env: { HOSTNAME: 'w1' },
    },
  },
  'a root directory, in which its image is no more than a name': {
    annotations: { 'sallyport.dev/rootfs': '/srv/root' },
    container: {
      image: 'quay.io/acme/nginx',
      command: ['/bin/app'],
      workingDir: '/data',
      securityContext: { readOnlyRootFilesystem: true },
    },
    order: { command: ['/bin/app'], cwd: '/data', rootfs: { path: '/real/srv/root', isWritable: false } },
  },
  'a root directory that says by itself what an image would': {
    annotations: { 'sallyport.dev/rootfs': '/srv/root' },
    container: { command: [], securityContext: { readOnlyRootFilesystem: false } },
    order: { command: ['sh'], rootfs: { path: '/real/srv/root', isWritable: true } },
  },
  'a manifest with the sidecar in it': {
    spec: {
      containers: [
        { name: 'istio-proxy', image: 'istio/proxyv2', securityContext: { readOnlyRootFilesystem: true }, volumeMounts: [{ name: 'ca' }] },
        { name: 'app', image: 'docker.io/library/busybox:1.36@sha256:00', command: ['top'] },
      ],
      initContainers: [{ name: 'istio-init', image: 'istio/proxyv2' }],
      volumes: [
        { name: 'ca', configMap: { name: 'istio-ca-root-cert' } },
        { name: 'data', emptyDir: {} },
      ],
    },
    order: { container: 'app', command: ['top'] },
  },
}

test.each(Object.entries(read))('is read: %s', (_name, { order, ...sent }) => {
  const { causes, order: found } = readPod(podOf(sent), machine)
  expect(causes).toEqual([])
  expect(found).toMatchObject(order)
})

const refused: Record<string, Sent & { on?: Partial<MachineFacts>; field: string; says?: RegExp }> = {
  'an image that the table does not have': {
    container: { image: 'quay.io/x/busybox' },
    field: 'spec.containers[0].image',
    says: /supported values: "busybox"/,
  },
  'no image': { container: { image: null }, field: 'spec.containers[0].image' },
  'a program that this machine lacks': { container: { image: 'nginx' }, field: 'spec.containers[0].image', says: /does not have/ },
  'two containers': {
    spec: { containers: ['a', 'b'].map((name): Json => ({ name, image: 'busybox' })) },
    field: 'spec.containers[1]',
    says: /one container/,
  },
  'nothing but the sidecar': { spec: { containers: [{ name: 'istio-proxy', image: 'x' }] }, field: 'spec.containers' },
  'an init container of its own': { spec: { initContainers: [{ name: 'migrate', image: 'busybox' }] }, field: 'spec.initContainers[0]' },
  'the network of the node': { spec: { hostNetwork: true }, field: 'spec.hostNetwork', says: /sealed/ },
  'processes of the node': { spec: { hostPID: true }, field: 'spec.hostPID' },
  'a path of the node': { spec: { volumes: [{ name: 'v', hostPath: { path: '/' } }] }, field: 'spec.volumes[0].hostPath' },
  'a ConfigMap as files': {
    spec: { volumes: [{ name: 'v', configMap: { name: 'c' } }] },
    container: { volumeMounts: [{ name: 'v', mountPath: '/c' }] },
    field: 'spec.volumes[0].configMap',
  },
  'variables out of a Secret': {
    container: { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] },
    field: 'spec.containers[0].env[0].valueFrom',
  },
  'all variables of a ConfigMap': { container: { envFrom: [{ configMapRef: { name: 'c' } }] }, field: 'spec.containers[0].envFrom' },
  'rights of the machine': { container: { securityContext: { privileged: true } }, field: 'spec.containers[0].securityContext.privileged' },
  'further capabilities': {
    container: { securityContext: { capabilities: { add: ['NET_ADMIN'] } } },
    field: 'spec.containers[0].securityContext.capabilities.add',
  },
  'a read-only root directory': {
    container: { securityContext: { readOnlyRootFilesystem: true } },
    field: 'spec.containers[0].securityContext.readOnlyRootFilesystem',
  },
  'somebody else’s user': { container: { securityContext: { runAsUser: 0 } }, field: 'spec.containers[0].securityContext.runAsUser' },
  'a user that there is not': {
    spec: { securityContext: { runAsUser: 4000 } },
    on: asRoot,
    field: 'spec.containers[0].securityContext.runAsUser',
    says: /no user 4000/,
  },
  'root, which is refused': {
    spec: { securityContext: { runAsNonRoot: true } },
    on: asRoot,
    field: 'spec.containers[0].securityContext.runAsNonRoot',
  },
  'root without capabilities': {
    container: { securityContext: { capabilities: { drop: ['ALL'] } } },
    on: asRoot,
    field: 'spec.containers[0].securityContext.capabilities.drop',
  },
  'a hook': { container: { lifecycle: { preStop: { exec: { command: ['true'] } } } }, field: 'spec.containers[0].lifecycle.preStop' },
  'an end by time': { spec: { activeDeadlineSeconds: 10 }, field: 'spec.activeDeadlineSeconds' },
  'a root directory that may not be one': {
    annotations: { 'sallyport.dev/rootfs': '/open' },
    field: 'metadata.annotations[sallyport.dev/rootfs]',
    says: /"\/open": others may write to it/,
  },
  'a root directory and nothing to run in it': {
    annotations: { 'sallyport.dev/rootfs': '/srv/root' },
    container: { image: 'quay.io/acme/app', command: [] },
    field: 'spec.containers[0].command',
  },
}

test.each(Object.entries(refused))('is refused by name: %s', (_name, { on = {}, field, says = /./, ...sent }) => {
  const { causes, order } = readPod(podOf(sent), { ...machine, ...on })
  expect(order).toBeUndefined()
  expect(causes.map((cause) => cause.field)).toEqual([field])
  expect(causes[0]?.message).toMatch(says)
})

const warned: Record<string, Sent & { warning: string }> = {
  'a probe': {
    container: { readinessProbe: { tcpSocket: { port: 80 } } },
    warning: 'spec.containers[0].readinessProbe: it is not probed, and ready when it runs',
  },
  limits: {
    container: { resources: { limits: { cpu: '1' } } },
    warning: 'spec.containers[0].resources.limits: its resources are not limited',
  },
  'an empty directory': {
    spec: { volumes: [{ name: 'v', emptyDir: {} }] },
    container: { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    warning: 'spec.containers[0].volumeMounts: nothing is mounted: it sees there what it sees without',
  },
  'a choice of nodes': {
    spec: { nodeSelector: { a: 'b' } },
    warning: 'spec.nodeSelector: Pods are not scheduled: they run on this server’s machine',
  },
}

test.each(Object.entries(warned))('is run with a warning: %s', (_name, { warning, ...sent }) => {
  const { causes, warnings } = readPod(podOf(sent), machine)
  expect(causes).toEqual([])
  expect(warnings).toEqual([warning])
})

test('root runs the Pod of another user', () => {
  expect(readPod(podOf({ spec: { securityContext: { runAsUser: 1001 } } }), { ...machine, ...asRoot }).order?.user).toBe(1001)
})

test('further images come before the usual ones, and are read strictly', () => {
  const table = parseImages('shop/till: {command: [/opt/till, --serve]}\nbusybox: {command: ["true"], needs: []}\n')
  if (!table.ok) throw new Error(table.error)
  const order = (image: string) => readPod(podOf({ container: { image, command: [] } }), { ...machine, images: table.value }).order
  expect(order('shop/till:7')?.command).toEqual(['/opt/till', '--serve'])
  expect(order('busybox')?.applets).toBeUndefined()
  for (const [text, why] of [
    ['a: {comand: [x]}', /a: unknown field "comand"/],
    ['a: {command: x}', /a: command is not a list/],
    ['- a', /not a table/],
    ['a: [', /./],
  ] as const)
    expect(parseImages(text)).toMatchObject({ ok: false, error: expect.stringMatching(why) })
})
