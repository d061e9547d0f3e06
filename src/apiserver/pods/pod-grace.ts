// Says how long something that is deleted is given to end: a Pod that runs somewhere, as long as was asked for; everything else goes at once.
import { longestTimerMs } from '../../base/index.ts'
import { type ApiResource, fieldAtPath, type KubeObject } from '../../kube/index.ts'

const usualSeconds = 30
/** Differs from Kubernetes: twenty-four days, as long as timers count. What is longer would end a Pod at once, and far more is no time at all, by which nothing could be deleted. */
const mostSeconds = Math.floor(longestTimerMs / 1000)

export function graceOf({ group, kind }: Pick<ApiResource, 'group' | 'kind'>, object: KubeObject, asked: number | undefined): number {
  if (group !== '' || kind !== 'Pod' || !isRunning(object)) return 0
  const own = fieldAtPath(object, ['spec', 'terminationGracePeriodSeconds'])
  const wanted = asked ?? (typeof own === 'number' ? own : usualSeconds)
  // As Kubernetes reads less than nothing.
  const seconds = wanted < 0 ? 1 : Math.min(wanted, mostSeconds)
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata
  return deletionTimestamp === undefined ? seconds : Math.min(seconds, deletionGracePeriodSeconds ?? 0)
}

function isRunning(pod: KubeObject): boolean {
  const phase = fieldAtPath(pod, ['status', 'phase'])
  return nodeOf(pod) !== '' && phase !== 'Succeeded' && phase !== 'Failed'
}

export function nodeOf(pod: KubeObject): string {
  const node = fieldAtPath(pod, ['spec', 'nodeName'])
  return typeof node === 'string' ? node : ''
}
