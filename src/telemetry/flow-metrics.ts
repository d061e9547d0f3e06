// Counts flows under Istio's labels with bounded memory: a look-up and some additions for each flow, text only when somebody scrapes.
import type { FlowRecord } from '../flow/index.ts'
import { type Destination, destinationOf, istioLabelsOf, type Labelled, type NamespaceOf } from './istio-labels.ts'
import { metricTable } from './metric-table.ts'
import { formatHistogram, formatLabels, formatMetric, Histogram } from './prometheus.ts'

export interface FlowMetricLimits {
  /** Label sets, for requests and for connections each; what comes after them is counted as `other`. */
  readonly series: number
  /** Label sets of requests that have histograms of their own: each is 66 lines of a scrape. */
  readonly histograms: number
  /** Hosts that only clients named, under a wildcard or refused. */
  readonly freeHosts: number
}

export const defaultLimits: FlowMetricLimits = { series: 10_000, histograms: 500, freeHosts: 1000 }

export interface FlowMetrics {
  countRequest(record: FlowRecord): void
  /** Once for each connection, when its way is known or, at the latest, when it ends. */
  countOpened(flow: Labelled): void
  countClosed(record: FlowRecord): void
  render(): string
}

/** `onOverflow` is told of each sample that had to be counted as `other`. */
export function createFlowMetrics(
  onOverflow: (what: 'series' | 'histograms' | 'hosts') => void,
  limits = defaultLimits,
  namespaceOf: NamespaceOf = () => undefined,
): FlowMetrics {
  return new IstioMetrics(onOverflow, limits, namespaceOf)
}

interface RequestSeries {
  readonly labels: string
  count: number
  /** Undefined where the histograms of `other` are used. */
  readonly histograms: RequestHistograms | undefined
}

interface RequestHistograms {
  readonly duration: Histogram
  readonly request: Histogram
  readonly response: Histogram
}

interface TcpSeries {
  readonly labels: string
  opened: number
  closed: number
  sent: number
  received: number
}

const OTHER = 'other'

/** Where the samples of requests like this one go: found without putting its labels into words. */
interface KnownSeries<S> extends Pick<Labelled, 'status' | 'by'> {
  readonly flag: string
  readonly source: Pick<FlowRecord['source'], 'namespace' | 'workload' | 'labels'>
  readonly series: S
}

/** Of requests that are told apart by more than their host and cluster. */
const MOST_KNOWN = 20_000

class IstioMetrics implements FlowMetrics {
  readonly #onOverflow: (what: 'series' | 'histograms' | 'hosts') => void
  readonly #limits: FlowMetricLimits
  readonly #namespaceOf: NamespaceOf
  readonly #requests = new Map<string, RequestSeries>()
  /** By cluster and host. */
  readonly #known = new Map<string, Map<string, KnownSeries<RequestSeries>[]>>()
  /** Of connections, by cluster: they are not told apart by their host. */
  readonly #knownTcp = new Map<string, KnownSeries<TcpSeries>[]>()
  #knownCount = 0
  readonly #tcp = new Map<string, TcpSeries>()
  readonly #freeHosts = new Set<string>()
  readonly #otherRequests: RequestSeries = { labels: otherLabels('istio_requests_total'), count: 0, histograms: createHistograms() }
  readonly #otherTcp: TcpSeries = createTcp(otherLabels('istio_tcp_connections_opened_total'))

  constructor(onOverflow: (what: 'series' | 'histograms' | 'hosts') => void, limits: FlowMetricLimits, namespaceOf: NamespaceOf) {
    this.#namespaceOf = namespaceOf
    this.#onOverflow = onOverflow
    this.#limits = limits
  }

  countRequest(record: FlowRecord): void {
    const series = this.#knownSeries(record) ?? this.#requestSeries(record)
    series.count++
    if (series.histograms === undefined) this.#onOverflow('histograms')
    const histograms = series.histograms ?? this.#otherRequests.histograms
    histograms?.duration.observe(record.durationMs)
    histograms?.request.observe(record.bytesSent)
    histograms?.response.observe(record.bytesReceived)
  }

  countOpened(flow: Labelled): void {
    this.#tcpSeries(flow).opened++
  }

  countClosed(record: FlowRecord): void {
    const series = this.#tcpSeries(record)
    series.closed++
    // Istio calls "sent" what goes to the client, our records what comes from it.
    series.sent += record.bytesReceived
    series.received += record.bytesSent
  }

  render(): string {
    const requests = withOther(this.#requests, this.#otherRequests, (series) => series.count > 0)
    const timed = withOther(this.#requests, this.#otherRequests, (series) => (series.histograms?.duration.count ?? 0) > 0)
    const tcp = withOther(this.#tcp, this.#otherTcp, (series) => series.opened + series.closed > 0)
    const histogramsOf = (pick: (histograms: RequestHistograms) => Histogram) =>
      timed.flatMap(({ labels, histograms }) => (histograms ? [{ labels, histogram: pick(histograms) }] : []))
    return [
      formatMetric(
        'istio_requests_total',
        requests.map(({ labels, count }) => ({ labels, value: count })),
      ),
      formatHistogram(
        'istio_request_duration_milliseconds',
        histogramsOf((each) => each.duration),
      ),
      formatHistogram(
        'istio_request_bytes',
        histogramsOf((each) => each.request),
      ),
      formatHistogram(
        'istio_response_bytes',
        histogramsOf((each) => each.response),
      ),
      formatMetric(
        'istio_tcp_connections_opened_total',
        tcp.map(({ labels, opened }) => ({ labels, value: opened })),
      ),
      formatMetric(
        'istio_tcp_connections_closed_total',
        tcp.map(({ labels, closed }) => ({ labels, value: closed })),
      ),
      formatMetric(
        'istio_tcp_sent_bytes_total',
        tcp.map(({ labels, sent }) => ({ labels, value: sent })),
      ),
      formatMetric(
        'istio_tcp_received_bytes_total',
        tcp.map(({ labels, received }) => ({ labels, value: received })),
      ),
    ].join('')
  }

  #knownSeries(record: FlowRecord): RequestSeries | undefined {
    const { cluster, host } = record
    if (cluster === undefined || host === undefined) return undefined
    const all = this.#known.get(cluster)?.get(host)
    if (all) for (const known of all) if (isAlike(known, record)) return known.series
    return undefined
  }

  #remember(record: FlowRecord, series: RequestSeries): void {
    const { cluster, host } = record
    if (cluster === undefined || host === undefined) return
    if (this.#knownCount++ >= MOST_KNOWN) {
      this.#known.clear()
      this.#knownCount = 0
    }
    const hosts = this.#known.get(cluster) ?? new Map<string, KnownSeries<RequestSeries>[]>()
    this.#known.set(cluster, hosts)
    // Who decided is another object after each change of the configuration.
    const others = hosts.get(host)?.filter((known) => known.series !== series) ?? []
    hosts.set(host, [...others, knownSeries(record, series)])
  }

  #requestSeries(record: FlowRecord): RequestSeries {
    const destination = this.#destinationOf(record)
    const key = keyOf(record, destination)
    const present = this.#requests.get(key)
    if (present) {
      this.#remember(record, present)
      return present
    }
    if (this.#requests.size >= this.#limits.series) {
      this.#onOverflow('series')
      return this.#otherRequests
    }
    const labels = { ...istioLabelsOf(record, destination), response_code: String(record.status ?? 0), grpc_response_status: '' }
    const hasRoom = this.#requests.size < this.#limits.histograms
    const series = { labels: formatLabels(labels), count: 0, histograms: hasRoom ? createHistograms() : undefined }
    this.#requests.set(key, series)
    this.#remember(record, series)
    return series
  }

  #tcpSeries(flow: Labelled): TcpSeries {
    const { cluster } = flow
    if (cluster === undefined) return this.#namedTcpSeries(flow)
    const all = this.#knownTcp.get(cluster) ?? []
    for (const known of all) if (isAlike(known, flow)) return known.series
    const series = this.#namedTcpSeries(flow)
    if (series === this.#otherTcp) return series
    if (this.#knownTcp.size >= MOST_KNOWN) this.#knownTcp.clear()
    this.#knownTcp.set(cluster, [...all.filter((known) => known.series !== series), knownSeries(flow, series)])
    return series
  }

  #namedTcpSeries(flow: Labelled): TcpSeries {
    const destination = this.#destinationOf(flow)
    const key = keyOf(flow, destination)
    const present = this.#tcp.get(key)
    if (present) return present
    if (this.#tcp.size >= this.#limits.series) {
      this.#onOverflow('series')
      return this.#otherTcp
    }
    const series = createTcp(formatLabels(istioLabelsOf(flow, destination)))
    this.#tcp.set(key, series)
    return series
  }

  /** Names that clients make up must not use up the room of those that are declared. */
  #destinationOf(flow: Labelled): Destination {
    const destination = destinationOf(flow, this.#namespaceOf)
    if (!destination.isFree || this.#freeHosts.has(destination.service)) return destination
    if (this.#freeHosts.size < this.#limits.freeHosts) {
      this.#freeHosts.add(destination.service)
      return destination
    }
    this.#onOverflow('hosts')
    return { ...destination, service: OTHER }
  }
}

function knownSeries<S>({ status, flag = '-', by, source }: Labelled, series: S): KnownSeries<S> {
  const { namespace, workload, labels } = source
  return { status, flag, by, source: { namespace, workload, labels }, series }
}

/** Whether all that labels are made of is the same, by the very objects and texts. */
function isAlike(a: KnownSeries<unknown>, b: Labelled): boolean {
  return (
    a.status === b.status &&
    a.flag === (b.flag ?? '-') &&
    a.by === b.by &&
    a.source.labels === b.source.labels &&
    a.source.workload === b.source.workload &&
    a.source.namespace === b.source.namespace
  )
}

/** Whatever a label is made of, so that one key means one set of labels. */
function keyOf(flow: Labelled, destination: Destination): string {
  const { namespace, workload, labels } = flow.source
  const whose = `${namespace}\0${workload}\0${labelsKey(labels)}`
  return `${destination.service}\0${destination.name}\0${destination.namespace}\0${flow.kind}\0${flow.status ?? 0}\0${flow.flag ?? '-'}\0${whose}`
}

/** Labels are one object for each workload, and two workloads with equal labels have equal keys. */
const labelsKeys = new WeakMap<FlowRecord['source']['labels'], string>()

function labelsKey(labels: FlowRecord['source']['labels']): string {
  let key = labelsKeys.get(labels)
  if (key === undefined) {
    key = countedLabels.map((label) => labels[label]).join('\0')
    labelsKeys.set(labels, key)
  }
  return key
}

const countedLabels = [
  'app',
  'version',
  'service.istio.io/canonical-name',
  'app.kubernetes.io/name',
  'service.istio.io/canonical-revision',
  'app.kubernetes.io/version',
]

function createHistograms(): RequestHistograms {
  return { duration: new Histogram(), request: new Histogram(), response: new Histogram() }
}

function createTcp(labels: string): TcpSeries {
  return { labels, opened: 0, closed: 0, sent: 0, received: 0 }
}

function otherLabels(name: 'istio_requests_total' | 'istio_tcp_connections_opened_total'): string {
  return formatLabels(Object.fromEntries(metricTable[name].labels.map((label) => [label, OTHER])))
}

function withOther<S>(series: ReadonlyMap<string, S>, other: S, isUsed: (series: S) => boolean): readonly S[] {
  return isUsed(other) ? [...series.values(), other] : [...series.values()]
}
