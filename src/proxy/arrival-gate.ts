// Receives accepted connections: learns where each was going, turns away what may not be here, and opens the rest.
import type { Server } from 'node:net'
import { type Address, type Cidr, cidrContains, formatAddress, parseIp, sameAddress } from '../base/index.ts'
import type { BoundListener, Deny } from '../runtime/index.ts'
import { type Arrival, peerOf } from './arrival.ts'
import { Connection } from './connection.ts'
import { type Context, ownDeny } from './context.ts'
import { DoorClient, type DoorNames } from './door/door.ts'
import { HeldBytes } from './held-bytes.ts'
import { type DestinationOf, createDestinationReader } from './original-dst.ts'
import { type ProxyHeader, readProxyHeader } from './proxy-protocol.ts'
import { closePolitely } from './refusal.ts'
import type { Wire, WireHandler } from './transport.ts'

/** Connections to one of these addresses get the nonce and are no flow: the seal tests itself with them. */
export interface Probe {
  /** `ip:port` */
  readonly addresses: readonly string[]
  readonly nonce: string
}

export interface GateOptions {
  readonly virtualNames: ((ip: Address['ip']) => string | undefined) | undefined
  readonly probe: Probe | undefined
  readonly peers: readonly Cidr[] | undefined
  readonly destinationOf: DestinationOf | undefined
}

/** Clients of doors that have not said yet where they want to go. */
const mostUndecided = 1024

/** Where a connection is said to go when nothing is known of it. */
const nowhere: Address = { ip: parseIp('0.0.0.0') ?? missingIp(), port: 0 }

function missingIp(): never {
  throw new Error('0.0.0.0 is no address')
}

export class ArrivalGate {
  readonly #context: Context
  readonly #options: GateOptions
  readonly #probes: ReadonlySet<string>
  #undecided = 0

  constructor(context: Context, options: GateOptions) {
    this.#context = context
    this.#options = options
    this.#probes = new Set(options.probe?.addresses)
  }

  /** Connections that the capture rules have redirected to a listening socket inside the workload's namespace. */
  adoptSidecarServer(server: Server, family: 4 | 6): void {
    const destinationOf = this.#options.destinationOf ?? createDestinationReader(family)
    this.#context.transport.adopt(server, (wire, descriptor) => this.#onCaptured(wire, destinationOf(descriptor)))
  }

  adoptGatewayServer(server: Server, listener: BoundListener): void {
    this.#context.transport.adopt(server, (wire) => this.#onHop(wire, listener))
  }

  /** Connections of clients that ask an HTTP or SOCKS5 proxy for another one. */
  adoptDoor(server: Server, addressOf: DoorNames['addressOf']): void {
    const names: DoorNames = { addressOf, virtualNames: (ip) => this.#options.virtualNames?.(ip) }
    this.#context.transport.adopt(server, (wire) => this.#onDoor(wire, names))
  }

  #onDoor(wire: Wire, names: DoorNames): void {
    const arrival: Arrival = { source: wire.remote, destination: wire.local ?? nowhere }
    if (this.#undecided >= mostUndecided) {
      return this.#refuse(
        wire,
        arrival,
        ownDeny('limit-reached', `${mostUndecided} clients have not said yet where they want to go`, { flag: 'UO' }),
      )
    }
    this.#undecided++
    new DoorClient({
      context: this.#context,
      wire,
      names,
      keeper: {
        open: (client, to, held) => this.#open(client, to, held),
        refuse: (client, to, { deny, request }) => {
          if (request === undefined) this.#refuse(client, to, deny)
          else new Connection(this.#context, client, to).refuseRequest(deny, request)
        },
        onOver: () => {
          this.#undecided--
        },
      },
    })
  }

  #onCaptured(wire: Wire, destination: Address | undefined): void {
    const local = wire.local ?? nowhere
    const source = wire.remote
    if (!destination || sameAddress(destination, local)) {
      const text = 'the connection was made to the sidecar itself instead of being redirected to it'
      return this.#refuse(wire, { source, destination: local }, ownDeny('capture-bypass', text))
    }
    if (this.#probes.size > 0 && this.#probes.has(formatAddress(destination))) return this.#answerProbe(wire)
    const virtualName = this.#options.virtualNames?.(destination.ip)
    this.#open(wire, { source, destination, ...(virtualName !== undefined && { virtualName }) })
  }

  #onHop(wire: Wire, listener: BoundListener): void {
    const source = wire.remote
    const arrival: Arrival = { source, destination: wire.local ?? nowhere, listener: listener.name }
    const { peers } = this.#options
    if (peers && source && !peers.some((cidr) => cidrContains(cidr, source.ip))) {
      const text = `the gateway serves only peers in --from, and ${source.ip} is not one of them`
      return this.#refuse(wire, arrival, ownDeny('peer-not-allowed', text))
    }
    if (!listener.proxyProtocol) return this.#open(wire, arrival)
    wire.handler = new ProxyPreface(this.#context, wire, {
      onHeader: (header, held) => this.#open(wire, { ...arrival, ...arrivalOf(header) }, held),
      onBroken: (text) => this.#refuse(wire, arrival, ownDeny('bad-request', text, { flag: 'DPE' })),
    })
  }

  #open(wire: Wire, arrival: Arrival, held?: HeldBytes): void {
    if (this.#context.isDraining()) return this.#refuse(wire, arrival, ownDeny('limit-reached', 'the proxy is shutting down'))
    const { overload } = this.#context
    const peer = peerOf(arrival)
    const shed = overload.beginConnection(peer)
    if (shed) {
      this.#refuse(wire, arrival, shed)
      // Whoever is turned away for want of room takes none while he goes.
      return wire.close()
    }
    const connection = new Connection(this.#context, wire, arrival, () => overload.endConnection(peer))
    connection.begin(held?.bytes, held?.start, held?.end)
  }

  #refuse(wire: Wire, arrival: Arrival, deny: Deny): void {
    new Connection(this.#context, wire, arrival).refuse(deny)
  }

  #answerProbe(wire: Wire): void {
    const nonce = Buffer.from(this.#options.probe?.nonce ?? '', 'utf8')
    wire.send(nonce, 0, nonce.length)
    closePolitely(wire, this.#context, () => undefined)
  }
}

function arrivalOf(header: ProxyHeader): Partial<Arrival> {
  return {
    ...(header.source && { source: header.source }),
    ...(header.destination && { destination: header.destination }),
    ...(header.flow !== undefined && { parent: header.flow }),
    ...(header.workload !== undefined && { workload: header.workload }),
  }
}

interface PrefaceListener {
  onHeader(header: ProxyHeader, rest: HeldBytes): void
  onBroken(text: string): void
}

/** Reads the PROXY protocol header ahead of everything else. */
class ProxyPreface implements WireHandler {
  readonly #held = new HeldBytes()
  readonly #wire: Wire
  readonly #listener: PrefaceListener
  readonly #deadline: { cancel(): void }

  constructor(context: Context, wire: Wire, listener: PrefaceListener) {
    this.#wire = wire
    this.#listener = listener
    this.#deadline = context.deadlines.arm(context.limits.proxyHeaderMs, () =>
      this.#break('the PROXY protocol header did not come in time'),
    )
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.#held.append(bytes, start, end)
    const result = readProxyHeader(this.#held.bytes, this.#held.start, this.#held.end)
    if (result === 'more') return
    if ('broken' in result) return this.#break(result.broken)
    this.#deadline.cancel()
    this.#held.consume(result.length)
    this.#listener.onHeader(result.header, this.#held)
  }

  onEnd(): void {
    this.#break('the connection ended before its PROXY protocol header')
  }

  onDrain(): void {
    // Nothing is sent before the header has come.
  }

  onClose(): void {
    this.#break('the connection was lost before its PROXY protocol header')
  }

  #break(text: string): void {
    this.#deadline.cancel()
    if (this.#wire.closed) return this.#listener.onBroken(text)
    this.#listener.onBroken(text)
  }
}
