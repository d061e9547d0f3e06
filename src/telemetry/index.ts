// Door of the telemetry room.
export { formatAccess, openAccessLog } from './access-log.ts'
export { wantedHeaders } from './access-headers.ts'
export * from './events.ts'
export { configureLog, logger, type LogLevel, logLevels, logLevelsByScope, type LogSettings } from './log.ts'
export { createHostCounters, type HostCount } from './host-counters.ts'
export { openRecordWriter } from './record-writer.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export { prometheusContentType } from './prometheus.ts'
