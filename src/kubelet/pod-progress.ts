// Writes how far a Pod of this machine has come, as Kubernetes' status, where no process of its own tells it: before it runs, between two starts, and after its end.
import { isJsonList, isJsonObject, type JsonObject, type KubeObject } from '../kube/index.ts'

export interface Ended {
  readonly exitCode: number
  readonly startedAt: string
  readonly finishedAt: string
  /** Why it could not be started, or was stopped. */
  readonly message?: string
}

export type Progress =
  /** `after`: how it ended the last time. */
  | { readonly is: 'waiting'; readonly reason: string; readonly message?: string; readonly after?: Ended; readonly restarts: number }
  | { readonly is: 'over'; readonly phase: 'Succeeded' | 'Failed'; readonly after: Ended; readonly restarts: number }

export interface ProgressFacts {
  readonly container: string
  readonly image: string
  /** Of this machine. */
  readonly address: string
  readonly now: string
}

/** On top of what is known of the Pod already. */
export function statusOf(pod: KubeObject, progress: Progress, { container, image, address, now }: ProgressFacts): JsonObject {
  const before = isJsonObject(pod['status']) ? pod['status'] : {}
  const isOver = progress.is === 'over'
  const ended = progress.after === undefined ? undefined : { terminated: terminatedOf(progress.after) }
  const state = isOver ? (ended ?? {}) : { waiting: waitingOf(progress) }
  const conditions = (['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'] as const).map((type): JsonObject => {
    const isMet = type === 'Initialized' || type === 'PodScheduled'
    const why = isMet ? {} : { reason: isOver ? 'PodCompleted' : 'ContainersNotReady' }
    return { type, status: isMet ? 'True' : 'False', lastTransitionTime: transitionOf(before, type, isMet) ?? now, ...why }
  })
  return {
    phase: isOver ? progress.phase : progress.after === undefined ? 'Pending' : 'Running',
    startTime: before['startTime'] ?? now,
    hostIP: address,
    podIP: address,
    podIPs: [{ ip: address }],
    qosClass: 'BestEffort',
    conditions,
    containerStatuses: [
      {
        name: container,
        image,
        imageID: '',
        restartCount: progress.restarts,
        ready: false,
        started: false,
        state,
        ...(isOver || ended === undefined ? {} : { lastState: ended }),
      },
    ],
  }
}

function waitingOf({ reason, message }: { readonly reason: string; readonly message?: string }): JsonObject {
  return message === undefined ? { reason } : { reason, message }
}

function terminatedOf({ exitCode, startedAt, finishedAt, message }: Ended): JsonObject {
  const reason = exitCode === 0 ? 'Completed' : 'Error'
  return { exitCode, reason, startedAt, finishedAt, ...(message === undefined ? {} : { message }) }
}

/** Since when a condition is as it is; undefined when it was otherwise. */
function transitionOf(status: JsonObject, type: string, isMet: boolean): string | undefined {
  const conditions = isJsonList(status['conditions']) ? status['conditions'].filter(isJsonObject) : []
  const before = conditions.find((condition) => condition['type'] === type)
  const { status: was, lastTransitionTime } = before ?? {}
  return was === (isMet ? 'True' : 'False') && typeof lastTransitionTime === 'string' ? lastTransitionTime : undefined
}
