// Holds that requests of both discovery streams arrive as messages, and responses as the bytes that were sent, over real gRPC.
import { type MessageShape, toBinary } from '@bufbuild/protobuf'
import { Client, credentials, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js'
import { expect, onTestFinished, test } from 'vitest'
import {
  DeltaDiscoveryRequestSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.js'
import { create, discoveryService, typeUrls, writeNode } from '../../src/xds/index.ts'

type Request = MessageShape<typeof DiscoveryRequestSchema> | MessageShape<typeof DeltaDiscoveryRequestSchema>

const answer = toBinary(DiscoveryResponseSchema, create(DiscoveryResponseSchema, { typeUrl: typeUrls.cluster, nonce: 'n' }))
const node = writeNode({ role: 'sidecar', name: 'web', namespace: 'shop', labels: { app: 'web' } })

test('the state of the world', async () => {
  const { seen, client } = await serve()
  const { path, requestSerialize, responseDeserialize } = discoveryService.streamAggregatedResources
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
  onTestFinished(() => void stream.end())
  stream.write(create(DiscoveryRequestSchema, { node, typeUrl: typeUrls.cluster }))
  expect(await one(stream)).toEqual(Buffer.from(answer))
  expect(seen).toMatchObject([{ node: { id: node.id, metadata: { LABELS: { app: 'web' } } }, typeUrl: typeUrls.cluster }])
})

test('what has changed', async () => {
  const { seen, client } = await serve()
  const { path, requestSerialize, responseDeserialize } = discoveryService.deltaAggregatedResources
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
  onTestFinished(() => void stream.end())
  stream.write(create(DeltaDiscoveryRequestSchema, { node, typeUrl: typeUrls.route, resourceNamesSubscribe: ['*'] }))
  expect(await one(stream)).toEqual(Buffer.from(answer))
  expect(seen).toMatchObject([{ typeUrl: typeUrls.route, resourceNamesSubscribe: ['*'] }])
})

async function serve() {
  const seen: Request[] = []
  const reply = (call: ServerDuplexStream<Request, Uint8Array>): void => {
    call.on('data', (request: Request) => {
      seen.push(request)
      call.write(answer)
    })
    call.on('end', () => call.end())
  }
  const server = new Server()
  server.addService(discoveryService, { streamAggregatedResources: reply, deltaAggregatedResources: reply })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
  )
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  onTestFinished(() => {
    client.close()
    server.forceShutdown()
  })
  return { seen, client }
}

function one(stream: NodeJS.EventEmitter): Promise<unknown> {
  return new Promise((resolve, reject) => {
    stream.once('data', resolve)
    stream.once('error', reject)
  })
}
