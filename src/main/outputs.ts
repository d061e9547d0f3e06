// Opens what a role writes: flow records, access log, metrics and the admin server; all of them only subscribe.
import type { MeshConfig } from '../api/index.ts'
import type { Watchable } from '../base/index.ts'
import type { ProxyOptions } from '../cli/index.ts'
import type { AccessLogPlan } from '../model/index.ts'
import { createMetrics, flowClosed, openRecordWriter } from '../telemetry/index.ts'
import { followAccessLogs, writeAccessLog } from './access-logs.ts'
import { tallyVariable, watchFlowBalance } from './flow-balance.ts'

export interface Outputs {
  /** Writes out what is waiting and closes everything. */
  close(): Promise<void>
}

export interface Readiness {
  readonly ready: boolean
  readonly why?: string
}

export interface Declared {
  readonly mesh: MeshConfig
  /** Where the access log goes when no option says so. */
  readonly accessLogs: Watchable<readonly AccessLogPlan[]>
}

export async function openOutputs(options: ProxyOptions, { mesh, accessLogs }: Declared, readiness: () => Readiness): Promise<Outputs> {
  const closers: (() => Promise<void> | void)[] = []
  if (options.flows !== undefined) {
    const records = openRecordWriter(options.flows)
    closers.push(
      flowClosed.subscribe(({ record }) => records.write(record)),
      () => records.close(),
    )
  }
  const { accessLog } = options
  const isIdle = closers.length === 0 && accessLog === undefined && accessLogs.value.length === 0 && options.admin === undefined
  if (accessLog === undefined) closers.push(followAccessLogs(accessLogs))
  else closers.push(writeAccessLog({ path: accessLog, encoding: mesh.accessLogEncoding ?? 'TEXT' }))
  if (options.admin !== undefined) {
    const metrics = createMetrics()
    closers.push(metrics.attach())
    // Loaded only when it is wanted: an HTTP server is no small part of a start.
    const { startAdmin } = await import('../admin/index.ts')
    const admin = await startAdmin({ address: options.admin, ready: readiness, metrics })
    closers.push(() => admin.close())
  }
  // Flows are told of only while somebody listens: whoever wants no output does not pay for the check either.
  const balance = isIdle && process.env[tallyVariable] === undefined ? undefined : watchFlowBalance()
  return {
    async close() {
      const fault = balance?.fault()
      balance?.close()
      if (fault !== undefined) process.stderr.write(`sallyport: ${fault}\n`)
      for (const close of closers) await close()
    },
  }
}
