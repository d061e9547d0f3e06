// Leaves endpoints out that fail several times in a row, for longer each time, as Envoy's outlier detection does; a state without timers.
import type { OutlierPlan } from '../../runtime/index.ts'

/** A status that the endpoint answered with, or what became of a connection to it. */
export type Outcome = number | 'connected' | 'connect-failed' | 'timeout'

interface Counts {
  consecutive5xx: number
  consecutiveGateway: number
  consecutiveLocal: number
  /** Steps of the base time that the next ejection lasts, less one. */
  backOff: number
  /** Left out until then. */
  until: number
}

const gatewayErrors: ReadonlySet<number> = new Set([502, 503, 504])

/** The endpoints of one cluster, by what they are dialled as. */
export class OutlierDetection {
  readonly #hosts = new Map<string, Counts>()
  /** When looking began: endpoints come back at whole intervals from there. */
  readonly #began: number

  constructor(now: number) {
    this.#began = now
  }

  /** Endpoints that are remembered. */
  get size(): number {
    return this.#hosts.size
  }

  /** Nobody has failed of late, so that it may be forgotten. */
  isQuiet(now: number): boolean {
    for (const { until } of this.#hosts.values()) if (until > now) return false
    return true
  }

  isEjected(host: string, now: number): boolean {
    const counts = this.#hosts.get(host)
    return counts !== undefined && counts.until > now
  }

  /** `total`: how many endpoints the cluster has. */
  report(plan: OutlierPlan, host: string, outcome: Outcome, at: { readonly now: number; readonly total: number }): void {
    const known = this.#hosts.get(host)
    if (known === undefined && !isFailure(outcome)) return
    const counts = known ?? { consecutive5xx: 0, consecutiveGateway: 0, consecutiveLocal: 0, backOff: 0, until: 0 }
    if (known === undefined) {
      this.#forget(at)
      this.#hosts.set(host, counts)
    }
    if (count(plan, counts, outcome)) this.#eject(plan, counts, at)
  }

  #eject(plan: OutlierPlan, counts: Counts, { now, total }: { readonly now: number; readonly total: number }): void {
    if (counts.until > now) return
    let ejected = 0
    for (const { until } of this.#hosts.values()) if (until > now) ejected++
    // Envoy counts this one too: of two endpoints none goes at the default of 10 %.
    if ((100 * (ejected + 1)) / Math.max(1, total) > plan.maxEjectionPercent) return
    // Each whole interval in good standing takes a step back.
    const steps = counts.until === 0 ? 0 : this.#intervals(now, plan) - this.#intervals(counts.until, plan)
    counts.backOff = Math.max(0, counts.backOff - steps)
    if ((counts.backOff + 1) * plan.baseEjection < plan.maxEjection + plan.baseEjection) counts.backOff++
    const duration = Math.min(counts.backOff * plan.baseEjection, plan.maxEjection)
    counts.until = this.#began + Math.ceil((now + duration - this.#began) / plan.interval) * plan.interval
    counts.consecutive5xx = 0
    counts.consecutiveGateway = 0
    counts.consecutiveLocal = 0
  }

  #intervals(time: number, { interval }: OutlierPlan): number {
    return Math.floor((time - this.#began) / interval)
  }

  /** Names that are resolved anew bring new addresses; the old ones must not pile up. */
  #forget({ now, total }: { readonly now: number; readonly total: number }): void {
    if (this.#hosts.size < 4 * total + 64) return
    for (const [host, { until }] of this.#hosts) if (until <= now) this.#hosts.delete(host)
  }
}

function isFailure(outcome: Outcome): boolean {
  return typeof outcome === 'number' ? outcome >= 500 : outcome !== 'connected'
}

/** True when a detector has seen enough. Failures of the way there count as 503 or 504, unless they are counted apart. */
function count(plan: OutlierPlan, counts: Counts, outcome: Outcome): boolean {
  if (typeof outcome !== 'number' && plan.splitLocal) {
    counts.consecutiveLocal = outcome === 'connected' ? 0 : counts.consecutiveLocal + 1
    return reached(counts, 'consecutiveLocal', plan)
  }
  const status = typeof outcome === 'number' ? outcome : outcome === 'connected' ? 200 : outcome === 'timeout' ? 504 : 503
  counts.consecutive5xx = status >= 500 ? counts.consecutive5xx + 1 : 0
  counts.consecutiveGateway = gatewayErrors.has(status) ? counts.consecutiveGateway + 1 : 0
  const [by5xx, byGateway] = [reached(counts, 'consecutive5xx', plan), reached(counts, 'consecutiveGateway', plan)]
  return by5xx || byGateway
}

/** A detector that has seen enough begins to count anew, whether the endpoint may be left out or not. */
function reached(counts: Counts, detector: 'consecutive5xx' | 'consecutiveGateway' | 'consecutiveLocal', plan: OutlierPlan): boolean {
  const limit = plan[detector]
  if (limit === 0 || counts[detector] < limit) return false
  counts[detector] = 0
  return true
}
