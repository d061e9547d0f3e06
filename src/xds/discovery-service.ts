// Defines Envoy's discovery services for gRPC: paths, and messages as bytes, so that a response can be put together from encoded resources.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { decode } from './decode.ts'
import { encode } from './encode.ts'
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema } from './gen/envoy/service/discovery/v3/discovery_pb.js'

/** Requests are messages, responses are bytes: whoever reads them decodes them, whoever writes them has them encoded already. */
export const discoveryService = {
  streamAggregatedResources: method('StreamAggregatedResources', DiscoveryRequestSchema),
  deltaAggregatedResources: method('DeltaAggregatedResources', DeltaDiscoveryRequestSchema),
} as const

function method<D extends DescMessage>(name: string, request: D) {
  return {
    path: `/envoy.service.discovery.v3.AggregatedDiscoveryService/${name}`,
    originalName: name,
    requestStream: true,
    responseStream: true,
    requestSerialize: (message: MessageShape<D>): Buffer => asBuffer(encode(request, message)),
    requestDeserialize: (bytes: Buffer): MessageShape<D> => decode(request, bytes),
    responseSerialize: asBuffer,
    responseDeserialize: (bytes: Buffer): Uint8Array => bytes,
  } as const
}

/** The same bytes. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
