// Writes what a joined process is as Kubernetes' objects: its Pod, that Pod's status, and the Node that it runs on.
import { type Fields } from '../base/index.ts'
import { readFileSync, readlinkSync } from 'node:fs'
import { networkInterfaces, release } from 'node:os'
import type { PodDescription } from './pod-host.ts'

/** Tells whether the process of a Pod still lives, to others of the same machine. */
export const processAnnotation = 'sallyport.dev/process'

export interface PodProgress {
  readonly address: string
  /** When its command was started; absent before. */
  readonly started: string | undefined
  readonly isReady: boolean
  readonly created: string
  /** What is known of the container from before: its name, and how often it was started. */
  readonly container: Fields | undefined
}

export function podObject(pod: PodDescription, process: string, name: Fields): Fields {
  const { namespace, labels, serviceAccount, nodeName, container, hostNetwork, graceSeconds } = pod
  const ports = container.ports.map((port) => ({ ...port, protocol: 'TCP' }))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...name, namespace, labels, annotations: { [processAnnotation]: process } },
    spec: {
      nodeName,
      serviceAccountName: serviceAccount,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: graceSeconds,
      ...(hostNetwork ? { hostNetwork } : {}),
      containers: [{ name: pod.name, image: container.image, command: container.command, ...(ports.length === 0 ? {} : { ports }) }],
    },
  }
}

/** As a merge patch: what was said of the Pod while it was out of touch goes. */
export function podStatus(pod: PodDescription, { address, started, isReady, created, container = {} }: PodProgress): Fields {
  const since = started ?? created
  const condition = (type: string, is: boolean): Fields => ({
    type,
    status: is ? 'True' : 'False',
    lastTransitionTime: is ? since : created,
  })
  const state = started === undefined ? { waiting: { reason: 'ContainerCreating' } } : { running: { startedAt: started } }
  return {
    phase: started === undefined ? 'Pending' : 'Running',
    reason: null,
    message: null,
    hostIP: address,
    podIP: address,
    podIPs: [{ ip: address }],
    startTime: created,
    qosClass: 'BestEffort',
    conditions: [
      condition('Initialized', true),
      condition('Ready', isReady),
      condition('ContainersReady', isReady),
      condition('PodScheduled', true),
    ],
    containerStatuses: [
      {
        name: container['name'] ?? pod.name,
        image: container['image'] ?? pod.container.image,
        imageID: '',
        restartCount: container['restartCount'] ?? 0,
        ...(container['lastState'] === undefined ? {} : { lastState: container['lastState'] }),
        ready: isReady,
        started: started !== undefined,
        state,
      },
    ],
  }
}

export function nodeObject(name: string): Fields {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } },
    spec: {},
  }
}

export function nodeStatus(name: string, address: string, now: string): Fields {
  const ready = { type: 'Ready', status: 'True', reason: 'SallyportJoined', message: 'a process of this node is in touch' }
  return {
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: name },
    ],
    conditions: [{ ...ready, lastHeartbeatTime: now, lastTransitionTime: now }],
    nodeInfo: {
      kubeletVersion: `sallyport-${process.env['SALLYPORT_VERSION'] ?? '0.1.0'}`,
      kubeProxyVersion: '',
      kernelVersion: release(),
      osImage: osName(),
      operatingSystem: process.platform,
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      containerRuntimeVersion: '',
      bootID: bootId(),
      machineID: '',
      systemUUID: '',
    },
  }
}

/** By which others reach this machine, when the server is on it. */
export function outerAddress(local: string): string {
  if (!/^(127\.|::1$|::ffff:127\.|$)/.test(local)) return local.replace(/^::ffff:/, '')
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const outer = all.filter(({ internal, family }) => !internal && family === 'IPv4')
  return outer[0]?.address ?? '127.0.0.1'
}

/** Boot, namespace of processes, process and when it began: no two processes of a machine have the same. */
export function ownProcess(): string {
  return [bootId(), processNamespace(), process.pid, startOf(process.pid) ?? ''].join(' ')
}

/** True only when it is known: a process of this boot and namespace that is not there any more. */
export function hasEnded(told: unknown): boolean {
  if (typeof told !== 'string') return false
  const [boot, namespace, pid, start] = told.split(' ')
  if (boot !== bootId() || namespace !== processNamespace() || pid === undefined || !/^\d+$/.test(pid)) return false
  return startOf(Number(pid)) !== start
}

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program, in parentheses, may hold anything (proc(5)).
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    // There is no such process.
    return undefined
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

function processNamespace(): string {
  return readlinkSync('/proc/self/ns/pid')
}

function osName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux'
  } catch {
    // It is for people to read only.
    return 'Linux'
  }
}
