// Measures how late the event loop is, over the last minute or two, at the price of a few wake-ups a second.
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

export interface LoopDelay {
  /** Seconds by quantile, as `0.5`, `0.99` and `1`. */
  quantiles(): ReadonlyMap<string, number>
  close(): void
}

/** A delay shorter than this is not looked for. */
const RESOLUTION_MS = 50
const WINDOW_MS = 60_000

export function watchLoopDelay(): LoopDelay {
  // The one before stands still, so that the two together look back a whole window and only one of them wakes the loop.
  let before: IntervalHistogram | undefined
  let now = start()
  const timer = setInterval(() => {
    now.disable()
    before = now
    now = start()
  }, WINDOW_MS)
  timer.unref()
  return {
    quantiles: () => new Map([0.5, 0.99, 1].map((quantile) => [String(quantile), secondsOf(quantile, now, before)])),
    close() {
      clearInterval(timer)
      now.disable()
    },
  }
}

function start(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  return histogram
}

/** What is measured is the time between two looks; what is beyond the wanted one was delay. Of two windows the worse one counts. */
function secondsOf(quantile: number, ...histograms: readonly (IntervalHistogram | undefined)[]): number {
  const counted = histograms.filter((histogram) => histogram !== undefined && histogram.count > 0)
  return Math.max(0, ...counted.map((histogram) => (histogram?.percentile(quantile * 100) ?? 0) / 1e9 - RESOLUTION_MS / 1000))
}
