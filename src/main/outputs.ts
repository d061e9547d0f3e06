// Opens what a role writes: flow records, access log, metrics and the admin server; all of them only subscribe.
import type { NodeView } from '../admin/index.ts'
import { accessLogFormat, type MeshConfig } from '../api/index.ts'
import type { ProxyOptions } from '../cli/index.ts'
import type { AccessLogPlan } from '../model/index.ts'
import type { DataPlane } from '../proxy/index.ts'
import { createHostCounters, createMetrics, flowClosed, openRecordWriter } from '../telemetry/index.ts'
import { followAccessLogs, writeAccessLog } from './access-logs.ts'
import type { Control } from './control.ts'
import { readMetadata } from '../xds/index.ts'
import { tallyVariable, watchFlowBalance } from './flow-balance.ts'

export interface Outputs {
  /** Writes out what is waiting and closes everything. */
  close(): Promise<void>
}

export interface Readiness {
  readonly ready: boolean
  readonly why?: string
}

export interface OutputParts {
  readonly role: NodeView['role']
  readonly control: Pick<Control, 'settings' | 'view' | 'discovery' | 'published' | 'accessLogs' | 'secret'>
  readonly readiness: () => Readiness
  /** What is under way, once there is a data plane. */
  readonly plane: () => Pick<DataPlane, 'loads'> | undefined
}

export async function openOutputs(options: ProxyOptions, parts: OutputParts): Promise<Outputs> {
  const { mesh } = parts.control.settings()
  const { accessLogs } = parts.control
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
  else closers.push(writeAccessLog(accessLogPlan(accessLog, mesh)))
  if (options.admin !== undefined) closers.push(...(await openAdmin(options.admin, options, parts)))
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

/** The option names the place; the form is the mesh's. */
function accessLogPlan(path: string, mesh: MeshConfig): AccessLogPlan {
  const format = accessLogFormat(mesh)
  return { path, encoding: mesh.accessLogEncoding ?? 'TEXT', ...(format && { format }) }
}

async function openAdmin(address: string, options: ProxyOptions, parts: OutputParts): Promise<readonly (() => Promise<void> | void)[]> {
  const { role, control, readiness } = parts
  const namespaceOf = (cluster: string): string | undefined =>
    readMetadata(control.view()?.snapshot.clusters.get(cluster)?.metadata).namespace
  const metrics = createMetrics(undefined, namespaceOf)
  const hosts = createHostCounters()
  const detach = [metrics.attach(control.published()), hosts.attach()]
  // Loaded only when it is wanted: an HTTP server is no small part of a start.
  const { startAdmin } = await import('../admin/index.ts')
  const { namespace, name, labels } = options
  const admin = await startAdmin({
    address,
    ready: readiness,
    metrics,
    proxy: {
      node: { role, namespace, name, labels },
      version: process.env['SALLYPORT_VERSION'] ?? '0.1.0',
      config: () => control.view(),
      discovery: () => control.discovery(),
      hosts: () => hosts.counts(),
      loads: () => parts.plane()?.loads() ?? [],
      certificates: (name) => {
        const secret = control.secret(name)
        return secret?.certificate?.chain ?? secret?.roots
      },
    },
  })
  return [...detach, () => admin.close()]
}
