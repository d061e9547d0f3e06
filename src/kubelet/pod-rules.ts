// Refuses by name what of a Pod cannot be carried out on the server's own machine, and warns of what is left out without doing harm.
import {
  fieldAtPath,
  forbiddenField,
  isJsonList,
  isJsonObject,
  type Json,
  type JsonObject,
  type KubeObject,
  type StatusCause,
} from '../kube/index.ts'

export interface Judged {
  readonly causes: readonly StatusCause[]
  readonly warnings: readonly string[]
}

/** What `kube-inject` adds is not needed here: the workload is sealed anyway. */
const proxyName = 'istio-proxy'
const injectedInit: readonly (Json | undefined)[] = ['istio-init', 'istio-validation', proxyName]

export interface PlacedContainer {
  readonly container: JsonObject
  readonly path: string
}

/** The one that is the workload. */
export function workloadOf(pod: KubeObject): readonly PlacedContainer[] {
  return listAt(pod, ['spec', 'containers']).flatMap((container, index) =>
    container['name'] === proxyName ? [] : [{ container, path: `spec.containers[${index}]` }],
  )
}

export function judgePod(pod: KubeObject): Judged {
  const containers = workloadOf(pod)
  const [workload] = containers
  const causes = [
    ...containers.slice(1).map(({ path }) => forbiddenField(path, `one container is run, beside ${proxyName}`)),
    ...(workload === undefined && listAt(pod, ['spec', 'containers']).length > 0
      ? [forbiddenField('spec.containers', `there is nothing to run beside ${proxyName}`)]
      : []),
    ...listAt(pod, ['spec', 'initContainers']).flatMap((init, index) =>
      injectedInit.includes(init['name']) ? [] : [forbiddenField(`spec.initContainers[${index}]`, 'init containers are not run here')],
    ),
    ...present(pod, 'spec.', refusedOfPod),
    ...(workload === undefined
      ? []
      : [
          ...present(workload.container, `${workload.path}.`, refusedOfContainer),
          ...readOnlyCauses(pod, workload),
          ...envCauses(workload),
        ]),
    ...volumeCauses(pod, workload),
  ]
  return { causes, warnings: workload === undefined ? [] : warningsOf(pod, workload) }
}

/** A path of names in what is judged; why it is refused. An absent value, `false` and an empty list ask for nothing. */
type Refusals = Readonly<Record<string, string>>

const noIsolation = 'a Pod of this machine shares nothing of it but files'
const notNarrowed = 'this cannot be kept up here; leave it out, or run the Pod in a cluster'

const refusedOfPod: Refusals = {
  hostNetwork: 'the workload is sealed: it has no network but the sidecar’s',
  hostPID: noIsolation,
  hostIPC: noIsolation,
  activeDeadlineSeconds: 'it is not ended by time; use timeout(1) in the command',
  ephemeralContainers: 'ephemeral containers are not run here',
  readinessGates: 'nothing here sets such conditions',
  schedulingGates: 'Pods are not scheduled here',
  runtimeClassName: 'there is one way to run a Pod here',
  resourceClaims: 'devices are not given here',
  'securityContext.runAsGroup': 'the group is that of the user',
  'securityContext.fsGroup': 'volumes are not mounted here',
  'securityContext.supplementalGroups': 'groups are those of the user',
  'securityContext.sysctls': 'settings of the kernel are not changed here',
  'securityContext.seLinuxOptions': notNarrowed,
  'securityContext.appArmorProfile': notNarrowed,
}

const refusedOfContainer: Refusals = {
  envFrom: 'variables come with plain values here',
  volumeDevices: 'block devices are not given here',
  'lifecycle.postStart': 'hooks are not run here',
  'lifecycle.preStop': 'hooks are not run here',
  'lifecycle.stopSignal': 'it is ended by SIGTERM here',
  'securityContext.privileged': 'a sealed workload has no such rights',
  'securityContext.capabilities.add': 'a sealed workload gets no capabilities',
  'securityContext.runAsGroup': 'the group is that of the user',
  'securityContext.seLinuxOptions': notNarrowed,
  'securityContext.appArmorProfile': notNarrowed,
}

/** Names a directory of the machine that is the Pod's root. */
export const rootAnnotation = 'sallyport.dev/rootfs'

/** The machine's own files cannot be kept from their user; a root directory can. */
function readOnlyCauses({ metadata }: KubeObject, { container, path }: PlacedContainer): readonly StatusCause[] {
  const isReadOnly = fieldAtPath(container, ['securityContext', 'readOnlyRootFilesystem']) === true
  if (!isReadOnly || metadata.annotations?.[rootAnnotation] !== undefined) return []
  const why = `the machine’s own files are its user’s to write; name a root directory by the annotation ${rootAnnotation}`
  return [forbiddenField(`${path}.securityContext.readOnlyRootFilesystem`, why)]
}

function present(from: KubeObject | JsonObject, prefix: string, refusals: Refusals): readonly StatusCause[] {
  const base = prefix === 'spec.' ? from['spec'] : from
  return Object.entries(refusals).flatMap(([path, why]) => {
    const value = isJsonObject(base) ? fieldAtPath(base, path.split('.')) : undefined
    const asksForNothing = value === undefined || value === null || value === false || (isJsonList(value) && value.length === 0)
    return asksForNothing ? [] : [forbiddenField(`${prefix}${path}`, why)]
  })
}

/** Fields of the Pod that are known before it runs. */
export const knownFields: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
]

function envCauses({ container, path }: PlacedContainer): readonly StatusCause[] {
  return listAt(container, ['env']).flatMap((variable, index) => {
    if (variable['valueFrom'] === undefined) return []
    const field = fieldAtPath(variable, ['valueFrom', 'fieldRef', 'fieldPath'])
    if (typeof field === 'string' && knownFields.includes(field)) return []
    const known = `a value can be plain, or the field ${knownFields.join(', ')}`
    return [forbiddenField(`${path}.env[${index}].valueFrom`, known)]
  })
}

/** What only the proxy of an injected manifest mounts is not needed. */
function volumeCauses(pod: KubeObject, workload: PlacedContainer | undefined): readonly StatusCause[] {
  const mounted = new Set(workload === undefined ? [] : listAt(workload.container, ['volumeMounts']).map((mount) => mount['name']))
  return listAt(pod, ['spec', 'volumes']).flatMap((volume, index) => {
    const kinds = Object.keys(volume).filter((key) => key !== 'name')
    const [kind = 'emptyDir'] = kinds
    const isLeftOut = kind === 'emptyDir' || isServiceAccountToken(volume)
    if (kind !== 'hostPath' && (isLeftOut || !mounted.has(volume['name']))) return []
    return [forbiddenField(`spec.volumes[${index}].${kind}`, 'volumes of this kind are not mounted here')]
  })
}

function isServiceAccountToken(volume: JsonObject): boolean {
  return listAt(volume, ['projected', 'sources']).some((source) => source['serviceAccountToken'] !== undefined)
}

const leftOutOfPod: Refusals = {
  hostAliases: 'names are looked up as everywhere in the mesh',
  dnsConfig: 'names are looked up as everywhere in the mesh',
  nodeSelector: 'Pods are not scheduled: they run on this server’s machine',
  affinity: 'Pods are not scheduled: they run on this server’s machine',
  topologySpreadConstraints: 'Pods are not scheduled: they run on this server’s machine',
  hostname: 'the host name is the machine’s; the variable HOSTNAME has this one',
}

const leftOutOfContainer: Refusals = {
  livenessProbe: 'it is not probed',
  readinessProbe: 'it is not probed, and ready when it runs',
  startupProbe: 'it is not probed',
  'resources.limits': 'its resources are not limited',
  tty: 'it has no terminal; kubectl exec -t has one',
  volumeMounts: 'nothing is mounted: it sees there what it sees without',
}

function warningsOf(pod: KubeObject, { container, path }: PlacedContainer): readonly string[] {
  const causes = [...present(pod, 'spec.', leftOutOfPod), ...present(container, `${path}.`, leftOutOfContainer)]
  return causes.map(({ field, message }) => `${field}: ${(message ?? '').replace(/^Forbidden: /, '')}`)
}

export function listAt(from: KubeObject | JsonObject, path: readonly string[]): readonly JsonObject[] {
  const value = fieldAtPath(from, path)
  return isJsonList(value) ? value.filter(isJsonObject) : []
}
