// Composes a sidecar: control side, names and a data plane around a seal, and the gateways beside it.
import { basename } from 'node:path'
import { cidrContains, fail, messageOf, parseCidr, SallyportError, type Ip, warnOfListener } from '../base/index.ts'
import type { RunOptions } from '../cli/index.ts'
import { createNameSource, createRefusalAddresses, type DnsClient, type RefusalAddresses, serveDns } from '../dns/index.ts'
import type { LogRing, PodPort } from '../node/index.ts'
import { createDataPlane, type DataPlane } from '../proxy/index.ts'
import { type ExecRequest, parsePublish, type Seal } from '../seal/index.ts'
import type { Control } from './control.ts'
import { type GatewayProcesses, gatewayProcesses } from './gateway-process.ts'
import { joinAs } from './joined.ts'
import type { Joined } from './joined-pod.ts'
import { openOutputs } from './outputs.ts'
import { openControl } from './open-control.ts'
import { followDoor } from './proxy-door.ts'
import { recordRefusal } from './refused.ts'
import { searchDomains } from './search-domains.ts'
import { nameSocketDirectory } from './socket-directory.ts'
import { refuseErrors } from './start-errors.ts'

const virtualRanges = ['240.240.0.0/16', '2001:2::/48'].map((text) => parseCidr(text)).filter((cidr) => cidr !== undefined)

const lastBytesMs = 1000

export interface SidecarOptions {
  readonly options: RunOptions
  /** What the self-test's connections are answered with. */
  readonly nonce: string
  /** The seal when it is made; rejects when it cannot be. */
  readonly seal: () => Promise<Seal>
  /** What the command writes, where somebody may ask for it. */
  readonly log?: LogRing | undefined
}

/** Resolves with CMD's exit code. */
export async function runSidecar({ options, nonce, seal, log }: SidecarOptions): Promise<number> {
  const source = { namespace: options.namespace, workload: options.name, labels: options.labels }
  const sockets = nameSocketDirectory(options.expose)
  const gateways = gatewayProcesses(options, sockets)
  const { namespace, name, labels } = options
  const inside = new Inside()
  const joined = await joinAs(options, {
    container: { image: basename(options.command[0] ?? ''), command: options.command, ports: publishedPorts(options) },
    hostNetwork: false,
    graceSeconds: 30,
    host: { exec: (order) => inside.exec(order), terminate: (graceSeconds) => inside.within(graceSeconds) },
    ...(log && { log }),
    isNeeded: true,
  })
  const live: { plane?: DataPlane } = {}
  let control: Control | undefined
  try {
    control = await openControl({ options, proxy: { role: 'sidecar', namespace, name, labels }, sockets, isNeeded: true })
    refuseErrors(control, 'the command')
    const { runtime } = control
    const outputs = await openOutputs(options, {
      role: 'sidecar',
      control,
      readiness: () => ({ ready: runtime.value !== undefined }),
      plane: () => live.plane,
    })
    try {
      return await serve({ options, source, control, gateways, seal: await seal(), nonce, live, joined, inside })
    } finally {
      await outputs.close()
    }
  } finally {
    inside.close()
    await keepLog(log, options.logFile)
    await Promise.all([control?.close(), gateways.close(), joined.close()])
  }
}

/** Before its Pod is told to have ended: whoever reads that may ask for it at once. */
async function keepLog(log: LogRing | undefined, path: string | undefined): Promise<void> {
  log?.close()
  if (log === undefined || path === undefined) return
  const { writeLogFile } = await import('../node/index.ts')
  try {
    writeLogFile(path, log.lines())
  } catch (error) {
    process.stderr.write(`sallyport: what the command has written is not kept: ${messageOf(error)}\n`)
  }
}

/** What a Pod is asked for, passed on to the seal once the command runs in it. */
class Inside {
  #seal: Seal | undefined
  #grace: number | undefined
  #timer: NodeJS.Timeout | undefined

  begin(seal: Seal): void {
    this.#seal = seal
    if (this.#grace !== undefined) this.within(this.#grace)
  }

  exec(request: ExecRequest): ReturnType<Seal['exec']> {
    if (this.#seal !== undefined) return this.#seal.exec(request)
    return Promise.resolve(fail({ exitCode: 126, message: 'the command has not been started yet' }))
  }

  within(graceSeconds: number): void {
    this.#grace = graceSeconds
    const seal = this.#seal
    if (seal === undefined) return
    seal.signal('SIGTERM')
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void seal.close().catch(warnOfListener), graceSeconds * 1000)
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}

/** What others reach of it is a port of its node. */
function publishedPorts({ publish }: RunOptions): readonly PodPort[] {
  return publish.flatMap((text) => {
    const parsed = parsePublish(text)
    return parsed.ok ? [{ containerPort: parsed.value.inner, hostPort: parsed.value.port }] : []
  })
}

interface Parts {
  readonly options: RunOptions
  readonly source: { readonly namespace: string; readonly workload: string; readonly labels: Readonly<Record<string, string>> }
  readonly control: Control
  readonly gateways: GatewayProcesses
  readonly seal: Seal
  readonly nonce: string
  /** Where the data plane is put for those who look at it. */
  readonly live: { plane?: DataPlane }
  readonly joined: Joined
  readonly inside: Inside
}

async function serve(parts: Parts): Promise<number> {
  const { options, control, gateways, seal } = parts
  const names = createNameSource(options.resolver === undefined ? {} : { server: options.resolver })
  const refusals = createRefusalAddresses()
  const carrier = await startPlane(parts, names, refusals)
  const { plane } = carrier
  parts.live.plane = plane
  startDns(parts, names, refusals)
  let isServing = false
  let stopDoor = (): void => undefined
  const stopWatching = control.synthesised.watch((synthesised) => {
    if (isServing) void gateways.ensure(synthesised).catch((error: unknown) => process.stderr.write(`sallyport: ${String(error)}\n`))
  })
  try {
    await gateways.ensure(control.synthesised.value)
    await control.secretsReady()
    isServing = true
    stopDoor = await followDoor({ port: options.httpProxyPort, control, seal, plane, refusals })
    const stopSignals = forwardSignals(seal)
    if (await started(seal)) {
      parts.joined.runs(true)
      parts.inside.begin(seal)
    }
    const { code } = await seal.exited
    stopSignals()
    return code
  } finally {
    stopWatching()
    stopDoor()
    // What the command wrote last is still under way when it has ended.
    await carrier.drain(lastBytesMs)
    names.close()
  }
}

/** A command that does not exist is no failure of ours: it has an exit code of its own, as in a shell. */
async function started(seal: Seal): Promise<boolean> {
  try {
    await seal.start()
    return true
  } catch (error) {
    if (!(error instanceof SallyportError) || error.code !== 'SLP0007') throw error
    process.stderr.write(`sallyport: ${error.message}\n`)
    return false
  }
}

interface Carrier {
  /** Takes the connections. */
  readonly plane: DataPlane
  drain(ms: number): Promise<void>
}

async function startPlane(parts: Parts, names: DnsClient, refusals: RefusalAddresses): Promise<Carrier> {
  const { options, source, control, seal, nonce } = parts
  const nameOf = (ip: Ip): string | undefined => refusals.nameOf(ip) ?? virtualName(control, ip)
  const common = {
    role: 'sidecar',
    runtime: control.runtime,
    names,
    source,
    virtualNames: nameOf,
    secret: control.secret,
    probe: { addresses: seal.probeAddresses, nonce },
  } as const
  if (options.engine === 'envoy')
    return (await import('./envoy-sidecar.ts')).envoyCarrier({ options, control, seal, nonce, nameOf, plane: common })
  const plane = createDataPlane(common)
  plane.adoptSidecarServer(seal.tcp4, 4)
  plane.adoptSidecarServer(seal.tcp6, 6)
  return { plane, drain: (ms) => plane.drain(ms) }
}

function startDns({ source, control, seal }: Parts, names: DnsClient, refusals: RefusalAddresses): ReturnType<typeof serveDns> {
  return serveDns({
    udp: seal.dns.udp,
    tcp: seal.dns.tcp,
    runtime: control.runtime,
    names,
    refusals,
    searchDomains: searchDomains(),
    undeclared: control.settings().sallyport.dns?.undeclared ?? 'refusal-address',
    onRefused({ name, type, as }) {
      // A refusal address brings the connection itself, and that is what is recorded.
      if (as === 'refusal-address') return
      const details = `${type} answered by ${as}`
      recordRefusal(source, {
        kind: 'query',
        protocol: 'dns',
        destination: 'dns',
        host: name,
        code: 'name-not-declared',
        details,
        count: 1,
      })
    },
  })
}

/** Only addresses that we gave out stand for a name; a declared address may be dialled for its own sake. */
function virtualName(control: Control, ip: Ip): string | undefined {
  return virtualRanges.some((range) => cidrContains(range, ip)) ? control.runtime.value?.nameOfAddress(ip) : undefined
}

function forwardSignals(seal: Seal): () => void {
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const
  const forward = (name: NodeJS.Signals) => seal.signal(name)
  for (const name of names) process.on(name, forward)
  return () => {
    for (const name of names) process.off(name, forward)
  }
}
