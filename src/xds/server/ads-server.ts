// Serves configuration over ADS: binds an address, gives each stream the view of its node, and says who has what.
import { chmodSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import {
  type ConnectionInjector,
  logVerbosity,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  setLogVerbosity,
  status,
} from '@grpc/grpc-js'
import { messageOf, removeStaleSocket, SallyportError } from '../../base/index.ts'
import { type CallProof, proofOf } from './call-proof.ts'
import { discoveryService } from '../discovery-service.ts'
import type { Node } from '../gen/envoy/config/core/v3/base_pb.js'
import { isObserver, type NodeIdentity } from '../node-id.ts'
import type { TypeUrl } from '../type-urls.ts'
import type { DeltaRequest, StateRequest } from './discovery-stream.ts'
import { PushQueue } from './push-queue.ts'
import { type Admitted, type NodeView, ServedStream, type ServedStreamOptions, type StreamLimits } from './served-stream.ts'
import { type ClientStatus, statusService, writeClientStatus } from './status-service.ts'
import type { Rejected } from './type-stream.ts'

export interface AdsServerOptions {
  /** `HOST:PORT`, or the path of a Unix socket; absent: only connections that are handed over are served. */
  readonly address?: string
  /** The view for a node, or why there is none for it. */
  readonly viewOf: (node: NodeIdentity, asked: Asked) => NodeView | string
  /** Why somebody on a connection that was handed over is not given what the node should have, or not any more; absent: nobody is. */
  readonly refusalOf?: (node: NodeIdentity, proof: CallProof) => string | undefined
  /** Whether somebody on a connection that was handed over may see what all clients have; absent: nobody. */
  readonly mayLook?: (proof: CallProof) => boolean
  /** A client has refused what it was sent. */
  readonly onRejected?: (node: Node, typeUrl: TypeUrl, rejected: Rejected) => void
  readonly limits?: Partial<AdsLimits>
}

export interface Asked {
  /** For whoever looks at what the node has, and is not to be given its secrets. */
  readonly isLooking: boolean
  /** By a connection that was handed over; whoever comes by the address is asked for nothing. */
  readonly isProven: boolean
}

export interface AdsLimits extends StreamLimits {
  readonly mostStreams: number
  /** A response that can be cut is cut after so many bytes. */
  readonly mostBytes: number
  /** How often a silent connection is asked whether it is still there. */
  readonly keepaliveMs: number
}

export interface AdsServer {
  /** As it was bound; empty where nothing is. */
  readonly address: string
  /** Serves a connection that somebody else accepted: secured, and HTTP/2 is agreed on. */
  take(connection: Duplex): void
  clients(): readonly ClientStatus[]
  close(): Promise<void>
}

const defaultLimits: AdsLimits = {
  mostStreams: 10_000,
  mostNames: 250_000,
  mostBytes: 1024 * 1024,
  firstRequestMs: 10_000,
  writeMs: 30_000,
  answerMs: 60_000,
  judgeMs: 5000,
  keepaliveMs: 20_000,
}

/** How often it is looked for clients that have to go. */
const checkMs = 500
/** A request that names a quarter of a million resources. */
const mostRequestBytes = 32 * 1024 * 1024
/** Clients that end by themselves are given so long. */
const closingMs = 500

/** Rejects with SLP4201 when the address cannot be bound. */
export async function startAdsServer(options: AdsServerOptions): Promise<AdsServer> {
  // What goes wrong is thrown or told to the client.
  setLogVerbosity(logVerbosity.NONE)
  const serving = new Serving(options)
  if (options.address !== undefined) await serving.bind(options.address)
  return serving
}

class Serving implements AdsServer {
  readonly #options: AdsServerOptions
  readonly #limits: AdsLimits
  readonly #queue: PushQueue
  readonly #streams = new Set<ServedStream>()
  /** Of the address, and of connections that are handed over: who comes by the one must not be taken for who comes by the other. */
  readonly #server: Server
  readonly #securedServer: Server
  readonly #injector: ConnectionInjector
  readonly #checks: NodeJS.Timeout
  #address = ''

  constructor(options: AdsServerOptions) {
    this.#options = options
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#queue = new PushQueue(this.#limits.mostBytes)
    this.#server = this.#made(false)
    this.#securedServer = this.#made(true)
    // Whoever hands a connection over has secured it.
    this.#injector = this.#securedServer.createConnectionInjector(ServerCredentials.createInsecure())
    this.#checks = setInterval(() => this.#check(), checkMs).unref()
  }

  get address(): string {
    return this.#address
  }

  async bind(address: string): Promise<void> {
    const path = socketPath(address)
    try {
      if (path !== undefined) await removeStaleSocket(path)
      const port = await this.#listen(path === undefined ? address : `unix:${path}`)
      if (path !== undefined) chmodSync(path, 0o600)
      this.#address = path ?? address.replace(/:\d+$/, `:${port}`)
    } catch (cause) {
      clearInterval(this.#checks)
      this.#forceShutdown()
      throw new SallyportError('SLP4201', `configuration cannot be served at ${address}: ${messageOf(cause)}`, {
        fix: 'choose another address, or end the program that uses it',
        cause,
      })
    }
  }

  take(connection: Duplex): void {
    connection.on('error', () => undefined)
    this.#injector.injectConnection(connection)
  }

  clients(): readonly ClientStatus[] {
    return Array.from(this.#streams).flatMap(({ status, identity }) => (status === undefined || isObserver(identity) ? [] : [status]))
  }

  async close(): Promise<void> {
    clearInterval(this.#checks)
    this.#queue.close()
    for (const stream of Array.from(this.#streams)) stream.end(unavailable, 'the server is going away')
    this.#injector.drain(closingMs)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, closingMs)
      this.#server.tryShutdown(() => {
        clearTimeout(timer)
        resolve()
      })
    })
    this.#forceShutdown()
  }

  #forceShutdown(): void {
    this.#injector.destroy()
    this.#securedServer.forceShutdown()
    this.#server.forceShutdown()
  }

  #made(isSecured: boolean): Server {
    const server = new Server({
      'grpc.max_receive_message_length': mostRequestBytes,
      'grpc.max_send_message_length': -1,
      // A half-open connection is found out.
      'grpc.keepalive_time_ms': this.#limits.keepaliveMs,
      'grpc.keepalive_timeout_ms': this.#limits.keepaliveMs / 2,
    })
    const proof = (call: ProvenCall): Proven => (isSecured ? { proof: proofOf(call) } : {})
    server.addService(discoveryService, {
      streamAggregatedResources: (call: ServerDuplexStream<StateRequest, Uint8Array>) =>
        this.#accept(ServedStream.state(call, this.#streamOptions(proof(call)))),
      deltaAggregatedResources: (call: ServerDuplexStream<DeltaRequest, Uint8Array>) =>
        this.#accept(ServedStream.delta(call, this.#streamOptions(proof(call)))),
    })
    const mayLook = (call: ProvenCall): boolean => !isSecured || this.#options.mayLook?.(proofOf(call)) === true
    server.addService(statusService, {
      fetchClientStatus: (call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<unknown>) =>
        mayLook(call) ? answer(null, writeClientStatus(this.clients())) : answer(forbidden),
      streamClientStatus: (call: ServerDuplexStream<unknown, unknown>) => {
        if (!mayLook(call)) return void call.emit('error', forbidden)
        call.on('data', () => {
          if (mayLook(call)) call.write(writeClientStatus(this.clients()))
          else call.emit('error', forbidden)
        })
        call.on('end', () => call.end())
      },
    })
    return server
  }

  #streamOptions(proven: Proven): ServedStreamOptions {
    return {
      queue: this.#queue,
      limits: this.#limits,
      admit: (node, id) => this.#admit(node, id, proven),
      rejected: (node, typeUrl, rejected) => this.#options.onRejected?.(node, typeUrl, rejected),
      closed: (stream) => void this.#streams.delete(stream),
    }
  }

  /** Who looks at what a connected node has need not know its labels. */
  #admit(identity: NodeIdentity, id: string, { proof }: Proven): Admitted | string {
    const isLooking = isObserver(identity)
    const looked = isLooking ? Array.from(this.#streams).find(({ nodeId }) => nodeId === id)?.identity : undefined
    const node = looked ?? identity
    const { viewOf, refusalOf = () => 'nobody is let in here' } = this.#options
    const refusal = (): string | undefined => proof && refusalOf(node, proof)
    const refused = refusal()
    if (refused !== undefined) return refused
    const view = viewOf(node, { isLooking, isProven: proof !== undefined })
    return typeof view === 'string' ? view : { view, refusal }
  }

  #accept(stream: ServedStream): void {
    this.#streams.add(stream)
    if (this.#streams.size > this.#limits.mostStreams) stream.end(resourceExhausted, 'there are as many streams as there may be')
  }

  #check(): void {
    this.#queue.sweep()
    for (const stream of Array.from(this.#streams)) stream.check()
  }

  #listen(address: string): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))),
    )
  }
}

interface Proven {
  readonly proof?: CallProof
}

type ProvenCall = Parameters<typeof proofOf>[0]

const forbidden = { code: status.PERMISSION_DENIED, details: 'what other clients have is shown to those who may read everything' }
const resourceExhausted = 8
const unavailable = 14

function socketPath(address: string): string | undefined {
  const path = address.replace(/^unix:(\/\/)?/, '')
  return path.startsWith('/') ? path : undefined
}
