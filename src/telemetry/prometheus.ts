// Prints metrics in Prometheus' text format 0.0.4, as scrapers of Istio's proxies expect it.
import { buckets, type MetricDefinition, type MetricName, metricTable } from './metric-table.ts'

/** One line of a metric: its labels as text (see `formatLabels`) and its value. */
export interface Sample {
  readonly labels: string
  readonly value: number
}

/** The content type of what `formatMetric` gives. */
export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8'

/** `a="x",b="y"`, in the order given. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',')
}

export function formatMetric(name: MetricName, samples: Iterable<Sample>): string {
  let text = formatHead(name)
  for (const { labels, value } of samples) text += formatSample(name, labels, value)
  return text
}

export function formatHistogram(
  name: MetricName,
  histograms: Iterable<{ readonly labels: string; readonly histogram: Histogram }>,
): string {
  let text = formatHead(name)
  for (const { labels, histogram } of histograms) {
    const start = labels === '' ? '' : `${labels},`
    let count = 0
    for (const [index, bound] of [...buckets, Number.POSITIVE_INFINITY].entries()) {
      count += histogram.counts[index] ?? 0
      text += formatSample(`${name}_bucket`, `${start}le="${formatNumber(bound)}"`, count)
    }
    text += formatSample(`${name}_sum`, labels, histogram.sum) + formatSample(`${name}_count`, labels, histogram.count)
  }
  return text
}

/** Counts observations in Envoy's buckets; the last count is of those above them all. */
export class Histogram {
  readonly counts = new Float64Array(buckets.length + 1)
  sum = 0
  count = 0

  observe(value: number): void {
    let index = 0
    while (index < buckets.length && value > (buckets[index] ?? 0)) index++
    this.counts[index] = (this.counts[index] ?? 0) + 1
    this.sum += value
    this.count++
  }
}

function formatHead(name: MetricName): string {
  const { text, type }: MetricDefinition = metricTable[name]
  return `# HELP ${name} ${text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`
}

function formatSample(name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${formatNumber(value)}\n` : `${name}{${labels}} ${formatNumber(value)}\n`
}

function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
