// A small xDS server after the protocol's specification alone: resources as Envoy's JSON, both forms of the protocol, and a memory of all requests.
import { type Server, Server as GrpcServer, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js'
import { create, type DescMessage, fromBinary, fromJson, type JsonObject, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { type Any, anyPack } from '@bufbuild/protobuf/wkt'
import { allDescriptors } from '../../src/xds/gen/descriptors.js'
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.js'

export const types = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
} as const

export interface Resource {
  readonly version: string
  readonly any: Any
}

/** Of one request, what tests ask for. */
export interface Heard {
  readonly form: 'delta' | 'sotw'
  readonly typeUrl: string
  readonly nonce: string
  readonly error: string
  readonly node: string
  /** Delta: subscriptions; state of the world: all names. */
  readonly names: readonly string[]
  readonly unsubscribed: readonly string[]
  readonly known: Readonly<Record<string, string>>
  readonly version: string
}

/** One resource on its way to the client. */
export interface Sent {
  readonly typeUrl: string
  readonly name: string
}

export interface XdsServerOptions {
  /** Forms that it does not know; their streams end with UNIMPLEMENTED. */
  readonly unknown?: 'delta'
  /** Port of loopback to listen on; any when left out. */
  readonly port?: number
  /** Path of the Unix socket to listen on instead. */
  readonly path?: string
  /** What is refused is sent again at once. */
  readonly insists?: boolean
  /** Types that it never answers for. */
  readonly silent?: readonly string[]
  /** Types that it sends in this order. */
  readonly order?: readonly string[]
}

interface Subscriber {
  /** Sends what changed and is wanted. */
  push(): void
  sendRaw(typeUrl: string, resources: readonly { readonly name: string; readonly version: string; readonly any: Any }[]): void
  end(): void
}

const usualOrder = [types.cluster, types.endpoints, types.listener, types.route]
const wildcardTypes: ReadonlySet<string> = new Set([types.cluster, types.listener])

/** Envoy's JSON to a message inside an `Any`. */
export function pack(typeUrl: string, json: JsonObject): Any {
  const schema = allDescriptors.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1))
  if (schema === undefined) throw new Error(`no descriptor of ${typeUrl}`)
  return anyPack(schema, fromJson(schema, json, { registry: allDescriptors }))
}

export class XdsServer {
  readonly heard: Heard[] = []
  readonly sent: Sent[] = []
  streams = 0
  port = 0
  readonly #options: XdsServerOptions
  readonly #resources = new Map<string, Map<string, Resource>>()
  readonly #subscribers = new Set<Subscriber>()
  #server: Server | undefined
  #nonce = 0
  #versions = 0

  constructor(options: XdsServerOptions = {}) {
    this.#options = options
    this.port = options.port ?? 0
  }

  get address(): string {
    return this.#options.path ?? `127.0.0.1:${this.port}`
  }

  async start(): Promise<this> {
    const server = new GrpcServer({ 'grpc.max_send_message_length': -1 })
    server.addService(
      {
        DeltaAggregatedResources: method('DeltaAggregatedResources', DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema),
        StreamAggregatedResources: method('StreamAggregatedResources', DiscoveryRequestSchema, DiscoveryResponseSchema),
      },
      {
        DeltaAggregatedResources: (stream: DeltaStream) => {
          if (this.#options.unknown === 'delta') stream.emit('error', { code: status.UNIMPLEMENTED, details: 'not served here' })
          else this.#serve(stream, new DeltaSubscriber(this, stream))
        },
        StreamAggregatedResources: (stream: SotwStream) => this.#serve(stream, new SotwSubscriber(this, stream)),
      },
    )
    this.port = await new Promise<number>((resolve, reject) => {
      const { path } = this.#options
      server.bindAsync(path === undefined ? this.address : `unix:${path}`, ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      )
    })
    this.#server = server
    return this
  }

  /** As a process that is killed: connections are cut. */
  kill(): void {
    this.#subscribers.clear()
    this.#server?.forceShutdown()
    this.#server = undefined
  }

  close(): void {
    this.kill()
  }

  /** Ends all streams in order, as a server that wants its clients elsewhere does. */
  endStreams(): void {
    for (const subscriber of Array.from(this.#subscribers)) subscriber.end()
    this.#subscribers.clear()
  }

  set(typeUrl: string, name: string, json: JsonObject): this {
    return this.setAny(typeUrl, name, pack(typeUrl, json))
  }

  setAny(typeUrl: string, name: string, any: Any): this {
    this.of(typeUrl).set(name, { version: `r${++this.#versions}`, any })
    return this
  }

  remove(typeUrl: string, name: string): this {
    this.of(typeUrl).delete(name)
    return this
  }

  push(): void {
    for (const subscriber of this.#subscribers) subscriber.push()
  }

  /** Whatever anybody wanted. */
  sendRaw(typeUrl: string, resources: Parameters<Subscriber['sendRaw']>[1]): void {
    for (const subscriber of this.#subscribers) subscriber.sendRaw(typeUrl, resources)
  }

  of(typeUrl: string): Map<string, Resource> {
    const known = this.#resources.get(typeUrl) ?? new Map<string, Resource>()
    this.#resources.set(typeUrl, known)
    return known
  }

  get insists(): boolean {
    return this.#options.insists === true
  }

  isSilent(typeUrl: string): boolean {
    return this.#options.silent?.includes(typeUrl) === true
  }

  get order(): readonly string[] {
    return this.#options.order ?? usualOrder
  }

  nextNonce(): string {
    return `n${++this.#nonce}`
  }

  versionOf(typeUrl: string): string {
    return Array.from(this.of(typeUrl), ([name, { version }]) => `${name}=${version}`)
      .sort()
      .join()
  }

  nacks(): readonly Heard[] {
    return this.heard.filter(({ error }) => error !== '')
  }

  acks(typeUrl: string): number {
    return this.heard.filter((each) => each.typeUrl === typeUrl && each.nonce !== '' && each.error === '').length
  }

  #serve(stream: DeltaStream | SotwStream, subscriber: Subscriber): void {
    this.streams++
    this.#subscribers.add(subscriber)
    const gone = (): void => void this.#subscribers.delete(subscriber)
    stream.on('end', () => {
      gone()
      stream.end()
    })
    stream.on('error', gone)
    stream.on('cancelled', gone)
  }
}

type DeltaStream = ServerDuplexStream<DeltaDiscoveryRequest, MessageShape<typeof DeltaDiscoveryResponseSchema>>
type SotwStream = ServerDuplexStream<DiscoveryRequest, MessageShape<typeof DiscoveryResponseSchema>>

function method<Req extends DescMessage, Res extends DescMessage>(name: string, request: Req, response: Res) {
  return {
    path: `/envoy.service.discovery.v3.AggregatedDiscoveryService/${name}`,
    requestStream: true,
    responseStream: true,
    requestSerialize: (message: MessageShape<Req>) => Buffer.from(toBinary<Req>(request, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary<Req>(request, bytes),
    responseSerialize: (message: MessageShape<Res>) => Buffer.from(toBinary<Res>(response, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary<Res>(response, bytes),
  }
}

class DeltaSubscriber implements Subscriber {
  readonly #server: XdsServer
  readonly #stream: DeltaStream
  /** By type and name, the version that the client has; empty: it has none. */
  readonly #known = new Map<string, Map<string, string>>()
  readonly #wildcards = new Set<string>()

  constructor(server: XdsServer, stream: DeltaStream) {
    this.#server = server
    this.#stream = stream
    stream.on('data', (request: DeltaDiscoveryRequest) => this.#hear(request))
  }

  push(): void {
    for (const typeUrl of this.#server.order) if (this.#known.has(typeUrl)) this.#send(typeUrl, false)
  }

  sendRaw(typeUrl: string, resources: Parameters<Subscriber['sendRaw']>[1]): void {
    this.#stream.write(
      create(DeltaDiscoveryResponseSchema, {
        typeUrl,
        nonce: this.#server.nextNonce(),
        resources: resources.map(({ name, version, any }) => ({ name, version, resource: any })),
      }),
    )
  }

  end(): void {
    this.#stream.end()
  }

  #hear(request: DeltaDiscoveryRequest): void {
    const { typeUrl, responseNonce, errorDetail, resourceNamesSubscribe: names, resourceNamesUnsubscribe: unsubscribed } = request
    const known = request.initialResourceVersions
    this.#server.heard.push({
      form: 'delta',
      typeUrl,
      nonce: responseNonce,
      error: errorDetail?.message ?? '',
      node: request.node?.id ?? '',
      names,
      unsubscribed,
      known,
      version: '',
    })
    const isFirst = !this.#known.has(typeUrl)
    const all = this.#known.get(typeUrl) ?? new Map<string, string>()
    this.#known.set(typeUrl, all)
    if (isFirst && names.length === 0 && wildcardTypes.has(typeUrl)) this.#wildcards.add(typeUrl)
    if (names.includes('*')) this.#wildcards.add(typeUrl)
    if (isFirst) for (const [name, version] of Object.entries(known)) all.set(name, version)
    for (const name of names) if (name !== '*' && !all.has(name)) all.set(name, '')
    for (const name of unsubscribed) all.delete(name)
    if (errorDetail !== undefined && this.#server.insists) for (const name of all.keys()) all.set(name, '')
    if (errorDetail !== undefined && this.#server.insists) this.#send(typeUrl, true)
    if (isFirst || names.length > 0) this.#send(typeUrl, true)
  }

  #send(typeUrl: string, isAsked: boolean): void {
    if (this.#server.isSilent(typeUrl)) return
    const all = this.#known.get(typeUrl) ?? new Map<string, string>()
    const has = this.#server.of(typeUrl)
    const resources: { name: string; version: string; resource: Any }[] = []
    const removed: string[] = []
    for (const [name, { version, any }] of has) {
      if (!this.#wildcards.has(typeUrl) && !all.has(name)) continue
      if (all.get(name) === version) continue
      all.set(name, version)
      resources.push({ name, version, resource: any })
      this.#server.sent.push({ typeUrl, name })
    }
    for (const [name, version] of all) {
      if (has.has(name) || (version === '' && !isAsked)) continue
      removed.push(name)
      if (this.#wildcards.has(typeUrl)) all.delete(name)
      else all.set(name, '')
    }
    if (resources.length + removed.length === 0 && !isAsked) return
    const systemVersionInfo = this.#server.versionOf(typeUrl)
    this.#stream.write(
      create(DeltaDiscoveryResponseSchema, {
        typeUrl,
        resources,
        removedResources: removed,
        systemVersionInfo,
        nonce: this.#server.nextNonce(),
        controlPlane: { identifier: 'minimal' },
      }),
    )
  }
}

class SotwSubscriber implements Subscriber {
  readonly #server: XdsServer
  readonly #stream: SotwStream
  readonly #types = new Map<string, { names: readonly string[]; sent: string; nonce: string }>()

  constructor(server: XdsServer, stream: SotwStream) {
    this.#server = server
    this.#stream = stream
    stream.on('data', (request: DiscoveryRequest) => this.#hear(request))
  }

  push(): void {
    for (const typeUrl of this.#server.order) if (this.#types.has(typeUrl)) this.#send(typeUrl)
  }

  sendRaw(typeUrl: string, resources: Parameters<Subscriber['sendRaw']>[1]): void {
    const nonce = this.#server.nextNonce()
    const type = this.#types.get(typeUrl)
    if (type) type.nonce = nonce
    this.#stream.write(
      create(DiscoveryResponseSchema, { typeUrl, nonce, versionInfo: `raw-${nonce}`, resources: resources.map(({ any }) => any) }),
    )
  }

  end(): void {
    this.#stream.end()
  }

  #hear(request: DiscoveryRequest): void {
    const { typeUrl, responseNonce, errorDetail, resourceNames: names, versionInfo } = request
    this.#server.heard.push({
      form: 'sotw',
      typeUrl,
      nonce: responseNonce,
      error: errorDetail?.message ?? '',
      node: request.node?.id ?? '',
      names,
      unsubscribed: [],
      known: {},
      version: versionInfo,
    })
    const type = this.#types.get(typeUrl)
    if (type === undefined) {
      this.#types.set(typeUrl, { names, sent: versionInfo, nonce: '' })
      this.#send(typeUrl)
      return
    }
    if (responseNonce !== type.nonce) return
    const isMore = names.some((name) => !type.names.includes(name))
    type.names = names
    if (isMore || (errorDetail !== undefined && this.#server.insists)) type.sent = ''
    this.#send(typeUrl)
  }

  /** A version is that of what the client asks for. */
  #send(typeUrl: string): void {
    const type = this.#types.get(typeUrl)
    if (type === undefined || this.#server.isSilent(typeUrl)) return
    const isWildcard = wildcardTypes.has(typeUrl)
    const all = Array.from(this.#server.of(typeUrl)).filter(([name]) => isWildcard || type.names.includes(name))
    const version = all.map(([name, each]) => `${name}=${each.version}`).join() || 'none'
    if (version === type.sent) return
    type.sent = version
    type.nonce = this.#server.nextNonce()
    for (const [name] of all) this.#server.sent.push({ typeUrl, name })
    this.#stream.write(
      create(DiscoveryResponseSchema, {
        typeUrl,
        versionInfo: version,
        nonce: type.nonce,
        resources: all.map(([, { any }]) => any),
        controlPlane: { identifier: 'minimal' },
      }),
    )
  }
}
