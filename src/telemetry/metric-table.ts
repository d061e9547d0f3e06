// Names every metric with its labels and meaning; the exposition, its documentation and the tests all read this one table.

export type MetricType = 'counter' | 'gauge' | 'histogram'

export interface MetricDefinition {
  readonly type: MetricType
  readonly text: string
  readonly labels: readonly string[]
}

/** Labels that Istio puts on every standard metric. */
const istioLabels = [
  'reporter',
  'source_workload',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_canonical_service',
  'source_canonical_revision',
  'source_cluster',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_service_name',
  'destination_service_namespace',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_cluster',
  'request_protocol',
  'response_flags',
  'connection_security_policy',
] as const

const requestLabels = [...istioLabels, 'response_code', 'grpc_response_status'] as const

/** The name of a label on Istio's metrics. */
export type IstioLabel = (typeof requestLabels)[number]

/** Istio's names and meanings where Istio has the metric (https://istio.io/latest/docs/reference/config/metrics/), ours where it has none. */
export const metricTable = {
  istio_requests_total: { type: 'counter', labels: requestLabels, text: 'HTTP requests, refused ones included.' },
  istio_request_duration_milliseconds: { type: 'histogram', labels: requestLabels, text: 'How long HTTP requests took.' },
  istio_request_bytes: { type: 'histogram', labels: requestLabels, text: 'Sizes of HTTP requests.' },
  istio_response_bytes: { type: 'histogram', labels: requestLabels, text: 'Sizes of HTTP responses.' },
  istio_tcp_connections_opened_total: { type: 'counter', labels: istioLabels, text: 'TCP and TLS connections whose way is known.' },
  istio_tcp_connections_closed_total: { type: 'counter', labels: istioLabels, text: 'TCP and TLS connections that have ended.' },
  istio_tcp_sent_bytes_total: { type: 'counter', labels: istioLabels, text: 'Bytes sent to clients, counted when a connection ends.' },
  istio_tcp_received_bytes_total: {
    type: 'counter',
    labels: istioLabels,
    text: 'Bytes received from clients, counted when a connection ends.',
  },
  sallyport_flows_opened_total: {
    type: 'counter',
    labels: ['kind'],
    text: 'Connections, requests, refused packets and queries that began.',
  },
  sallyport_flows_recorded_total: {
    type: 'counter',
    labels: ['kind', 'verdict'],
    text: 'Flow records. Every flow that was opened is recorded exactly once, when it ends.',
  },
  sallyport_flows_active: {
    type: 'gauge',
    labels: ['kind'],
    text: 'Flows that were opened and have not ended: live connections, and requests under way.',
  },
  sallyport_verdicts_total: {
    type: 'counter',
    labels: ['verdict', 'reason'],
    text: 'Flows by verdict and reason code; a record of several packets counts them all.',
  },
  sallyport_refused_packets_total: {
    type: 'counter',
    labels: ['protocol'],
    text: 'Packets that had nowhere to go, and were refused in the seal.',
  },
  sallyport_dns_queries_total: { type: 'counter', labels: ['answer'], text: 'DNS questions of workloads by the kind of answer.' },
  sallyport_config_info: {
    type: 'gauge',
    labels: ['version'],
    text: 'Always 1; the label is the content hash of the configuration in force.',
  },
  sallyport_config_published_total: { type: 'counter', labels: [], text: 'Configurations put in force since the start.' },
  sallyport_config_published_timestamp_seconds: { type: 'gauge', labels: [], text: 'When the configuration in force was published.' },
  sallyport_config_duration_milliseconds: {
    type: 'gauge',
    labels: [],
    text: 'From the sign of the last change to the moment it was in force.',
  },
  sallyport_config_resources: { type: 'gauge', labels: [], text: 'Resources in the configuration in force.' },
  sallyport_config_rejections: {
    type: 'gauge',
    labels: [],
    text: 'Parts of resources in force that the data plane cannot carry out, and refuses.',
  },
  sallyport_config_issues: { type: 'gauge', labels: ['level'], text: 'What is wrong with the configuration in force.' },
  sallyport_config_issues_total: { type: 'counter', labels: ['level'], text: 'Issues that were reported since the start.' },
  sallyport_overload_refusals_total: {
    type: 'counter',
    labels: ['kind', 'what'],
    text: 'Connections and requests that were turned away because memory, places (share) or time ran short.',
  },
  sallyport_lines_dropped_total: { type: 'counter', labels: ['target'], text: 'Lines of records and logs that an output could not take.' },
  sallyport_metric_overflow_total: {
    type: 'counter',
    labels: ['what'],
    text: 'Samples counted under the label value "other", because too many series, histograms or undeclared hosts were seen.',
  },
  sallyport_event_loop_delay_seconds: {
    type: 'gauge',
    labels: ['quantile'],
    text: 'How late the event loop was over the last minute or two: the delay that everything here can have had. Quantile 1 is the worst.',
  },
  process_cpu_seconds_total: { type: 'counter', labels: [], text: 'CPU time of this process, user and system.' },
  process_resident_memory_bytes: { type: 'gauge', labels: [], text: 'Resident memory of this process.' },
  nodejs_heap_size_used_bytes: { type: 'gauge', labels: [], text: 'Memory of this process that JavaScript objects take up.' },
  nodejs_heap_size_total_bytes: { type: 'gauge', labels: [], text: 'Memory of this process that is set aside for JavaScript objects.' },
  nodejs_external_memory_bytes: { type: 'gauge', labels: [], text: 'Memory of buffers outside the JavaScript heap.' },
  process_start_time_seconds: { type: 'gauge', labels: [], text: 'When this process started.' },
} as const satisfies Record<string, MetricDefinition>

export type MetricName = keyof typeof metricTable

/** Envoy's default histogram buckets, which Istio's metrics have. */
export const buckets: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
]
