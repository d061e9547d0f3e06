// Composes an egress gateway: control side, names and a data plane that binds the ports of the Gateways that select it.
import { rmSync } from 'node:fs'
import { createDataPlane, type DataPlane } from '../proxy/index.ts'
import { type Cidr, parseCidr } from '../base/index.ts'
import type { GatewayOptions } from '../cli/index.ts'
import { createNameSource, type DnsClient } from '../dns/index.ts'
import type { Control } from './control.ts'
import { joinAs } from './joined.ts'
import { openControl } from './open-control.ts'
import { openOutputs } from './outputs.ts'
import { refuseErrors } from './start-errors.ts'

/** Time to write the last records, once the sidecar is gone. */
const mostClosingMs = 1000

export async function runGateway(options: GatewayOptions): Promise<number> {
  const { namespace, name, labels } = options
  const sockets = options.sockets === undefined ? {} : { sockets: options.sockets, quiet: true }
  const joined = await joinAs(options, {
    container: { image: 'istio-proxy', command: ['sallyport', 'gateway'], ports: [] },
    hostNetwork: true,
    graceSeconds: options.drainSeconds,
    host: { terminate: endWithin },
    isNeeded: false,
  })
  let control: Control | undefined
  try {
    control = await openControl({ options, proxy: { role: 'gateway', namespace, name, labels }, ...sockets, isNeeded: false })
    refuseErrors(control, 'the gateway')
  } catch (error) {
    await Promise.all([control?.close(), joined.close()])
    throw error
  }
  const names = createNameSource(options.resolver === undefined ? {} : { server: options.resolver })
  const plane = await startPlane(options, control, names)
  const outputs = await openOutputs(options, { role: 'gateway', control, readiness: () => readiness(control, plane), plane: () => plane })
  announce(options, control)
  await plane.whenBound()
  await control.secretsReady()
  process.send?.('ready')
  joined.runs(true)
  const drainMs = options.sockets === undefined ? await untilSignalled(options.drainSeconds) : await untilAlone(options.sockets)
  const closed = Promise.all([control.close(), joined.close()])
  await plane.drain(drainMs)
  await closed
  names.close()
  await outputs.close()
  return 0
}

type GatewayPlane = Pick<DataPlane, 'loads' | 'whenBound' | 'unboundListeners' | 'drain'>

async function startPlane(options: GatewayOptions, control: Control, names: DnsClient): Promise<GatewayPlane> {
  const { namespace, name, labels } = options
  const source = { namespace, workload: name, labels }
  const peers = peersOf(options)
  if (options.engine === 'envoy') return (await import('./envoy-gateway.ts')).envoyGateway({ options, control, names, source, peers })
  return createDataPlane({
    role: 'gateway',
    runtime: control.runtime,
    names,
    source,
    peers,
    secret: control.secret,
    onProblem: (text) => process.stderr.write(`sallyport gateway: ${text}\n`),
  })
}

function readiness(control: Control, plane: GatewayPlane): { ready: boolean; why?: string } {
  if (control.runtime.value === undefined) return { ready: false, why: 'no configuration yet' }
  const unbound = plane.unboundListeners()
  return unbound.length === 0 ? { ready: true } : { ready: false, why: `not bound: ${unbound.join(', ')}` }
}

/** Unix sockets are guarded by their mode; ports serve nobody until somebody is named. */
function peersOf(options: GatewayOptions): readonly Cidr[] | undefined {
  return options.sockets === undefined ? options.from.map(parseCidr).filter((cidr) => cidr !== undefined) : undefined
}

function announce(options: GatewayOptions, control: Control): void {
  if (options.sockets !== undefined) return
  const say = (what: string): void => void process.stderr.write(`sallyport gateway: ${options.namespace}/${options.name} ${what}\n`)
  let isConfigured = false
  const stop = control.runtime.watch((runtime) => {
    if (runtime === undefined || isConfigured) return
    isConfigured = true
    const ports = runtime.boundListeners.map((listener) => listener.name)
    say(`serves ${ports.length === 0 ? 'no port yet' : ports.join(', ')}`)
    // The present value is told before there is anything to stop.
    queueMicrotask(() => stop())
  })
  if (!isConfigured) say('waits for its configuration')
  if (options.from.length === 0)
    process.stderr.write(
      'sallyport gateway: no peer is served: without identities an open port would be an open relay; name peers with --from CIDR\n',
    )
}

/** Its Pod is deleted: as when it is told to end, but not longer than somebody is ready to wait. */
function endWithin(graceSeconds: number): void {
  process.kill(process.pid, 'SIGTERM')
  setTimeout(() => process.exit(0), graceSeconds * 1000 + mostClosingMs).unref()
}

function untilSignalled(drainSeconds: number): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(drainSeconds * 1000))
  })
}

/** Beside a sidecar it lives as long as that: a signal to both is the sidecar's to act on, whose command may take its time to end. */
function untilAlone(sockets: string): Promise<number> {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => undefined)
  return new Promise((resolve) => {
    process.once('disconnect', () => {
      // A sidecar that was killed could not do it.
      rmSync(sockets, { recursive: true, force: true })
      setTimeout(() => process.exit(1), mostClosingMs).unref()
      resolve(0)
    })
  })
}
