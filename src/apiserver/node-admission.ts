// Says what becomes of a Pod that comes without a process of its own: a server that runs Pods takes it over, if it can run it.
import type { KubeObject, StatusCause } from '../kube/index.ts'

/** On Pods that the server runs by itself, with the name of its node. Nobody else can write it. */
export const runByAnnotation = 'sallyport.dev/run-by'

export interface Admitted {
  /** With the name of the node. */
  readonly object: KubeObject
  readonly causes: readonly StatusCause[]
  readonly warnings: readonly string[]
}

export interface NodeAdmission {
  readonly node: string
  /** Undefined for a Pod that is another’s: one of a process that has joined, or of another node. */
  readonly admit: (pod: KubeObject) => Admitted | undefined
  /**
   * What the command of such a Pod, whose process has gone, has written last: of its present or last run, or of the one before. `wanted` chooses of it, as a
   * session of the process would be asked. Undefined when nothing was kept.
   */
  readonly keptLog: (pod: KubeObject, run: 'last' | 'previous', wanted: Readonly<Record<string, unknown>>) => Buffer | undefined
}

export function runnerOf({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[runByAnnotation]
}

export function withRunner(pod: KubeObject, runner: string | undefined): KubeObject {
  if (runnerOf(pod) === runner) return pod
  const { [runByAnnotation]: _, ...annotations } = pod.metadata.annotations ?? {}
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations: runner === undefined ? annotations : { ...annotations, [runByAnnotation]: runner } },
  }
}
