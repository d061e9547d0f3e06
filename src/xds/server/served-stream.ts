// Puts one stream of gRPC and its rules together: who the client is, what it says, what is written to it, and when it has to go.
import { constants } from 'node:http2'
import { Duplex } from 'node:stream'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import { messageOf } from '../../base/index.ts'
import type { Node } from '../gen/envoy/config/core/v3/base_pb.js'
import { type NodeIdentity, readNode } from '../node-id.ts'
import {
  type DeltaRequest,
  DeltaStream,
  type DiscoveryStream,
  FellBehind,
  type StateRequest,
  StateStream,
  TooManyNames,
} from './discovery-stream.ts'
import type { Pushing, PushQueue } from './push-queue.ts'
import type { ResourceView } from './resource-view.ts'
import type { Rejected, Turn } from './type-stream.ts'
import type { TypeUrl } from '../type-urls.ts'
import type { ClientStatus } from './status-service.ts'

/** What a node gets, for as long as its stream lasts. */
export interface NodeView {
  readonly view: ResourceView
  release(): void
}

/** Who was let in. */
export interface Admitted {
  readonly view: NodeView
  /** Why it may not have that any more. */
  refusal(): string | undefined
}

export interface StreamLimits {
  /** Names that a stream may subscribe to. */
  readonly mostNames: number
  /** Time in which a client has to say who it is, */
  readonly firstRequestMs: number
  /** to take what is written to it, */
  readonly writeMs: number
  /** and to answer what it was sent. */
  readonly answerMs: number
  /** How often it is looked whether it still may have what it has: what it has proven itself with may expire. */
  readonly judgeMs: number
}

export interface ServedStreamOptions {
  readonly queue: PushQueue
  readonly limits: StreamLimits
  /** A view for a node, or why there is none for it. */
  readonly admit: (node: NodeIdentity, id: string) => Admitted | string
  readonly rejected: (node: Node, typeUrl: TypeUrl, rejected: Rejected) => void
  readonly closed: (stream: ServedStream) => void
}

/** The first request says who asks. */
interface Introduced {
  readonly node?: Node
}

/** Codes of gRPC (https://grpc.github.io/grpc/core/md_doc_statuscodes.html), named here so that the package is loaded by the server only. */
const codes = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  aborted: 10,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

/** What is needed of a call, whatever its requests are. */
interface Call {
  on(event: 'cancelled' | 'close' | 'error' | 'end', listener: () => void): unknown
  emit(event: 'error', error: { readonly code: number; readonly details: string }): boolean
  write(bytes: Uint8Array, written: () => void): boolean
  end(): unknown
}

export class ServedStream implements Pushing {
  readonly #call: Call
  readonly #options: ServedStreamOptions
  readonly #began = performance.now()
  #node: Node | undefined
  #identity: NodeIdentity | undefined
  #admitted: Admitted | undefined
  #judged = 0
  #stream: DiscoveryStream | undefined
  #isWriting = false
  #isClosed = false

  private constructor(call: Call, options: ServedStreamOptions) {
    this.#call = call
    this.#options = options
    for (const event of ['cancelled', 'close', 'error'] as const) call.on(event, () => this.#close())
    call.on('end', () => {
      this.#close()
      call.end()
    })
  }

  static state(call: ServerDuplexStream<StateRequest & Introduced, Uint8Array>, options: ServedStreamOptions): ServedStream {
    const served = new ServedStream(call, options)
    let stream: StateStream | undefined
    call.on('data', (request) => served.#guarded(() => (stream ??= served.#begin(request.node, StateStream))?.receive(request)))
    return served
  }

  static delta(call: ServerDuplexStream<DeltaRequest & Introduced, Uint8Array>, options: ServedStreamOptions): ServedStream {
    const served = new ServedStream(call, options)
    let stream: DeltaStream | undefined
    call.on('data', (request) => served.#guarded(() => (stream ??= served.#begin(request.node, DeltaStream))?.receive(request)))
    return served
  }

  get nodeId(): string | undefined {
    return this.#node?.id
  }

  get identity(): NodeIdentity | undefined {
    return this.#identity
  }

  get status(): ClientStatus | undefined {
    return this.#node === undefined || this.#stream === undefined ? undefined : { node: this.#node, types: this.#stream.status() }
  }

  push(turn: Turn): boolean {
    if (this.#isClosed || this.#isWriting || this.#stream === undefined) return false
    let isUnfinished = false
    this.#guarded(() => {
      const bytes = this.#stream?.next(turn)
      if (bytes === 'again') isUnfinished = true
      else if (bytes !== undefined) this.#write(bytes)
    })
    return isUnfinished
  }

  /** Ends the stream when its client takes longer than it may. */
  check(): void {
    const { limits, queue } = this.#options
    const now = performance.now()
    const isOver = (since: number | undefined, limit: number): boolean => since !== undefined && now - since > limit
    const refusal = isOver(this.#judged, limits.judgeMs) ? this.#judge(now) : undefined
    if (refusal !== undefined) this.end(codes.unauthenticated, refusal)
    else if (this.#stream === undefined && isOver(this.#began, limits.firstRequestMs))
      this.end(codes.deadlineExceeded, `no request came in ${limits.firstRequestMs} ms`)
    else if (isOver(queue.writesSince(this), limits.writeMs)) this.end(codes.deadlineExceeded, `nothing was read for ${limits.writeMs} ms`)
    else if (isOver(this.#stream?.waitsSince, limits.answerMs))
      this.end(codes.deadlineExceeded, `a response was not answered in ${limits.answerMs} ms`)
  }

  #judge(now: number): string | undefined {
    this.#judged = now
    return this.#admitted?.refusal()
  }

  end(code: number, details: string): void {
    if (this.#isClosed) return
    this.#close()
    // The way by which a handler of grpc-js says how a call ends; it waits for what is being written.
    this.#call.emit('error', { code, details })
    if (this.#isWriting) cut(this.#call)
  }

  #begin<S>(
    node: Node | undefined,
    Stream: new (options: ConstructorParameters<typeof DeltaStream>[0]) => S & DiscoveryStream,
  ): S | undefined {
    if (this.#isClosed) return undefined
    const identity = readNode(node)
    const admitted = typeof identity === 'string' ? identity : this.#options.admit(identity, node?.id ?? '')
    if (node === undefined || typeof identity === 'string' || typeof admitted === 'string') {
      this.end(codes.invalidArgument, typeof admitted === 'string' ? admitted : 'the first request has no node')
      return undefined
    }
    this.#node = node
    this.#identity = identity
    this.#admitted = admitted
    this.#judged = performance.now()
    const stream = new Stream({
      view: admitted.view.view,
      wake: () => this.#options.queue.add(this),
      rejected: (typeUrl, rejected) => this.#options.rejected(node, typeUrl, rejected),
      mostNames: this.#options.limits.mostNames,
    })
    this.#stream = stream
    return stream
  }

  #write(bytes: Uint8Array): void {
    this.#isWriting = true
    this.#options.queue.writes(this, bytes.length)
    this.#call.write(bytes, () => {
      this.#isWriting = false
      this.#options.queue.flushed(this)
      if (!this.#isClosed) this.#options.queue.add(this)
    })
  }

  #guarded(act: () => void): void {
    try {
      if (!this.#isClosed) act()
    } catch (error) {
      if (error instanceof TooManyNames) this.end(codes.resourceExhausted, error.message)
      else if (error instanceof FellBehind) this.end(codes.aborted, error.message)
      else {
        process.emitWarning(error instanceof Error ? error : String(error))
        this.end(codes.internal, messageOf(error))
      }
    }
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#options.queue.remove(this)
    this.#stream?.close()
    this.#admitted?.view.release()
    this.#options.closed(this)
  }
}

/**
 * A client that reads nothing would keep what is written to it for ever, and grpc-js has no way to give a call up: the stream of HTTP/2 below it is
 * closed. Tests hold that it is there.
 */
function cut(call: object): void {
  const below = 'call' in call && typeof call.call === 'object' && call.call !== null ? call.call : {}
  if ('stream' in below && below.stream instanceof Duplex && 'close' in below.stream && typeof below.stream.close === 'function')
    below.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
}
