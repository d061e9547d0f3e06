// Composes stock Envoy as the engine of a sidecar or gateway: its folder, its resolver, its resources, and what is ours beside it.
import { join } from 'node:path'
import { type Cidr, cidrContains, familyOf, formatCidr, parseAddress, parseIp } from '../base/index.ts'
import type { ProxyOptions } from '../cli/index.ts'
import { type DnsClient, serveProxyResolver } from '../dns/index.ts'
import { type Capture, type Engine, findEnvoy, openFeed, startEngine } from '../envoy/index.ts'
import type { FlowSource } from '../flow/index.ts'
import type { FlowSink } from '../proxy/index.ts'
import { neverReached } from '../runtime/index.ts'
import { writeNodeId } from '../xds/index.ts'
import { type Control, nodeFacts } from './control.ts'
import { nameSocketDirectory, openSocketDirectory } from './socket-directory.ts'

export interface EnvoyPlaneOptions {
  readonly role: 'sidecar' | 'gateway'
  readonly options: Pick<ProxyOptions, 'namespace' | 'name' | 'labels' | 'envoyPath'>
  readonly control: Control
  readonly names: DnsClient
  readonly source: Pick<FlowSource, 'namespace' | 'workload' | 'labels'>
  /** What DNS gave an address out for. */
  readonly nameOf?: (ip: string) => string | undefined
  /** Places that the command sees although the seal hides their like. */
  readonly exposed: readonly string[]
  /** Made in the folder that Envoy has. */
  readonly capture?: (folder: string) => Capture
  readonly relay?: string
  readonly peers?: readonly Cidr[]
}

export interface EnvoyPlane {
  readonly engine: Engine
  /** Told by the relay instead of the channels. */
  readonly flows: FlowSink
  /** Ends Envoy after at most `ms`, and removes what was made for it. */
  drain(ms: number): Promise<void>
}

/** Rejects when there is no Envoy, or it does not serve; resolves when it serves the present configuration. */
export async function startEnvoyPlane(parts: EnvoyPlaneOptions): Promise<EnvoyPlane> {
  const { role, options, control, names, source } = parts
  const binary = await findEnvoy(options.envoyPath)
  const folder = nameSocketDirectory(parts.exposed)
  const directory = await openSocketDirectory(folder, parts.exposed)
  const own = nodeFacts().addresses
  const closers: (() => Promise<void> | void)[] = [() => directory.close()]
  try {
    const resolver = await serveProxyResolver({
      names,
      runtime: control.runtime,
      own: new Set(own),
      privateNames: () => control.settings().sallyport.privateNames === 'allow',
    })
    closers.unshift(() => resolver.close())
    const feed = await openFeed(join(folder, 'xds.sock'))
    closers.unshift(() => feed.close())
    const engine = startEngine({
      role,
      binary,
      folder,
      source,
      node: {
        id: writeNodeId({ role: role === 'sidecar' ? 'sidecar' : 'router', ...options }),
        cluster: `${options.name}.${options.namespace}`,
        metadata: { NAME: options.name, NAMESPACE: options.namespace, LABELS: { ...options.labels } },
      },
      resolver: { ip: resolver.address.ip, port: resolver.address.port },
      feed,
      neverReached: distinct([...neverReached(), ...own.map(asRange)]),
      placed: (ref) => control.runtime.value?.placed(ref) ?? ref,
      nameOf: (ip) => parts.nameOf?.(ip),
      serves: (address) => isPeer(address, parts.peers),
      onNote: (text) => process.stderr.write(`sallyport: ${text}\n`),
      ...(parts.capture && { capture: parts.capture(folder) }),
      ...(parts.relay !== undefined && { relay: parts.relay }),
      ...(parts.peers && { peers: parts.peers }),
    })
    closers.unshift(() => engine.close())
    await control.handOver((snapshot) => engine.put(snapshot))
    return new Plane(engine, closers)
  } catch (error) {
    for (const close of closers) await close()
    throw error
  }
}

class Plane implements EnvoyPlane {
  readonly engine: Engine
  readonly #closers: readonly (() => Promise<void> | void)[]

  constructor(engine: Engine, closers: readonly (() => Promise<void> | void)[]) {
    this.engine = engine
    this.#closers = closers
  }

  get flows(): FlowSink {
    const { ledger } = this.engine
    return {
      // Whether a connection counts is known when its requests are.
      opened: () => undefined,
      decided: ({ id, source }) => ledger.begin(id, source.address),
      closed: (flow) => ledger.end(flow),
    }
  }

  async drain(ms: number): Promise<void> {
    await this.engine.drain(ms)
    for (const close of this.#closers) await close()
  }
}

/** Envoy takes no two ranges that are the same. */
function distinct(ranges: readonly Cidr[]): readonly Cidr[] {
  return [...new Map(ranges.map((range) => [formatCidr(range), range])).values()]
}

function asRange(ip: Cidr['ip']): Cidr {
  const family = familyOf(ip)
  return { ip, family, bits: family === 4 ? 32 : 128 }
}

function isPeer(address: string, peers: readonly Cidr[] | undefined): boolean {
  const ip = parseAddress(address)?.ip ?? parseIp(address)
  if (peers === undefined) return true
  return ip !== undefined && peers.some((cidr) => cidrContains(cidr, ip))
}
