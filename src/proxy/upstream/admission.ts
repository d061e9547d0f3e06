// Leads one request through the limits of its cluster: counted once, let in or turned away, and let go however it ends.
import type { CompiledCluster, Target } from '../../runtime/index.ts'
import type { HostLoad } from './balance.ts'
import type { ClusterState, Waiter } from './cluster-state.ts'

export class Admission {
  readonly #state: ClusterState
  readonly #cluster: CompiledCluster
  #isCounted = false
  #pending: 'dial' | 'wait' | undefined
  #waiter: Waiter | undefined
  #load: HostLoad | undefined

  constructor(state: ClusterState, cluster: CompiledCluster) {
    this.#state = state
    this.#cluster = cluster
  }

  /** False: the cluster has as many requests as it may. */
  enter(): boolean {
    this.#isCounted ||= this.#state.beginRequest(this.#cluster.pool)
    return this.#isCounted
  }

  /**
   * Before a connection to the target is made: `dial` when it may be, `wait` when `onTurn` will be called once something has changed,
   * `overflow` when too many are without a connection already.
   */
  approach(target: Target, key: string, onTurn: () => void): 'dial' | 'wait' | 'overflow' {
    this.#endPending()
    const kind = this.#state.mayConnect(this.#cluster.pool, target) ? 'dial' : 'wait'
    if (!this.#state.beginPending(this.#cluster.pool, kind)) return 'overflow'
    this.#pending = kind
    if (kind === 'dial') return kind
    const waiter: Waiter = {
      key,
      onTurn: () => {
        this.#waiter = undefined
        onTurn()
      },
    }
    if (!this.#state.wait(waiter)) return 'overflow'
    this.#waiter = waiter
    return kind
  }

  /** It has a connection. */
  settle(target: Target): void {
    this.#endPending()
    if (this.#load) this.#state.endUse(this.#load)
    this.#load = this.#state.beginUse(target)
  }

  leave(): void {
    this.#endPending()
    if (this.#load) this.#state.endUse(this.#load)
    this.#load = undefined
    if (this.#waiter) this.#state.leave(this.#waiter)
    this.#waiter = undefined
    if (this.#isCounted) this.#state.endRequest()
    this.#isCounted = false
  }

  #endPending(): void {
    if (this.#pending !== undefined) this.#state.endPending(this.#pending)
    this.#pending = undefined
  }
}
