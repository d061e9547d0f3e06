// Reads a Pod as an order to run one command on this machine, or says why that cannot be done. Pure.
import type { Result } from '../base/index.ts'
import {
  fieldAtPath,
  forbiddenField,
  isJsonList,
  type Json,
  type JsonObject,
  type KubeObject,
  notSupported,
  required,
} from '../kube/index.ts'
import type { StatusCause } from '../kube/index.ts'
import { findImage, type Image, type ImageTable } from './image-table.ts'
import { judgePod, type Judged, knownFields, listAt, rootAnnotation, workloadOf } from './pod-rules.ts'
import { type RestartPolicy, restartPolicyOf } from './restart.ts'

/** What this machine has. */
export interface MachineFacts {
  readonly images: ImageTable
  readonly uid: number
  readonly hasProgram: (name: string) => boolean
  readonly hasUser: (uid: number) => boolean
  /** The real path of a directory that may be a Pod's root, or why it may not. */
  readonly rootOf: (path: string) => Result<string, string>
}

export interface RunOrder {
  readonly container: string
  readonly image: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** What it sees as /. */
  readonly rootfs?: { readonly path: string; readonly isWritable: boolean }
  /** Number of the user; absent: the server's own. */
  readonly user?: number
  readonly applets?: string
  readonly holdsInput: boolean
  /** `HOSTPORT:PORT`, as --publish takes it. */
  readonly publish: readonly string[]
  readonly serviceAccount: string
  readonly restartPolicy: RestartPolicy
  readonly graceSeconds: number
}

export interface ReadPod extends Judged {
  /** Absent when there are causes. */
  readonly order?: RunOrder
}

export function readPod(pod: KubeObject, machine: MachineFacts): ReadPod {
  const judged = judgePod(pod)
  const [workload] = workloadOf(pod)
  if (workload === undefined) return judged
  const { container, path } = workload
  const reference = textAt(container, ['image'])
  const image = findImage(machine.images, reference)
  const user = userOf(pod, container)
  const wanted = pod.metadata.annotations?.[rootAnnotation]
  const rootfs = wanted === undefined ? undefined : machine.rootOf(wanted)
  const root = rootfs?.ok === true ? rootfs.value : undefined
  const order = orderOf(pod, { container, image: image ?? { command: [], needs: [] }, reference, user, root })
  const causes = [
    ...judged.causes,
    // In the place of an image: nothing is pulled.
    ...(rootfs === undefined ? imageCauses(`${path}.image`, reference, image, machine) : []),
    ...(rootfs?.ok === false
      ? [forbiddenField(`metadata.annotations[${rootAnnotation}]`, `${JSON.stringify(wanted)}: ${rootfs.error}`)]
      : []),
    ...(order.command.length === 0 && (image !== undefined || rootfs !== undefined) ? [required(`${path}.command`, nothingToRun)] : []),
    ...userCauses(pod, workload, { user, machine }),
  ]
  return { ...judged, causes, ...(causes.length === 0 ? { order } : {}) }
}

const nothingToRun = 'its image, or its root directory, says nothing to run'

interface Parts {
  readonly container: JsonObject
  readonly image: Image
  readonly reference: string
  readonly user: number | undefined
  readonly root: string | undefined
}

function orderOf(pod: KubeObject, { container, image, reference, user, root }: Parts): RunOrder {
  const { metadata } = pod
  const env = environmentOf(pod, container)
  const command = textsAt(container, ['command'])
  const args = textsAt(container, ['args'])
  const grace = fieldAtPath(pod, ['spec', 'terminationGracePeriodSeconds'])
  const words = command.length === 0 ? [...image.command, ...args] : [...command, ...args]
  return {
    container: textAt(container, ['name']),
    image: reference,
    // curl and the like are meant to be given arguments alone.
    command: words.map((word) => expand(word, env)),
    env: { HOSTNAME: textAt(pod, ['spec', 'hostname']) || (metadata.name ?? ''), ...env },
    cwd: textAt(container, ['workingDir']) || '/',
    ...(user === undefined ? {} : { user }),
    // Of the machine, which is not seen in a root directory; there the image is no more than a name.
    ...(image.applets === undefined || root !== undefined ? {} : { applets: image.applets }),
    // Kubernetes' own word for whether a root can be written to; but only who says that it can gets one that keeps what is written.
    ...(root === undefined
      ? {}
      : { rootfs: { path: root, isWritable: fieldAtPath(container, ['securityContext', 'readOnlyRootFilesystem']) === false } }),
    holdsInput: container['stdin'] === true,
    publish: listAt(container, ['ports']).flatMap((port) =>
      typeof port['hostPort'] === 'number' ? [`${addressOf(port)}:${port['hostPort']}:${Number(port['containerPort'])}`] : [],
    ),
    serviceAccount: textAt(pod, ['spec', 'serviceAccountName']) || 'default',
    restartPolicy: restartPolicyOf(pod),
    graceSeconds: typeof grace === 'number' ? grace : 30,
  }
}

function addressOf(port: JsonObject): string {
  const address = textAt(port, ['hostIP']) || '0.0.0.0'
  return address.includes(':') ? `[${address}]` : address
}

/** `$(NAME)` stands for an earlier variable, `$$` for a dollar (Kubernetes' own expansion). */
function environmentOf(pod: KubeObject, container: JsonObject): Readonly<Record<string, string>> {
  const env: Record<string, string> = {}
  for (const variable of listAt(container, ['env'])) {
    const name = textAt(variable, ['name'])
    const field = textAt(variable, ['valueFrom', 'fieldRef', 'fieldPath'])
    env[name] = knownFields.includes(field) ? textAt(pod, field.split('.')) : expand(textAt(variable, ['value']), env)
  }
  return env
}

function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([^()$]+)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return '$'
    return Object.hasOwn(env, name) ? (env[name] ?? '') : whole
  })
}

function imageCauses(field: string, reference: string, image: Image | undefined, machine: MachineFacts): readonly StatusCause[] {
  if (reference === '') return [required(field)]
  if (image === undefined) return [notSupported(field, reference, Array.from(machine.images.keys()))]
  const missing = image.needs.filter((program) => !machine.hasProgram(program))
  return missing.map((program) => forbiddenField(field, `it stands for the program ${program}, which this machine does not have`))
}

function userOf(pod: KubeObject, container: JsonObject): number | undefined {
  const own = fieldAtPath(container, ['securityContext', 'runAsUser']) ?? fieldAtPath(pod, ['spec', 'securityContext', 'runAsUser'])
  return typeof own === 'number' ? own : undefined
}

function userCauses(
  pod: KubeObject,
  { container, path }: { readonly container: JsonObject; readonly path: string },
  { user, machine }: { readonly user: number | undefined; readonly machine: MachineFacts },
): readonly StatusCause[] {
  const field = `${path}.securityContext`
  const causes: StatusCause[] = []
  if (user !== undefined && user !== machine.uid && machine.uid !== 0)
    causes.push(forbiddenField(`${field}.runAsUser`, `this server runs as user ${machine.uid}, and can run nobody else’s Pods`))
  else if (user !== undefined && user !== machine.uid && !machine.hasUser(user))
    causes.push(forbiddenField(`${field}.runAsUser`, `this machine has no user ${user}`))
  const isRoot = (user ?? machine.uid) === 0
  const either = (name: string): Json | undefined =>
    fieldAtPath(container, ['securityContext', name]) ?? fieldAtPath(pod, ['spec', 'securityContext', name])
  if (isRoot && either('runAsNonRoot') === true)
    causes.push(forbiddenField(`${field}.runAsNonRoot`, 'it would run as root: name another user with runAsUser'))
  if (isRoot && textsAt(container, ['securityContext', 'capabilities', 'drop']).length > 0)
    causes.push(forbiddenField(`${field}.capabilities.drop`, 'root keeps a few capabilities in a seal: name another user with runAsUser'))
  return causes
}

function textAt(from: KubeObject | JsonObject, path: readonly string[]): string {
  const value = fieldAtPath(from, path)
  return typeof value === 'string' ? value : ''
}

function textsAt(from: JsonObject, path: readonly string[]): readonly string[] {
  const value = fieldAtPath(from, path)
  return isJsonList(value) ? value.filter((one) => typeof one === 'string') : []
}
