// Counts what is told on the channels, and shows the counts to whoever scrapes; the rooms that tell it know nothing of metrics.
import { type FlowRecord, type ReasonCode, reasonCodes } from '../flow/index.ts'
import {
  configIssue,
  type ConfigPublished,
  configPublished,
  dnsQuery,
  type FlowClosed,
  type FlowDecided,
  flowClosed,
  flowDecided,
  flowOpened,
  linesDropped,
  overloadShed,
} from './events.ts'
import type { NamespaceOf } from './istio-labels.ts'
import { type LoopDelay, watchLoopDelay } from './loop-delay.ts'
import { createFlowMetrics, defaultLimits, type FlowMetricLimits } from './flow-metrics.ts'
import { type MetricDefinition, type MetricName, metricTable } from './metric-table.ts'
import { formatLabels, formatMetric } from './prometheus.ts'

export interface Metrics {
  /** Begins to count; the returned function ends it. `published` is what was told of the configuration before. */
  attach(published?: ConfigPublished): () => void
  /** Prometheus' text format. */
  render(): Promise<string>
}

/** `namespaceOf` gives the namespace of the service that a cluster leads to. */
export function createMetrics(limits: FlowMetricLimits = defaultLimits, namespaceOf?: NamespaceOf): Metrics {
  const counters = new Counters()
  const flows = createFlowMetrics((what) => counters.add('sallyport_metric_overflow_total', what), limits, namespaceOf)
  const opened = new OpenedConnections()
  const kinds = new KindCells(counters)
  const reasons = new ReasonCells(counters)
  let delay: LoopDelay | undefined

  const onDecided = (flow: FlowDecided): void => {
    if (isTcp(flow) && opened.add(flow.id)) flows.countOpened(flow)
  }
  const onClosed = ({ record }: FlowClosed): void => {
    const cells = kinds.of(record.kind)
    cells.active.value--
    cells[record.verdict].value++
    reasons.of(record.verdict, record.reason.code).value += record.count ?? 1
    if (record.kind === 'packets') counters.add('sallyport_refused_packets_total', record.protocol, record.count ?? 1)
    if (record.kind === 'request') flows.countRequest(record)
    const wasOpened = record.kind === 'connection' && opened.remove(record.id)
    if (!wasOpened && !isTcp(record)) return
    // As in Istio, what was refused is closed without ever having been opened.
    if (!wasOpened && record.verdict === 'allow') flows.countOpened(record)
    flows.countClosed(record)
  }

  return {
    attach: (published) => {
      if (published !== undefined) countPublished(counters, published)
      delay = watchLoopDelay()
      const leave = [
        () => delay?.close(),
        flowOpened.subscribe(({ kind }) => {
          const cells = kinds.of(kind)
          cells.opened.value++
          cells.active.value++
        }),
        flowDecided.subscribe(onDecided),
        flowClosed.subscribe(onClosed),
        ...subscribeOthers(counters),
      ]
      return () => {
        for (const each of leave) each()
      }
    },
    render: async () => {
      for (const [quantile, seconds] of delay?.quantiles() ?? []) counters.set('sallyport_event_loop_delay_seconds', quantile, seconds)
      return `${flows.render()}${counters.render()}${renderProcess()}`
    },
  }
}

/** A connection that carried HTTP is counted by its requests. */
function isTcp(flow: Pick<FlowDecided, 'kind' | 'protocol'>): boolean {
  return flow.kind === 'connection' && flow.protocol !== 'http' && flow.protocol !== 'http2'
}

/** A code that this version does not know would open a series of its own for each. */
function codeOf(code: string): ReasonCode | 'other' {
  return isReasonCode(code) ? code : 'other'
}

function isReasonCode(code: string): code is ReasonCode {
  return Object.hasOwn(reasonCodes, code)
}

function subscribeOthers(counters: Counters): readonly (() => void)[] {
  return [
    dnsQuery.subscribe(({ answer }) => counters.add('sallyport_dns_queries_total', answer)),
    overloadShed.subscribe(({ kind, what }) => counters.add('sallyport_overload_refusals_total', `${kind}\0${what}`)),
    linesDropped.subscribe(({ target, lines }) => counters.add('sallyport_lines_dropped_total', target, lines)),
    configIssue.subscribe(({ level }) => counters.add('sallyport_config_issues_total', level)),
    configPublished.subscribe((config) => countPublished(counters, config)),
  ]
}

function countPublished(counters: Counters, config: ConfigPublished): void {
  counters.add('sallyport_config_published_total', '')
  counters.clear('sallyport_config_info')
  counters.set('sallyport_config_info', config.version, 1)
  counters.set('sallyport_config_published_timestamp_seconds', '', Date.now() / 1000)
  counters.set('sallyport_config_duration_milliseconds', '', config.durationMs)
  counters.set('sallyport_config_resources', '', config.resources)
  counters.set('sallyport_config_issues', 'error', config.errors)
  counters.set('sallyport_config_issues', 'warning', config.warnings)
  counters.set('sallyport_config_rejections', '', config.rejections)
}

/** Remembers which connections were counted as opened. Whoever is forgotten for want of room is counted late, never twice. */
class OpenedConnections {
  readonly #ids = new Set<string>()

  add(id: string): boolean {
    if (this.#ids.size >= 100_000 || this.#ids.has(id)) return false
    this.#ids.add(id)
    return true
  }

  remove(id: string): boolean {
    return this.#ids.delete(id)
  }
}

type OwnMetric = Extract<MetricName, `sallyport_${string}`>

interface Cell {
  value: number
}

/** The metrics of our own, whose label values are few by nature. */
class Counters {
  /** By the label values, in the order of the table, joined by NUL. */
  readonly #metrics = new Map<OwnMetric, Map<string, Cell>>()

  add(name: OwnMetric, values: string, by = 1): void {
    this.cell(name, values).value += by
  }

  set(name: OwnMetric, values: string, value: number): void {
    this.cell(name, values).value = value
  }

  cell(name: OwnMetric, values: string): Cell {
    const series = this.#seriesOf(name)
    const known = series.get(values)
    if (known) return known
    const made = { value: 0 }
    series.set(values, made)
    return made
  }

  clear(name: OwnMetric): void {
    this.#metrics.delete(name)
  }

  /** Every metric of the table, so that a scraper sees its name before anything was counted. */
  render(): string {
    const names = Object.keys(metricTable).filter(isOwnMetric)
    return names
      .map((name) => {
        const { labels }: MetricDefinition = metricTable[name]
        const series = this.#metrics.get(name) ?? new Map<string, Cell>(labels.length === 0 ? [['', { value: 0 }]] : [])
        return formatMetric(
          name,
          Array.from(series, ([values, { value }]) => ({ labels: labelsOf(labels, values), value })),
        )
      })
      .join('')
  }

  #seriesOf(name: OwnMetric): Map<string, Cell> {
    let series = this.#metrics.get(name)
    if (!series) {
      series = new Map()
      this.#metrics.set(name, series)
    }
    return series
  }
}

type Kind = FlowRecord['kind']

/** What is counted of every flow of a kind, found by one look. A cell is made when it is first needed, so that nothing is shown that never was. */
class KindCells {
  readonly #counters: Counters
  readonly #kinds = new Map<Kind, LazyCells>()

  constructor(counters: Counters) {
    this.#counters = counters
  }

  of(kind: Kind): LazyCells {
    const known = this.#kinds.get(kind)
    if (known) return known
    const made = new LazyCells(this.#counters, kind)
    this.#kinds.set(kind, made)
    return made
  }
}

class LazyCells {
  readonly opened: Cell
  readonly active: Cell
  readonly #counters: Counters
  readonly #kind: Kind
  #allow: Cell | undefined
  #deny: Cell | undefined

  constructor(counters: Counters, kind: Kind) {
    this.#counters = counters
    this.#kind = kind
    this.opened = counters.cell('sallyport_flows_opened_total', kind)
    this.active = counters.cell('sallyport_flows_active', kind)
  }

  get allow(): Cell {
    this.#allow ??= this.#counters.cell('sallyport_flows_recorded_total', `${this.#kind}\0allow`)
    return this.#allow
  }

  get deny(): Cell {
    this.#deny ??= this.#counters.cell('sallyport_flows_recorded_total', `${this.#kind}\0deny`)
    return this.#deny
  }
}

class ReasonCells {
  readonly #counters: Counters
  readonly #cells = { allow: new Map<string, Cell>(), deny: new Map<string, Cell>() }

  constructor(counters: Counters) {
    this.#counters = counters
  }

  of(verdict: FlowRecord['verdict'], reason: string): Cell {
    const cells = this.#cells[verdict]
    const known = cells.get(reason)
    if (known) return known
    const code = codeOf(reason)
    const made = this.#counters.cell('sallyport_verdicts_total', `${verdict}\0${code}`)
    // A code that is not known could be anything, and is not remembered.
    if (code === reason) cells.set(reason, made)
    return made
  }
}

function labelsOf(labels: readonly string[], values: string): string {
  const parts = values.split('\0')
  return formatLabels(Object.fromEntries(labels.map((label, index) => [label, parts[index] ?? ''])))
}

function isOwnMetric(name: string): name is OwnMetric {
  return name.startsWith('sallyport_')
}

function renderProcess(): string {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
  const one = (name: MetricName, value: number): string => formatMetric(name, [{ labels: '', value }])
  return [
    one('process_cpu_seconds_total', (user + system) / 1e6),
    one('nodejs_heap_size_used_bytes', heapUsed),
    one('nodejs_heap_size_total_bytes', heapTotal),
    one('nodejs_external_memory_bytes', external),
    one('process_resident_memory_bytes', rss),
    one('process_start_time_seconds', Math.round(performance.timeOrigin) / 1000),
  ].join('')
}
