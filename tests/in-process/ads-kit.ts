// Serves snapshots that a test makes over real gRPC, and speaks to the server as clients do, request by request.
import { type MessageInitShape, fromBinary } from '@bufbuild/protobuf'
import { Client, type ClientDuplexStream, credentials, type StatusObject } from '@grpc/grpc-js'
import { onTestFinished } from 'vitest'
import { finish } from '../../src/base/index.ts'
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.js'
import {
  type AdsLimits,
  type AdsServer,
  type AdsServerOptions,
  create,
  decodeResource,
  discoveryService,
  ResourceView,
  serveAds,
  writeNode,
} from '../../src/xds/index.ts'
import { type Plan, World } from '../../src/xds/server/world.test-kit.ts'

export interface Served {
  readonly address: string
  readonly view: ResourceView
  readonly rejections: string[]
  publish(plan: Plan): void
  clients: AdsServer['clients']
  close: AdsServer['close']
}

export async function serve(
  plan: Plan | undefined,
  options: { limits?: Partial<AdsLimits>; viewOf?: AdsServerOptions['viewOf'] } = {},
): Promise<Served> {
  const world = new World()
  const view = new ResourceView()
  const rejections: string[] = []
  const publish = (next: Plan): void => finish(view.publishing(world.snapshot(next)))
  if (plan !== undefined) publish(plan)
  const server = await serveAds({
    address: '127.0.0.1:0',
    viewOf: options.viewOf ?? (() => ({ view, release: () => undefined })),
    onRejected: (node, _typeUrl, { text }) => rejections.push(`${node.id}: ${text}`),
    ...(options.limits && { limits: options.limits }),
  })
  onTestFinished(() => server.close())
  return { address: server.address, view, rejections, publish, clients: () => server.clients(), close: () => server.close() }
}

export const testNode = writeNode({ role: 'sidecar', name: 'web', namespace: 'shop', labels: { app: 'web' } })

/** What came, in short: `CDS a b -c`. */
export interface Heard {
  readonly typeUrl: string
  readonly nonce: string
  readonly version: string
  readonly names: readonly string[]
  readonly versions: Readonly<Record<string, string>>
  readonly removed: readonly string[]
}

abstract class TestClient<Request> {
  protected readonly stream: ClientDuplexStream<Request, Uint8Array>
  readonly #client: Client
  readonly #came: Heard[] = []
  #wanting: ((heard: Heard) => void)[] = []
  readonly ended: Promise<StatusObject>

  constructor(address: string, method: (typeof discoveryService)[keyof typeof discoveryService], shared?: Client) {
    this.#client =
      shared ??
      new Client(address, credentials.createInsecure(), {
        'grpc.use_local_subchannel_pool': 1,
        'grpc.max_receive_message_length': -1,
      })
    this.stream = this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize as (request: Request) => Buffer,
      method.responseDeserialize,
    )
    this.ended = new Promise((resolve) => this.stream.once('status', resolve))
    this.stream.on('error', () => undefined)
    this.stream.on('data', (bytes: Uint8Array) => {
      const heard = this.read(bytes)
      const wanting = this.#wanting.shift()
      if (wanting === undefined) this.#came.push(heard)
      else wanting(heard)
    })
    onTestFinished(() => this.close())
  }

  /** The next response, which has to come. */
  next(): Promise<Heard> {
    const came = this.#came.shift()
    if (came !== undefined) return Promise.resolve(came)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no response came')), 5000)
      this.#wanting.push((heard) => {
        clearTimeout(timer)
        resolve(heard)
      })
    })
  }

  /** What came and was not asked for by `next`. */
  get unheard(): readonly Heard[] {
    return this.#came
  }

  pause(): void {
    this.stream.pause()
  }

  write(request: Request): void {
    this.stream.write(request)
  }

  close(): void {
    this.stream.cancel()
    this.#client.close()
  }

  protected abstract read(bytes: Uint8Array): Heard
}

type DeltaInit = MessageInitShape<typeof DeltaDiscoveryRequestSchema>
type StateInit = MessageInitShape<typeof DiscoveryRequestSchema>

export class DeltaClient extends TestClient<unknown> {
  /** On a connection of its own, or a shared one. */
  constructor(address: string, shared?: Client) {
    super(address, discoveryService.deltaAggregatedResources, shared)
  }

  send(init: Exclude<DeltaInit, { $typeName: string }>): void {
    this.write(create(DeltaDiscoveryRequestSchema, { node: testNode, ...init }))
  }

  /** Asks for names and answers nothing. */
  subscribe(typeUrl: string, ...resourceNamesSubscribe: string[]): void {
    this.send({ typeUrl, resourceNamesSubscribe })
  }

  ack({ typeUrl, nonce }: Heard): void {
    this.send({ typeUrl, responseNonce: nonce })
  }

  nack({ typeUrl, nonce }: Heard, message: string): void {
    this.send({ typeUrl, responseNonce: nonce, errorDetail: { code: 3, message } })
  }

  /** The next response, which is accepted. */
  async accept(): Promise<Heard> {
    const heard = await this.next()
    this.ack(heard)
    return heard
  }

  protected read(bytes: Uint8Array): Heard {
    const response = fromBinary(DeltaDiscoveryResponseSchema, bytes)
    const { typeUrl, nonce, removedResources } = response
    return {
      typeUrl,
      nonce,
      version: response.systemVersionInfo,
      names: response.resources.map(({ name }) => name),
      versions: Object.fromEntries(response.resources.map(({ name, version }) => [name, version])),
      removed: removedResources,
    }
  }
}

export class StateClient extends TestClient<unknown> {
  readonly #names = new Map<string, readonly string[]>()

  constructor(address: string) {
    super(address, discoveryService.streamAggregatedResources)
  }

  send(init: Exclude<StateInit, { $typeName: string }>): void {
    this.write(create(DiscoveryRequestSchema, { node: testNode, ...init }))
  }

  subscribe(typeUrl: string, ...resourceNames: string[]): void {
    this.#names.set(typeUrl, resourceNames)
    this.send({ typeUrl, resourceNames })
  }

  ack({ typeUrl, nonce, version }: Heard): void {
    this.send({ typeUrl, responseNonce: nonce, versionInfo: version, resourceNames: [...(this.#names.get(typeUrl) ?? [])] })
  }

  async accept(): Promise<Heard> {
    const heard = await this.next()
    this.ack(heard)
    return heard
  }

  protected read(bytes: Uint8Array): Heard {
    const { typeUrl, nonce, versionInfo, resources } = fromBinary(DiscoveryResponseSchema, bytes)
    const read = resources.map((any) => decodeResource(any.typeUrl, any.value))
    return { typeUrl, nonce, version: versionInfo, names: read.map(({ name }) => name), versions: {}, removed: [] }
  }
}
