// Reads and prints durations in the Go syntax that Istio resources use, and prints times as Kubernetes does.

const unitMs: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const termPattern = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/gy

/** Milliseconds of `1.5s`, `1m30s` or `250ms`. Every number needs its unit, and there is no sign: no wait is negative. */
export function parseDuration(text: string): number | undefined {
  if (text.length === 0 || text.length > 64) return undefined
  let ms = 0
  let end = 0
  for (const match of text.matchAll(termPattern)) {
    ms += Number(match[1]) * (unitMs[match[2] ?? ''] ?? Number.NaN)
    end = match.index + match[0].length
  }
  if (end !== text.length || !Number.isFinite(ms)) return undefined
  // Go counts whole nanoseconds; this also removes the noise of 0.1 + 0.2.
  return Math.round(ms * 1e6) / 1e6
}

/** The shortest Go spelling: `250ms`, `1.5s`, `1m30s`, `0s`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return String(ms)
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms === 0) return '0s'
  if (ms < 1) return `${trim(ms * 1000)}us`
  if (ms < 1000) return `${trim(ms)}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const seconds = (ms % 60_000) / 1000
  const parts = [hours > 0 ? `${hours}h` : '', minutes > 0 ? `${minutes}m` : '', seconds > 0 ? `${trim(seconds)}s` : '']
  return parts.join('')
}

/** RFC 3339, in UTC, to the second: of milliseconds since the epoch, or of now. */
export function timeText(ms = Date.now()): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

function trim(value: number): string {
  return String(Number(value.toFixed(6)))
}
