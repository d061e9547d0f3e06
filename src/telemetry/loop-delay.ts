// Measures how late the event loop is, over the last minute or two, at the price of a few wake-ups a second.
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

export interface LoopDelay {
  /** Seconds by quantile, as `0.5`, `0.99` and `1`. */
  quantiles(): ReadonlyMap<string, number>
  close(): void
}

/** A delay shorter than this is not looked for. */
const RESOLUTION_MS = 20
const WINDOW_MS = 60_000

export function watchLoopDelay(): LoopDelay {
  // Two that take turns: the older one always looks back a whole window.
  let old = start()
  let young = start()
  const timer = setInterval(() => {
    old.disable()
    old = young
    young = start()
  }, WINDOW_MS)
  timer.unref()
  return {
    quantiles: () => new Map(['0.5', '0.99', '1'].map((quantile) => [quantile, secondsOf(old, Number(quantile))])),
    close() {
      clearInterval(timer)
      old.disable()
      young.disable()
    },
  }
}

function start(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  return histogram
}

/** What is measured is the time between two looks; what is beyond the wanted one was delay. */
function secondsOf(histogram: IntervalHistogram, quantile: number): number {
  if (histogram.count === 0) return 0
  return Math.max(0, histogram.percentile(quantile * 100) / 1e9 - RESOLUTION_MS / 1000)
}
