// Looks at what a server gives a node, or what its clients have, without being a proxy: for people.
import { fromBinary } from '@bufbuild/protobuf'
import { Client, type Metadata } from '@grpc/grpc-js'
import { messageOf, SallyportError } from '../../base/index.ts'
import { create } from '../create.ts'
import { discoveryService } from '../discovery-service.ts'
import type { Node } from '../gen/envoy/config/core/v3/base_pb.js'
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.js'
import { ClientStatusRequestSchema } from '../gen/envoy/service/status/v3/csds_pb.js'
import { type Listed, listedTypes } from '../listing.ts'
import type { SecuredBy } from '../secured-by.ts'
import { callMetadata, channelCredentials, serverNameOptions, targetOf } from '../secured-channel.ts'
import { type ClientStatus, readClientStatus, statusService } from '../server/status-service.ts'
import { isTypeUrl, type TypeUrl } from '../type-urls.ts'

export interface Observation {
  readonly typeUrl: TypeUrl
  readonly sent: readonly Listed[]
  readonly removed: readonly string[]
}

/** A server that is looked at. */
export interface Observed {
  /** `HOST:PORT`, or the path of a Unix socket. */
  readonly address: string
  /** Absent: nothing is encrypted. */
  readonly securedBy?: SecuredBy
}

export interface ObserveOptions extends Observed {
  /** With the metadata of an observer, where the server is to know. */
  readonly node: Node
  readonly onObserved: (observation: Observation) => void
  /** Everything there was at first has been told. */
  readonly onComplete: () => void
  readonly signal: AbortSignal
}

/** No resource has this name: when a server says so, it has said everything else. */
const endMark = 'sallyport.dev/end'
const connectMs = 5000

/** Until the signal. Rejects with SLP4202 when the server cannot be asked, or ends the stream. */
export async function observeNode(options: ObserveOptions): Promise<void> {
  const { client, metadata } = await connect(options)
  const { path, requestSerialize, responseDeserialize } = discoveryService.deltaAggregatedResources
  const stream = client.makeBidiStreamRequest<DeltaDiscoveryRequest, Uint8Array>(path, requestSerialize, responseDeserialize, metadata)
  const incomplete = new Set<string>(listedTypes)
  try {
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => {
        stream.cancel()
        resolve()
      }
      options.signal.addEventListener('abort', stop, { once: true })
      if (options.signal.aborted) stop()
      stream.once('error', (error: Error & { readonly details?: string }) =>
        reject(cannotAsk(options.address, error.details ?? messageOf(error))),
      )
      stream.once('end', () => reject(cannotAsk(options.address, 'it has ended the stream')))
      stream.on('data', (bytes: Uint8Array) => {
        try {
          const response = fromBinary(DeltaDiscoveryResponseSchema, bytes)
          take(response, options)
          stream.write(create(DeltaDiscoveryRequestSchema, { typeUrl: response.typeUrl, responseNonce: response.nonce }))
          if (response.removedResources.includes(endMark) && incomplete.delete(response.typeUrl) && incomplete.size === 0)
            options.onComplete()
        } catch (error) {
          reject(cannotAsk(options.address, messageOf(error)))
        }
      })
      for (const typeUrl of listedTypes)
        stream.write(create(DeltaDiscoveryRequestSchema, { node: options.node, typeUrl, resourceNamesSubscribe: ['*', endMark] }))
    })
  } finally {
    stream.cancel()
    client.close()
  }
}

/** Rejects with SLP4202 when the server cannot be asked. */
export async function askClientStatus(observed: Observed): Promise<readonly ClientStatus[]> {
  const { client, metadata } = await connect(observed)
  const { path, requestSerialize, responseDeserialize } = statusService.fetchClientStatus
  try {
    return await new Promise((resolve, reject) =>
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        create(ClientStatusRequestSchema),
        metadata,
        (error, response) => {
          if (error !== null) reject(cannotAsk(observed.address, error.details))
          else resolve(response === undefined ? [] : readClientStatus(response))
        },
      ),
    )
  } finally {
    client.close()
  }
}

function take(response: DeltaDiscoveryResponse, { onObserved }: ObserveOptions): void {
  const { typeUrl, resources, removedResources } = response
  if (!isTypeUrl(typeUrl)) return
  const sent = resources.flatMap(({ name, version, resource }) =>
    resource === undefined ? [] : [{ typeUrl, name, version, any: resource }],
  )
  const removed = removedResources.filter((name) => name !== endMark)
  if (sent.length + removed.length > 0) onObserved({ typeUrl, sent, removed })
}

async function connect({ address, securedBy }: Observed): Promise<{ readonly client: Client; readonly metadata: Metadata }> {
  const credential = securedBy?.credential()
  const client = new Client(targetOf(address), channelCredentials(securedBy, credential), {
    ...serverNameOptions(securedBy),
    'grpc.max_receive_message_length': -1,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
  })
  await new Promise<void>((resolve, reject) =>
    client.waitForReady(Date.now() + connectMs, (error) => {
      if (error === undefined) return resolve()
      client.close()
      reject(cannotAsk(address, `nobody answers within ${connectMs / 1000} seconds`))
    }),
  )
  return { client, metadata: callMetadata(credential) }
}

function cannotAsk(address: string, why: string): SallyportError {
  return new SallyportError('SLP4202', `${address} cannot be asked for configuration: ${why}`, {
    fix: 'name the address that `sallyport serve --xds` was given',
  })
}
