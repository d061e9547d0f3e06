// Opens one ADS stream over gRPC, in either form of the protocol, and reads what comes on it into plain values.
import { type ChannelOptions, Client, type ClientDuplexStream, logVerbosity, setLogVerbosity, status } from '@grpc/grpc-js'
import { create, fromBinary } from '@bufbuild/protobuf'
import { type Any, anyIs } from '@bufbuild/protobuf/wkt'
import { messageOf as textOf } from '../../base/index.ts'
import { discoveryService } from '../discovery-service.ts'
import type { Node } from '../gen/envoy/config/core/v3/base_pb.js'
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
  ResourceSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.js'
import { callMetadata, channelCredentials, serverNameOptions, targetOf } from '../secured-channel.ts'
import type { Credential, SecuredBy } from '../secured-by.ts'
import type { DeltaRequest } from './delta-state.ts'
import { type Received, type ReceivedResource, wholeTypes } from './protocol.ts'
import type { SotwRequest } from './sotw-state.ts'

export type Form = 'delta' | 'sotw'

export interface ConnectionEvents {
  /** It can be spoken on. */
  readonly onReady: () => void
  /** `controlPlane` is what the server calls itself. */
  readonly onReceived: (received: Received, controlPlane: string) => void
  /** Called once, whatever happened. */
  readonly onEnd: (end: ConnectionEnd) => void
}

export interface ConnectionEnd {
  readonly why: string
  /** The server does not know this form of the protocol. */
  readonly isUnknownForm: boolean
}

export interface Connection {
  send(request: DeltaRequest | SotwRequest): void
  /** Nothing more is read until `resume`. */
  pause(): void
  resume(): void
  close(): void
}

export interface ConnectionOptions {
  readonly address: string
  /** Absent: nothing is encrypted, and nobody says who they are. */
  readonly securedBy?: SecuredBy
  readonly node: Node
  readonly form: Form
  readonly connectMs: number
  readonly keepaliveMs: number
}

/** Larger responses end the stream. */
const mostMessageBytes = 256 * 1024 * 1024

export function openConnection(options: ConnectionOptions, events: ConnectionEvents): Connection {
  // What goes wrong is told by `onEnd`.
  setLogVerbosity(logVerbosity.NONE)
  return new GrpcConnection(options, events)
}

class GrpcConnection implements Connection {
  readonly #options: ConnectionOptions
  readonly #events: ConnectionEvents
  readonly #client: Client
  readonly #stream: ClientDuplexStream<unknown, Uint8Array>
  readonly #credential: Credential | undefined
  /** Told once on a stream. */
  #node: Node | undefined
  #isOver = false

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options
    this.#events = events
    this.#node = options.node
    this.#credential = options.securedBy?.credential()
    this.#client = new Client(targetOf(options.address), channelCredentials(options.securedBy, this.#credential), channelOptions(options))
    // What is said on the stream says also why there is no connection, and at once.
    this.#stream = this.#open()
    this.#client.waitForReady(Date.now() + options.connectMs, (error) => {
      if (this.#isOver) return
      if (error) this.#end(`it did not answer within ${options.connectMs} ms`)
      else events.onReady()
    })
  }

  send(request: DeltaRequest | SotwRequest): void {
    if (this.#isOver) return
    const node = this.#node
    this.#node = undefined
    this.#stream.write(messageOf(request, node))
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    if (this.#stream.isPaused()) this.#stream.resume()
  }

  close(): void {
    this.#isOver = true
    this.#stream.cancel()
    this.#client.close()
  }

  #open(): ClientDuplexStream<unknown, Uint8Array> {
    const { form } = this.#options
    const { path, requestSerialize, responseDeserialize } =
      form === 'delta' ? discoveryService.deltaAggregatedResources : discoveryService.streamAggregatedResources
    // What is written is made by `send`, for this very form.
    const serialize = requestSerialize as (message: unknown) => Buffer
    const stream = this.#client.makeBidiStreamRequest<unknown, Uint8Array>(
      path,
      serialize,
      responseDeserialize,
      callMetadata(this.#credential),
    )
    stream.on('data', (bytes: Uint8Array) => this.#receive(bytes))
    stream.on('error', (error: Error & { readonly code?: number; readonly details?: string }) =>
      this.#end(reasonOf(error), error.code === status.UNIMPLEMENTED),
    )
    stream.on('end', () => this.#end('the server ended the stream'))
    return stream
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isOver) return
    try {
      const { received, controlPlane } = this.#options.form === 'delta' ? readDelta(bytes) : readSotw(bytes)
      this.#events.onReceived(received, controlPlane)
    } catch (error) {
      this.#end(`the server sent what is no discovery response: ${textOf(error)}`)
    }
  }

  #end(why: string, isUnknownForm = false): void {
    if (this.#isOver) return
    this.close()
    this.#events.onEnd({ why, isUnknownForm })
  }
}

/** Without the number of the status, and without an empty remark. */
function reasonOf(error: Error & { readonly details?: string }): string {
  return (error.details ?? textOf(error)).replace(/ *Resolution note: $/, '')
}

/** `HOST:PORT`, or the path of a Unix socket. */
function channelOptions({ keepaliveMs, connectMs, securedBy }: ConnectionOptions): ChannelOptions {
  return {
    ...serverNameOptions(securedBy),
    'grpc.max_receive_message_length': mostMessageBytes,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': Math.min(keepaliveMs, connectMs),
    'grpc.keepalive_permit_without_calls': 1,
    // How long to wait before the next attempt is ours to say, and what failed once must not be remembered for others.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
  }
}

function messageOf(request: DeltaRequest | SotwRequest, node: Node | undefined) {
  const told = node && { node }
  if ('versionInfo' in request) return create(DiscoveryRequestSchema, { ...request, resourceNames: [...request.resourceNames], ...told })
  const { resourceNamesSubscribe, resourceNamesUnsubscribe, initialResourceVersions } = request
  return create(DeltaDiscoveryRequestSchema, {
    ...request,
    resourceNamesSubscribe: [...resourceNamesSubscribe],
    resourceNamesUnsubscribe: [...resourceNamesUnsubscribe],
    initialResourceVersions: { ...initialResourceVersions },
    ...told,
  })
}

function readDelta(bytes: Uint8Array): { readonly received: Received; readonly controlPlane: string } {
  const message = fromBinary(DeltaDiscoveryResponseSchema, bytes)
  const { typeUrl, nonce, systemVersionInfo: version, removedResources: removed } = message
  const resources = message.resources
    .map(({ name, version: own, resource }) => resourceOf(name, own, resource))
    .filter((each) => typeof each !== 'string')
  return {
    received: { typeUrl, nonce, version, resources, removed, isWhole: false },
    controlPlane: message.controlPlane?.identifier ?? '',
  }
}

function readSotw(bytes: Uint8Array): { readonly received: Received; readonly controlPlane: string } {
  const message = fromBinary(DiscoveryResponseSchema, bytes)
  const { typeUrl, nonce, versionInfo: version } = message
  const wrapped = message.resources.map((resource) => unwrapped(resource))
  const resources = wrapped.filter((each) => typeof each !== 'string')
  const unchanged = wrapped.filter((each) => typeof each === 'string')
  return {
    received: { typeUrl, nonce, version, resources, removed: [], unchanged, isWhole: wholeTypes.has(typeUrl) },
    controlPlane: message.controlPlane?.identifier ?? '',
  }
}

/** Without a resource it only says that the one which is held still counts: the name. */
function resourceOf(name: string, version: string, resource: Any | undefined): ReceivedResource | string {
  return resource === undefined ? name : { name, version, typeUrl: resource.typeUrl, body: resource.value }
}

/** A server may say name and version around a resource in this form too. */
function unwrapped(any: Any): ReceivedResource | string {
  if (!anyIs(any, ResourceSchema)) return { name: '', version: '', typeUrl: any.typeUrl, body: any.value }
  const { name, version, resource } = fromBinary(ResourceSchema, any.value)
  return resourceOf(name, version, resource)
}
