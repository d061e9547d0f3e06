// Runs a data plane on loopback with decisions that a test writes down, real sockets on both sides, and all records kept.
import { createServer, type AddressInfo, connect, type Server, type Socket } from 'node:net'
import { afterEach } from 'vitest'
import { type Address, parseIp, Watchable } from '../../src/base/index.ts'
import type { ConnectionFacts, FlowRecord, RequestFacts, Resolution } from '../../src/flow/index.ts'
import { createDataPlane, type DataPlane, type DataPlaneOptions, type Judge, type Limits } from '../../src/proxy/index.ts'
import type {
  CompiledHttpManager,
  ConnectionDecision,
  Deny,
  Forward,
  NameSource,
  Passthrough,
  RequestDecision,
  Runtime,
  Target,
} from '../../src/runtime/index.ts'
import { type FlowClosed, flowClosed } from '../../src/telemetry/index.ts'

export const manager: CompiledHttpManager = { routeConfig: '80', pathNormalization: 'base', useRemoteAddress: false, serverName: 'envoy' }

/** The address that clients of the kit are said to have dialled. */
export const dialled: Address = { ip: ipOf('203.0.113.10'), port: 80 }

export function ipOf(text: string): Address['ip'] {
  const ip = parseIp(text)
  if (ip === undefined) throw new Error(`${text} is no address`)
  return ip
}

export interface FakeRuntime extends Runtime {
  readonly judge: Judge
}

export interface RuntimeParts {
  readonly connection?: (facts: ConnectionFacts) => ConnectionDecision
  readonly request?: (facts: RequestFacts, manager: CompiledHttpManager) => RequestDecision
  readonly strict?: boolean
  readonly boundListeners?: Runtime['boundListeners']
}

const opened: { close(): unknown }[] = []

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close()
})

/** Closed when the test is over, the last first. */
export function closeAfterwards<T extends { close(): unknown }>(each: T): T {
  opened.push(each)
  return each
}

/** As `startPlane`, until the test is over. */
export async function plane(...args: Parameters<typeof startPlane>): Promise<Plane> {
  return closeAfterwards(await startPlane(...args))
}

/** As `startGateway`, until the test is over. */
export async function gateway(...args: Parameters<typeof startGateway>): Promise<GatewayPlane> {
  return closeAfterwards(await startGateway(...args))
}

/** As `startOrigin`, until the test is over. */
export async function origin(...args: Parameters<typeof startOrigin>): Promise<Origin> {
  return closeAfterwards(await startOrigin(...args))
}

let version = 0

export function fakeRuntime(parts: RuntimeParts): FakeRuntime {
  return {
    version: ++version,
    strict: parts.strict ?? true,
    outboundPolicy: 'REGISTRY_ONLY',
    knowsNames: true,
    boundListeners: parts.boundListeners ?? [],
    declaredName: () => undefined,
    nameOfAddress: () => undefined,
    placed: (ref) => ({ ...ref, file: 'egress.yaml', line: 7 }),
    judge: {
      decide: (_runtime, facts) => parts.connection?.(facts) ?? deny(),
      decideRequest: (_runtime, chosen, facts) => parts.request?.(facts, chosen) ?? deny({ status: 403 }),
    },
  }
}

const followsRuntime: Judge = {
  decide: (runtime, facts) => (runtime as FakeRuntime).judge.decide(runtime, facts),
  decideRequest: (runtime, chosen, facts) => (runtime as FakeRuntime).judge.decideRequest(runtime, chosen, facts),
}

export function deny(changes: Partial<Deny> = {}): Deny {
  return {
    verdict: 'deny',
    reason: { code: 'not-declared', text: 'no ServiceEntry declares this destination' },
    flag: '-',
    status: 0,
    explain: true,
    details: 'not_declared',
    ...changes,
  }
}

export function forward(targets: readonly Target[], changes: Partial<Omit<Forward, 'verdict'>> = {}): Forward {
  return {
    verdict: 'forward',
    reason: { code: 'declared', text: 'declared', by: { kind: 'ServiceEntry', namespace: 'default', name: 'origin' } },
    cluster: { name: 'outbound|80||origin.example', gateway: false, proxyProtocol: false },
    targets,
    path: 'direct',
    timeouts: { connect: 0, request: 0, idle: 0 },
    ...changes,
  }
}

export function passthrough(targets: readonly Target[]): Passthrough {
  return { ...forward(targets), verdict: 'passthrough', path: 'passthrough' }
}

export const http: ConnectionDecision = { verdict: 'http', manager }

/** First bytes are asked for, then all is served as HTTP. */
export function sniffThen(then: (facts: ConnectionFacts) => ConnectionDecision, until = 0) {
  return (facts: ConnectionFacts): ConnectionDecision => (facts.first ? then(facts) : { verdict: 'gather', need: 'first-bytes', until })
}

export interface Plane {
  readonly plane: DataPlane
  readonly runtime: Watchable<Runtime | undefined>
  readonly port: number
  /** What was told of every flow that ended, in order. */
  readonly closed: FlowClosed[]
  /** Resolves with the record at this index; fails when it does not come. */
  readonly record: (index: number) => Promise<FlowRecord>
  readonly set: (parts: RuntimeParts | undefined) => void
  readonly close: () => Promise<void>
}

export interface PlaneParts extends Omit<Partial<DataPlaneOptions>, 'limits'> {
  readonly limits?: Partial<Limits>
  readonly resolve?: Readonly<Record<string, readonly string[]>>
  readonly destination?: Address
}

export interface GatewayPlane {
  readonly plane: DataPlane
  readonly runtime: Watchable<Runtime | undefined>
  readonly closed: FlowClosed[]
  readonly record: (index: number) => Promise<FlowRecord>
  readonly set: (parts: RuntimeParts | undefined) => void
  readonly close: () => Promise<void>
}

/** A gateway that binds what its runtime says. */
export async function startGateway(parts: RuntimeParts, options: PlaneParts = {}): Promise<GatewayPlane> {
  const { resolve, ...rest } = options
  const runtime = new Watchable<Runtime | undefined>(fakeRuntime(parts))
  const closed: FlowClosed[] = []
  const unsubscribe = flowClosed.subscribe((message) => {
    if (message.record.role === 'gateway') closed.push(message)
  })
  const plane = createDataPlane({
    role: 'gateway',
    runtime,
    names: fakeNames(resolve ?? {}),
    source: { namespace: 'istio-system', workload: 'istio-egressgateway', labels: {} },
    judge: followsRuntime,
    ...rest,
  })
  return {
    plane,
    runtime,
    closed,
    record: async (index) => {
      await until(() => closed.length > index, `record ${index} of the gateway`)
      return closed[index]!.record
    },
    set: (next) => runtime.set(next && fakeRuntime(next)),
    close: async () => {
      plane.close()
      await plane.drain(5000)
      await until(() => plane.counters.active === 0, 'the end of all flows')
      unsubscribe()
    },
  }
}

/** A sidecar whose clients are all said to have dialled one destination. */
export async function startPlane(parts: RuntimeParts | undefined, options: PlaneParts = {}): Promise<Plane> {
  const { resolve, destination = dialled, ...rest } = options
  const runtime = new Watchable<Runtime | undefined>(parts && fakeRuntime(parts))
  const closed: FlowClosed[] = []
  const unsubscribe = flowClosed.subscribe((message) => {
    if (message.record.role === 'sidecar') closed.push(message)
  })
  const plane = createDataPlane({
    role: 'sidecar',
    runtime,
    names: fakeNames(resolve ?? {}),
    source: { namespace: 'default', workload: 'app', labels: { app: 'app' } },
    judge: followsRuntime,
    destinationOf: () => destination,
    ...rest,
  })
  const server = createServer()
  await listen(server)
  plane.adoptSidecarServer(server, 4)
  return {
    plane,
    runtime,
    port: portOf(server),
    closed,
    record: async (index) => {
      await until(() => closed.length > index, `record ${index}`)
      return closed[index]!.record
    },
    set: (next) => runtime.set(next && fakeRuntime(next)),
    close: async () => {
      plane.close()
      server.close()
      // Connections that were cut before they were decided are recorded when their sockets are gone.
      await plane.drain(5000)
      await until(() => plane.counters.active === 0, 'the end of all flows')
      unsubscribe()
    },
  }
}

function fakeNames(table: Readonly<Record<string, readonly string[]>>): NameSource {
  const answer = (name: string): Resolution => {
    const addresses = table[name]
    return addresses
      ? { addresses: addresses.map(ipOf), expires: Number.MAX_SAFE_INTEGER }
      : { failed: 'NXDOMAIN', expires: Number.MAX_SAFE_INTEGER }
  }
  return { known: () => undefined, resolve: async (name) => answer(name) }
}

export async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0 }, resolve)
  })
}

/** A port on loopback that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = createServer()
  await listen(server)
  const port = portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

export function local(port: number): Address {
  return { ip: ipOf('127.0.0.1'), port }
}

export async function until(condition: () => boolean, what: string, ms = 5000): Promise<void> {
  const end = Date.now() + ms
  while (!condition()) {
    if (Date.now() > end) throw new Error(`no sign of ${what} within ${ms} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A peer that a test speaks through byte by byte. */
export class Peer {
  readonly socket: Socket
  text = ''
  bytes = 0
  ended = false
  closed = false
  error: Error | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (data) => {
      this.bytes += data.length
      this.text += data.toString('latin1')
      if (this.text.length > 2_000_000) this.text = this.text.slice(-1_000_000)
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', (error) => {
      this.error = error
    })
    socket.on('close', () => {
      this.closed = true
    })
  }

  write(text: string | Uint8Array): this {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
    return this
  }

  /** What has come, once it contains `part`. */
  async until(part: string | RegExp, ms = 5000): Promise<string> {
    const has = (): boolean => (typeof part === 'string' ? this.text.includes(part) : part.test(this.text))
    await until(has, `${String(part)} (so far: ${JSON.stringify(this.text.slice(-500))})`, ms)
    return this.text
  }

  async untilEnd(ms = 5000): Promise<string> {
    await until(() => this.ended || this.closed, `the end (so far: ${JSON.stringify(this.text.slice(-500))})`, ms)
    return this.text
  }

  async untilClosed(ms = 5000): Promise<void> {
    await until(() => this.closed, 'the close', ms)
  }
}

/** Connects to a port of loopback, or to a Unix socket. */
export async function dialPeer(at: number | string): Promise<Peer> {
  const place = typeof at === 'string' ? { path: at } : { host: '127.0.0.1', port: at, noDelay: true }
  const socket = connect({ ...place, allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return new Peer(socket)
}

export interface Origin {
  readonly server: Server
  readonly port: number
  readonly target: Address
  /** Connections in the order of their arrival. */
  readonly peers: Peer[]
  peer(index: number): Promise<Peer>
  /** All bytes that came, over all connections. */
  received(): string
  close(): void
}

/** An upstream whose connections a test answers, at once by `onPeer` or later by hand. */
export async function startOrigin(onPeer: (peer: Peer) => void = () => undefined): Promise<Origin> {
  const peers: Peer[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.setNoDelay(true)
    const peer = new Peer(socket)
    peers.push(peer)
    onPeer(peer)
  })
  await listen(server)
  const port = portOf(server)
  return {
    server,
    port,
    target: local(port),
    peers,
    peer: async (index) => {
      await until(() => peers.length > index, `upstream connection ${index}`)
      return peers[index]!
    },
    received: () => peers.map((peer) => peer.text).join(''),
    close: () => {
      for (const peer of peers) peer.socket.destroy()
      server.close()
    },
  }
}

/** Answers every complete request head with `response`. Bodies are not read. */
export function answering(response: string | ((head: string) => string)): (peer: Peer) => void {
  return (peer) => {
    let done = 0
    peer.socket.on('data', () => {
      for (;;) {
        const end = peer.text.indexOf('\r\n\r\n', done)
        if (end === -1) return
        const head = peer.text.slice(done, end + 4)
        done = end + 4
        peer.write(typeof response === 'string' ? response : response(head))
      }
    })
  }
}
