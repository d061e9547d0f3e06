// Decides what becomes of a Pod whose command has ended: started again, at once or later, or over.
import { fieldAtPath, type KubeObject } from '../kube/index.ts'

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never'

export type Next = { readonly is: 'over'; readonly phase: 'Succeeded' | 'Failed' } | { readonly is: 'again'; readonly afterMs: number }

/** As the kubelet has it: 10 s, doubled with each end up to five minutes, forgotten after ten minutes of running. */
const firstMs = 10_000
const longestMs = 300_000
const forgottenMs = 600_000

export class Restarts {
  readonly #policy: RestartPolicy
  #waitMs = 0

  constructor(policy: RestartPolicy) {
    this.#policy = policy
  }

  /** The first time it is started again at once. */
  ended(exitCode: number, ranMs: number): Next {
    if (this.#policy === 'Never' || (this.#policy === 'OnFailure' && exitCode === 0))
      return { is: 'over', phase: exitCode === 0 ? 'Succeeded' : 'Failed' }
    const afterMs = ranMs >= forgottenMs ? 0 : this.#waitMs
    this.#waitMs = afterMs === 0 ? firstMs : Math.min(afterMs * 2, longestMs)
    return { is: 'again', afterMs }
  }
}

export function restartPolicyOf(pod: KubeObject): RestartPolicy {
  const policy = fieldAtPath(pod, ['spec', 'restartPolicy'])
  return policy === 'Never' || policy === 'OnFailure' ? policy : 'Always'
}
