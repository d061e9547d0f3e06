// Describes the containers of a Pod, and what a node tells of them.
import {
  anything,
  choice,
  flag,
  integer,
  integerOrText,
  list,
  map,
  object,
  text,
  texts,
  type ObjectSchema,
  type Schema,
} from '../../api/index.ts'
import { time } from './object-meta.ts'

/** Lists of what has a name of its own. */
export const byName = { keys: ['name'], patchKey: 'name' }

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

export const resources = object('what it needs and may use', {
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

export const container = object('one container', containerFields, { required: ['name'] })
export const ephemeralContainer = object(
  'one container',
  { ...containerFields, targetContainerName: text('the container it looks into') },
  { required: ['name'] },
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

export const containerStatus = object('one container', {
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
