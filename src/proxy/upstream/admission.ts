// Leads one request through the limits of its cluster: counted once, let in or turned away, and let go however it ends.
import type { CompiledCluster, Target } from '../../runtime/index.ts'
import type { ClusterState, Waiter } from './cluster-state.ts'

export class Admission {
  readonly #state: ClusterState
  readonly #cluster: CompiledCluster
  #isCounted = false
  #isPending = false
  #waiter: Waiter | undefined
  #target: Target | undefined

  constructor(state: ClusterState, cluster: CompiledCluster) {
    this.#state = state
    this.#cluster = cluster
  }

  /** False: the cluster has as many requests as it may. */
  enter(): boolean {
    this.#isCounted ||= this.#state.beginRequest(this.#cluster.pool)
    return this.#isCounted
  }

  /** Before a connection is dialled or waited for. False: too many do so already. */
  pend(): boolean {
    this.#isPending ||= this.#state.beginPending(this.#cluster.pool)
    return this.#isPending
  }

  /** True: a connection to the target may be made. False: `onTurn` is called when something has changed. */
  mayConnect(target: Target, key: string, onTurn: () => void): boolean | 'overflow' {
    if (this.#state.mayConnect(this.#cluster.pool, target)) return true
    const waiter: Waiter = {
      key,
      onTurn: () => {
        this.#waiter = undefined
        onTurn()
      },
    }
    if (!this.#state.wait(waiter)) return 'overflow'
    this.#waiter = waiter
    return false
  }

  /** It has a connection. */
  settle(target: Target): void {
    this.#endPending()
    if (this.#target) this.#state.endUse(this.#target)
    this.#target = target
    this.#state.beginUse(target)
  }

  leave(): void {
    this.#endPending()
    if (this.#target) this.#state.endUse(this.#target)
    this.#target = undefined
    if (this.#waiter) this.#state.leave(this.#waiter)
    this.#waiter = undefined
    if (this.#isCounted) this.#state.endRequest()
    this.#isCounted = false
  }

  #endPending(): void {
    if (this.#isPending) this.#state.endPending()
    this.#isPending = false
  }
}
