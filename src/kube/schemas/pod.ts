// Describes Pods: workloads as Kubernetes sees them.
import {
  anything,
  choice,
  flag,
  integer,
  integerOrText,
  labels,
  list,
  map,
  object,
  text,
  texts,
  type ObjectSchema,
  type Schema,
} from '../../api/index.ts'
import { conditions, labelSelector, root, time } from './object-meta.ts'

const byName = { keys: ['name'], patchKey: 'name' }
const localReference = object('a reference within the namespace', { name: text('the name') }, { atomic: true })

function keyOf(what: string): ObjectSchema {
  const fields = { name: text(`the name of the ${what}`), key: text('the key'), optional: flag('whether it may be missing') }
  return object(`a value of a ${what}`, fields, { required: ['key'], atomic: true })
}

const envVar = object(
  'one variable',
  {
    name: text('its name'),
    value: text('its value; `$(NAME)` stands for an earlier one'),
    valueFrom: object('where its value comes from', {
      configMapKeyRef: keyOf('ConfigMap'),
      secretKeyRef: keyOf('Secret'),
      fieldRef: object(
        'a field of the pod',
        { apiVersion: text('v1'), fieldPath: text('the field') },
        { required: ['fieldPath'], atomic: true },
      ),
      resourceFieldRef: object(
        'a limit of the container',
        { containerName: text('the container'), resource: text('the resource'), divisor: integerOrText('the unit') },
        { required: ['resource'], atomic: true },
      ),
    }),
  },
  { required: ['name'] },
)

const optionalReference = object('all values of one object', { name: text('its name'), optional: flag('whether it may be missing') })

const probe = object('how its health is found', {
  exec: object('by a command', { command: texts('the command and its arguments') }),
  httpGet: object(
    'by a request',
    {
      path: text('its path'),
      port: integerOrText('its port'),
      host: text('its host'),
      scheme: text('HTTP or HTTPS'),
      httpHeaders: list(
        'its headers',
        object('one header', { name: text('its name'), value: text('its value') }, { required: ['name', 'value'] }),
      ),
    },
    { required: ['port'] },
  ),
  tcpSocket: object('by a connection', { host: text('its host'), port: integerOrText('its port') }, { required: ['port'] }),
  grpc: object(
    'by gRPC health checking',
    { port: integer('its port'), service: text('the service that is asked for') },
    { required: ['port'] },
  ),
  initialDelaySeconds: integer('seconds before the first probe'),
  timeoutSeconds: integer('seconds that a probe may take'),
  periodSeconds: integer('seconds between probes'),
  successThreshold: integer('successes in a row that make it healthy'),
  failureThreshold: integer('failures in a row that make it unhealthy'),
  terminationGracePeriodSeconds: integer('seconds it is given to end when it is unhealthy'),
})

const handler = object('something that is done', {
  exec: object('a command', { command: texts('the command and its arguments') }),
  httpGet: anything('a request'),
  tcpSocket: anything('a connection'),
  sleep: object('a wait', { seconds: integer('how long') }),
})

const resources = object('what it needs and may use', {
  limits: map('the most it may use, by resource', integerOrText('a quantity such as 500m or 128Mi')),
  requests: map('what it needs, by resource', integerOrText('a quantity such as 500m or 128Mi')),
  claims: list('devices it uses', object('one', { name: text('its name'), request: text('which of them') }, { required: ['name'] }), {
    keys: ['name'],
  }),
})

const capabilities = object('capabilities beyond or below the usual', { add: texts('added'), drop: texts('dropped') })

const securityContext = object('as whom it runs', {
  runAsUser: integer('the user'),
  runAsGroup: integer('the group'),
  runAsNonRoot: flag('whether root is refused'),
  privileged: flag('whether it may do as the machine does'),
  allowPrivilegeEscalation: flag('whether it may gain rights'),
  readOnlyRootFilesystem: flag('whether its root directory is read-only'),
  capabilities,
  procMount: text('how /proc is shown'),
  seccompProfile: anything('the system call filter'),
  seLinuxOptions: anything('labels of SELinux'),
  appArmorProfile: anything('the profile of AppArmor'),
  windowsOptions: anything('for Windows'),
})

const containerPort = object(
  'one port',
  {
    name: text('its name'),
    containerPort: integer('its number'),
    protocol: text('TCP, UDP or SCTP'),
    hostPort: integer('the port of the node'),
    hostIP: text('the address of the node'),
  },
  { required: ['containerPort'] },
)

const volumeMount = object(
  'one mount',
  {
    name: text('the volume'),
    mountPath: text('where it is seen'),
    subPath: text('the part of the volume that is seen'),
    subPathExpr: text('the part, with variables'),
    readOnly: flag('whether it is read-only'),
    recursiveReadOnly: text('whether what is mounted below is, too'),
    mountPropagation: text('whether later mounts are seen'),
  },
  { required: ['name', 'mountPath'] },
)

const containerFields: Readonly<Record<string, Schema>> = {
  name: text('its name, unique in the pod'),
  image: text('its image; a table says which local program or root directory stands for it'),
  command: texts('the program and its first arguments, in place of the image’s'),
  args: texts('further arguments'),
  workingDir: text('the directory it starts in'),
  ports: list('the ports it listens on', containerPort, { keys: ['containerPort', 'protocol'], patchKey: 'containerPort' }),
  envFrom: list(
    'where variables come from',
    object('one source', { prefix: text('what names begin with'), configMapRef: optionalReference, secretRef: optionalReference }),
  ),
  env: list('its environment', envVar, byName),
  resources,
  resizePolicy: list('what a change of resources costs', anything('one')),
  restartPolicy: text('whether it is started again'),
  volumeMounts: list('what it sees of volumes', volumeMount, { keys: ['mountPath'], patchKey: 'mountPath' }),
  volumeDevices: list('block devices', object('one', { name: text('the volume'), devicePath: text('where it is seen') }), {
    keys: ['devicePath'],
    patchKey: 'devicePath',
  }),
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
  lifecycle: object('what is done around its life', { postStart: handler, preStop: handler, stopSignal: text('the signal that ends it') }),
  terminationMessagePath: text('where it says why it ended'),
  terminationMessagePolicy: text('where else that is looked for'),
  imagePullPolicy: choice('when the image is fetched', ['Always', 'IfNotPresent', 'Never']),
  securityContext,
  stdin: flag('whether its standard input stays open'),
  stdinOnce: flag('whether the first to leave closes it'),
  tty: flag('whether it has a terminal'),
}

const container = object('one container', containerFields, { required: ['name'] })
const ephemeralContainer = object(
  'one container',
  { ...containerFields, targetContainerName: text('the container it looks into') },
  { required: ['name'] },
)

const keyToPath = object(
  'one file',
  { key: text('the key'), path: text('the file'), mode: integer('its mode') },
  { required: ['key', 'path'] },
)
const fileSource = {
  items: list('which keys, and as which files', keyToPath),
  defaultMode: integer('the mode of files'),
  optional: flag('whether it may be missing'),
}

const volume = object(
  'one volume',
  {
    name: text('its name'),
    emptyDir: object('an empty directory', { medium: text('Memory, or the disk'), sizeLimit: integerOrText('how large it may be') }),
    hostPath: object('a path of the node', { path: text('the path'), type: text('what it has to be') }, { required: ['path'] }),
    configMap: object('a ConfigMap', { name: text('its name'), ...fileSource }),
    secret: object('a Secret', { secretName: text('its name'), ...fileSource }),
    projected: anything('several sources in one directory'),
    downwardAPI: anything('fields of the pod'),
    persistentVolumeClaim: anything('a claim'),
    csi: anything('a driver'),
    ephemeral: anything('a claim that ends with the pod'),
    nfs: anything('a directory of another machine'),
    image: anything('an image'),
  },
  { required: ['name'] },
)

const toleration = object('one taint', {
  key: text('its key'),
  operator: text('Exists or Equal'),
  value: text('its value'),
  effect: text('its effect'),
  tolerationSeconds: integer('for how long'),
})

const spread = object('one rule', {
  maxSkew: integer('how uneven'),
  topologyKey: text('the label of nodes'),
  whenUnsatisfiable: text('what then'),
  labelSelector: labelSelector('the pods that count'),
  minDomains: integer('at least so many'),
  nodeAffinityPolicy: text('which nodes count'),
  nodeTaintsPolicy: text('which nodes count'),
  matchLabelKeys: texts('labels by which they are told apart'),
})

const podSecurityContext = object('as whom all of it runs', {
  runAsUser: integer('the user'),
  runAsGroup: integer('the group'),
  runAsNonRoot: flag('whether root is refused'),
  fsGroup: integer('the group of volumes'),
  fsGroupChangePolicy: text('when it is set'),
  supplementalGroups: list('further groups', integer('a group')),
  supplementalGroupsPolicy: text('whether the image’s count'),
  sysctls: list(
    'settings of the kernel',
    object('one', { name: text('its name'), value: text('its value') }, { required: ['name', 'value'] }),
  ),
  seccompProfile: anything('the system call filter'),
  seLinuxOptions: anything('labels of SELinux'),
  seLinuxChangePolicy: text('how they are set'),
  appArmorProfile: anything('the profile of AppArmor'),
  windowsOptions: anything('for Windows'),
})

const podSpec = object(
  'what is to run',
  {
    containers: list('what runs; one of them is the workload', container, byName),
    initContainers: list('what runs before', container, byName),
    ephemeralContainers: list('what looks into it', ephemeralContainer, byName),
    volumes: list('directories that containers share', volume, byName),
    restartPolicy: choice('whether ended containers are started again', ['Always', 'OnFailure', 'Never']),
    terminationGracePeriodSeconds: integer('seconds it is given to end'),
    activeDeadlineSeconds: integer('seconds after which it is ended'),
    dnsPolicy: choice('where names are looked up', ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None']),
    dnsConfig: anything('how names are looked up'),
    nodeSelector: { ...labels('labels of its node'), atomic: true },
    serviceAccountName: text('its identity'),
    serviceAccount: text('an older name of serviceAccountName'),
    automountServiceAccountToken: flag('whether it is given its token'),
    nodeName: text('the node it runs on'),
    hostNetwork: flag('whether it shares the node’s network'),
    hostPID: flag('whether it shares the node’s processes'),
    hostIPC: flag('whether it shares the node’s memory'),
    hostUsers: flag('whether it shares the node’s users'),
    hostnameOverride: text('its host name'),
    shareProcessNamespace: flag('whether containers see each other’s processes'),
    securityContext: podSecurityContext,
    imagePullSecrets: list('Secrets by which images are fetched', localReference, byName),
    hostname: text('its host name'),
    subdomain: text('its domain'),
    affinity: anything('which nodes it likes'),
    schedulerName: text('who chooses its node'),
    tolerations: list('taints it does not mind', toleration),
    hostAliases: list(
      'names of /etc/hosts',
      object('one address', { ip: text('the address'), hostnames: texts('its names') }, { required: ['ip'] }),
      {
        keys: ['ip'],
        patchKey: 'ip',
      },
    ),
    priorityClassName: text('its priority'),
    priority: integer('its priority'),
    preemptionPolicy: text('whether it displaces others'),
    readinessGates: list('further conditions of readiness', object('one', { conditionType: text('its type') })),
    runtimeClassName: text('what runs it'),
    enableServiceLinks: flag('whether services are in its environment'),
    overhead: map('what running it costs', integerOrText('a quantity')),
    topologySpreadConstraints: list('how it is spread', spread, { keys: ['topologyKey', 'whenUnsatisfiable'], patchKey: 'topologyKey' }),
    setHostnameAsFQDN: flag('whether its host name has its domain'),
    os: object('its system', { name: text('linux') }),
    schedulingGates: list('what keeps it waiting', object('one', { name: text('its name') }), byName),
    resourceClaims: list('devices it uses', anything('one')),
    resources,
  },
  { required: ['containers'] },
)

const state = object('one state', {
  waiting: object('it waits', { reason: text('why, in one word'), message: text('why') }),
  running: object('it runs', { startedAt: time('since when') }),
  terminated: object('it ended', {
    exitCode: integer('its exit code'),
    signal: integer('the signal that ended it'),
    reason: text('why, in one word'),
    message: text('why'),
    startedAt: time('from when'),
    finishedAt: time('until when'),
    containerID: text('which container'),
  }),
})

const containerStatus = object('one container', {
  name: text('its name'),
  state,
  lastState: state,
  ready: flag('whether it takes traffic'),
  restartCount: integer('how often it was started again'),
  image: text('its image'),
  imageID: text('which image'),
  containerID: text('which container'),
  started: flag('whether it has started'),
  allocatedResources: map('what it was given', integerOrText('a quantity')),
  resources,
  volumeMounts: list('what it sees of volumes', anything('one')),
  user: anything('as whom it runs'),
  allocatedResourcesStatus: list('devices', anything('one')),
  stopSignal: text('the signal that ends it'),
})

const podIp = object('one address', { ip: text('the address') }, { required: ['ip'] })

const podStatus = object('what runs; written by the node', {
  phase: choice('how far it has come', ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']),
  conditions: conditions(),
  message: text('why'),
  reason: text('why, in one word'),
  nominatedNodeName: text('the node it waits for'),
  hostIP: text('the address of its node'),
  hostIPs: list('addresses of its node', podIp),
  podIP: text('its address'),
  podIPs: list('its addresses', podIp, { keys: ['ip'], patchKey: 'ip' }),
  startTime: time('when its node took it'),
  initContainerStatuses: list('what runs before', containerStatus),
  containerStatuses: list('what runs', containerStatus),
  ephemeralContainerStatuses: list('what looks into it', containerStatus),
  qosClass: text('how its needs are met'),
  observedGeneration: integer('the generation that the status speaks of'),
  resize: text('how a change of resources goes'),
  resourceClaimStatuses: list('devices', anything('one')),
})

export const podObject = root('a workload: what runs together, on one node, under one identity', {
  spec: podSpec,
  status: podStatus,
})

const taint = object('one taint', {
  key: text('its key'),
  value: text('its value'),
  effect: text('its effect'),
  timeAdded: time('since when'),
})

export const nodeObject = root('a machine that workloads run on', {
  spec: object('what is asked for', {
    podCIDR: text('addresses of its pods'),
    podCIDRs: list('addresses of its pods', text('a CIDR'), { unique: true }),
    providerID: text('who provides it'),
    unschedulable: flag('whether it takes no more pods'),
    taints: list('what keeps pods away', taint),
    externalID: text('no longer set'),
    configSource: anything('no longer used'),
  }),
  status: object('what it is; written by the node', {
    capacity: map('what it has', integerOrText('a quantity')),
    allocatable: map('what pods may use', integerOrText('a quantity')),
    phase: text('no longer set'),
    conditions: conditions(),
    addresses: list(
      'its addresses',
      object('one address', { type: text('InternalIP, ExternalIP or Hostname'), address: text('the address') }),
      {
        keys: ['type'],
        patchKey: 'type',
      },
    ),
    daemonEndpoints: anything('where its daemon listens'),
    nodeInfo: object('its system', {
      machineID: text('which machine'),
      systemUUID: text('which machine'),
      bootID: text('since which start'),
      kernelVersion: text('the version of its kernel'),
      osImage: text('its distribution'),
      containerRuntimeVersion: text('what runs its workloads'),
      kubeletVersion: text('the version of Sallyport'),
      kubeProxyVersion: text('no longer set'),
      operatingSystem: text('linux'),
      architecture: text('the architecture of its processor'),
      swap: anything('its swap space'),
    }),
    images: list('what it has', anything('an image')),
    volumesInUse: texts('volumes'),
    volumesAttached: list('volumes', anything('one')),
    config: anything('no longer used'),
    runtimeHandlers: list('what runs pods', anything('one')),
    features: anything('what it can do'),
  }),
})
