// Describes Pods: workloads as Kubernetes sees them.
import { anything, choice, flag, integer, integerOrText, labels, list, map, object, text, texts } from '../../api/index.ts'
import { byName, container, containerStatus, ephemeralContainer, resources } from './container.ts'
import { conditions, labelSelector, root, time } from './object-meta.ts'

const localReference = object('a reference within the namespace', { name: text('the name') }, { atomic: true })

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
