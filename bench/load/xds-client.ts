// Holds streams of configuration, accepts what comes on them, and says when the last has what it waits for: one line of JSON each way.
import { createInterface } from 'node:readline'
import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { DeltaDiscoveryRequestSchema } from '../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.js'
import { create, discoveryService, typeUrls, writeNode, xdsServerName } from '../../src/xds/index.ts'
import { readServed } from './served-files.ts'

/** What is asked of the holder. */
export type Wish =
  /** So many streams more, of so many kinds of nodes; answered when each has everything that traffic is judged by, */
  | { readonly open: number; readonly kinds?: number }
  /** and when each has names and places, too. */
  | { readonly complete: true }
  /** Answered when each stream was sent something of this type since the last answer. */
  | { readonly await: string }

export interface Granted {
  /** Of the monotonic clock of the machine, in nanoseconds. */
  readonly at: string
  /** On all streams, since the last answer. */
  readonly bytes: number
  readonly responses: number
}

const types = [typeUrls.cluster, typeUrls.endpoint, typeUrls.listener, typeUrls.route, typeUrls.extension]
const ofTraffic = types.length - 1
/** Nothing has this name: the server says so when it has said all else. */
const endMark = 'bench/end'
const streamsOnConnection = 50
/** One of ours: what others are told is made for them out of it. */
const agent = { name: 'sallyport', version: 'bench' }
const nodeOf = (kind: number) =>
  writeNode({ role: 'sidecar', name: 'bench', namespace: 'default', labels: { app: kind === 0 ? 'bench' : `bench-${kind}` }, agent })

/** `data`: the folder of a server of the API, by whose port and to whose administrator configuration is given, each stream on a connection of its own. */
export async function holdStreams(address: string, data?: string): Promise<void> {
  const holder = new Holder(address, data)
  process.stdout.write('{"ready":true}\n')
  for await (const line of createInterface({ input: process.stdin })) {
    const wish = JSON.parse(line) as Wish
    process.stdout.write(`${JSON.stringify(await grant(holder, wish))}\n`)
  }
  process.exit()
}

function grant(holder: Holder, wish: Wish): Promise<Granted> {
  if ('open' in wish) return holder.open(wish.open, wish.kinds)
  return 'complete' in wish ? holder.complete() : holder.await(wish.await)
}

class Holder {
  readonly #address: string
  readonly #served: { readonly authority: string; readonly token: string } | undefined
  readonly #clients: Client[] = []
  #streams = 0
  #bytes = 0
  #responses = 0
  /** Types of streams that have said all. */
  readonly #ended = { traffic: 0, names: 0 }
  /** Streams that are waited for, by type. */
  readonly #got = new Map<string, Set<number>>()
  #check: () => void = () => undefined

  constructor(address: string, data: string | undefined) {
    this.#address = address
    this.#served = data === undefined ? undefined : readServed(data)
  }

  async open(count: number, kinds = 1): Promise<Granted> {
    for (let i = 0; i < count; i++) this.#openOne(nodeOf(i % kinds))
    await new Promise<void>((resolve) => {
      this.#check = () => {
        if (this.#ended.traffic === this.#streams * ofTraffic) resolve()
      }
    })
    return this.#granted()
  }

  async complete(): Promise<Granted> {
    await new Promise<void>((resolve) => {
      this.#check = () => {
        if (this.#ended.names === this.#streams) resolve()
      }
      this.#check()
    })
    this.#got.clear()
    return this.#granted()
  }

  await(typeUrl: string): Promise<Granted> {
    return new Promise((resolve) => {
      this.#check = () => {
        if ((this.#got.get(typeUrl)?.size ?? 0) < this.#streams) return
        this.#check = () => undefined
        this.#got.delete(typeUrl)
        resolve(this.#granted())
      }
      this.#check()
    })
  }

  #granted(): Granted {
    const granted = { at: String(process.hrtime.bigint()), bytes: this.#bytes, responses: this.#responses }
    this.#bytes = 0
    this.#responses = 0
    return granted
  }

  #openOne(node: ReturnType<typeof nodeOf>): void {
    const id = this.#streams++
    const { path, requestSerialize, responseDeserialize } = discoveryService.deltaAggregatedResources
    const metadata = new Metadata()
    if (this.#served !== undefined) metadata.set('authorization', `Bearer ${this.#served.token}`)
    const stream = this.#client().makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata)
    stream.on('error', (error) => process.stderr.write(`${error.message}\n`))
    stream.on('data', (bytes: Uint8Array) => {
      const { typeUrl, nonce, isEnd } = read(bytes)
      this.#bytes += bytes.length
      this.#responses++
      stream.write(create(DeltaDiscoveryRequestSchema, { typeUrl, responseNonce: nonce }))
      if (isEnd) this.#ended[typeUrl === typeUrls.extension ? 'names' : 'traffic']++
      this.#got.set(typeUrl, (this.#got.get(typeUrl) ?? new Set()).add(id))
      this.#check()
    })
    for (const typeUrl of types)
      stream.write(create(DeltaDiscoveryRequestSchema, { node, typeUrl, resourceNamesSubscribe: ['*', endMark] }))
  }

  #client(): Client {
    const last = this.#clients.at(-1)
    if (last !== undefined && this.#served === undefined && this.#streams % streamsOnConnection !== 1) return last
    const client = new Client(
      this.#address,
      this.#served ? credentials.createSsl(Buffer.from(this.#served.authority)) : credentials.createInsecure(),
      {
        'grpc.use_local_subchannel_pool': 1,
        'grpc.max_receive_message_length': -1,
        ...(this.#served && { 'grpc.ssl_target_name_override': xdsServerName, 'grpc.default_authority': xdsServerName }),
      },
    )
    this.#clients.push(client)
    return client
  }
}

/** The fields that an answer needs; resources are passed over, so that what is measured is the server. */
function read(bytes: Uint8Array): { readonly typeUrl: string; readonly nonce: string; readonly isEnd: boolean } {
  const reader = new BinaryReader(bytes)
  let [typeUrl, nonce, isEnd] = ['', '', false]
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === 4) typeUrl = reader.string()
    else if (field === 5) nonce = reader.string()
    else if (field === 6) isEnd = reader.string() === endMark || isEnd
    else reader.skip(type satisfies WireType, field)
  }
  return { typeUrl, nonce, isEnd }
}
