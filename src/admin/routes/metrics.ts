// Shows the metrics to Prometheus, at the path that Envoy has them.
import { type Metrics, prometheusContentType } from '../../telemetry/index.ts'
import type { Page } from '../page.ts'

export function metricsPage(metrics: Pick<Metrics, 'render'>): Page {
  return {
    path: '/stats/prometheus',
    title: 'metrics in Prometheus’ text format',
    render: async () => ({ type: prometheusContentType, body: await metrics.render() }),
  }
}
