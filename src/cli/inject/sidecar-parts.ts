// What Istio's injection adds to a Pod, by its documented names: the container istio-proxy, the init container istio-init, and their volumes.

/** What is told apart from one workload to the next. */
export interface Injected {
  readonly image: string
  readonly workload: string
  /** As Istio writes it: `kubernetes://apis/apps/v1/namespaces/NS/deployments/NAME`. */
  readonly owner: string
  /** Names of the containers that are there. */
  readonly containers: readonly string[]
  /** Of those, as their fields are. */
  readonly ports: readonly unknown[]
  readonly annotations: Readonly<Record<string, unknown>>
}

export const proxyName = 'istio-proxy'
export const initName = 'istio-init'

const resources = { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '100m', memory: '128Mi' } }
const levels = ['--proxyLogLevel=warning', '--proxyComponentLogLevel=misc:error', '--log_output_level=default:info']

export function initContainer({ image, annotations }: Injected) {
  return {
    name: initName,
    image,
    args: [
      'istio-iptables',
      ...Object.entries(captured(annotations)).flat(),
      ...excludedOutbound(annotations),
      '--log_output_level=default:info',
    ],
    resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: false,
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
    },
  }
}

export function proxyContainer(injected: Injected) {
  return {
    name: proxyName,
    image: injected.image,
    args: ['proxy', 'sidecar', '--domain', '$(POD_NAMESPACE).svc.cluster.local', ...levels],
    env: environment(injected),
    ports: [{ name: 'http-envoy-prom', containerPort: 15_090, protocol: 'TCP' }],
    readinessProbe: { httpGet: { path: '/healthz/ready', port: 15_021 }, failureThreshold: 4, periodSeconds: 15, timeoutSeconds: 3 },
    startupProbe: { httpGet: { path: '/healthz/ready', port: 15_021 }, failureThreshold: 600, periodSeconds: 1, timeoutSeconds: 3 },
    resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsGroup: 1337,
      runAsNonRoot: true,
      runAsUser: 1337,
    },
    volumeMounts: places.map(([name, mountPath]) => ({ name, mountPath })),
  }
}

const places = [
  ['workload-socket', '/var/run/secrets/workload-spiffe-uds'],
  ['credential-socket', '/var/run/secrets/credential-uds'],
  ['workload-certs', '/var/run/secrets/workload-spiffe-credentials'],
  ['istiod-ca-cert', '/var/run/secrets/istio'],
  ['istio-data', '/var/lib/istio/data'],
  ['istio-envoy', '/etc/istio/proxy'],
  ['istio-token', '/var/run/secrets/tokens'],
  ['istio-podinfo', '/etc/istio/pod'],
] as const

export function volumes() {
  return [
    { name: 'workload-socket', emptyDir: {} },
    { name: 'credential-socket', emptyDir: {} },
    { name: 'workload-certs', emptyDir: {} },
    { name: 'istio-envoy', emptyDir: { medium: 'Memory' } },
    { name: 'istio-data', emptyDir: {} },
    {
      name: 'istio-podinfo',
      downwardAPI: {
        items: ['labels', 'annotations'].map((path) => ({ path, fieldRef: { fieldPath: `metadata.${path}` } })),
      },
    },
    {
      name: 'istio-token',
      projected: { sources: [{ serviceAccountToken: { audience: 'istio-ca', expirationSeconds: 43_200, path: 'istio-token' } }] },
    },
    { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
  ]
}

/** By which others, and a second injection, know that it was done, and what it has added. */
export function statusText(): string {
  return JSON.stringify({
    initContainers: [initName],
    containers: [proxyName],
    volumes: volumes().map(({ name }) => name),
    imagePullSecrets: null,
    revision: 'default',
  })
}

function environment({ workload, owner, containers, ports }: Injected) {
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })
  return [
    { name: 'PILOT_CERT_PROVIDER', value: 'istiod' },
    { name: 'CA_ADDR', value: 'istiod.istio-system.svc:15012' },
    field('POD_NAME', 'metadata.name'),
    field('POD_NAMESPACE', 'metadata.namespace'),
    field('INSTANCE_IP', 'status.podIP'),
    field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    field('HOST_IP', 'status.hostIP'),
    { name: 'ISTIO_CPU_LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
    { name: 'PROXY_CONFIG', value: '{}\n' },
    { name: 'ISTIO_META_POD_PORTS', value: JSON.stringify(ports) },
    { name: 'ISTIO_META_APP_CONTAINERS', value: containers.join(',') },
    { name: 'ISTIO_META_CLUSTER_ID', value: 'Kubernetes' },
    field('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    { name: 'ISTIO_META_INTERCEPTION_MODE', value: 'REDIRECT' },
    { name: 'ISTIO_META_WORKLOAD_NAME', value: workload },
    { name: 'ISTIO_META_OWNER', value: owner },
    { name: 'ISTIO_META_MESH_ID', value: 'cluster.local' },
    { name: 'TRUST_DOMAIN', value: 'cluster.local' },
  ]
}

function traffic(annotations: Injected['annotations'], name: string, usual: string): string {
  const said = annotations[`traffic.sidecar.istio.io/${name}`]
  return typeof said === 'string' ? said : usual
}

/** By the options of istio-iptables: the proxy's two ports, its user, and whose traffic goes there. */
function captured(annotations: Injected['annotations']): Readonly<Record<string, string>> {
  return {
    '-p': '15001',
    '-z': '15006',
    '-u': '1337',
    '-m': 'REDIRECT',
    '-i': traffic(annotations, 'includeOutboundIPRanges', '*'),
    '-x': traffic(annotations, 'excludeOutboundIPRanges', ''),
    '-b': traffic(annotations, 'includeInboundPorts', '*'),
    '-d': excludedInbound(annotations),
  }
}

/** The proxy's own ports are never captured. */
function excludedInbound(annotations: Injected['annotations']): string {
  const said = traffic(annotations, 'excludeInboundPorts', '')
  return said === '' ? '15090,15021,15020' : `15090,15021,15020,${said}`
}

function excludedOutbound(annotations: Injected['annotations']): readonly string[] {
  const said = traffic(annotations, 'excludeOutboundPorts', '')
  return said === '' ? [] : ['-o', said]
}
