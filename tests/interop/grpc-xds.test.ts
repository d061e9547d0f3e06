// Holds that a client which others wrote, gRPC's own for xDS, routes its calls by our server: at first, after a change, and after a refusal.
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js'
import { expect, onTestFinished, test } from 'vitest'
import { create } from '../../src/xds/create.ts'
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '../../src/xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import { ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.js'
import { RouteConfigurationSchema } from '../../src/xds/gen/envoy/config/route/v3/route_pb.js'
import { RouterSchema } from '../../src/xds/gen/envoy/extensions/filters/http/router/v3/router_pb.js'
import { HttpConnectionManagerSchema } from '../../src/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js'
import { finish } from '../../src/base/index.ts'
import { packAny, ResourceView, serveAds, type Snapshot, writeNodeId } from '../../src/xds/index.ts'

const target = 'greeter.example.test:50051'
const id = writeNodeId({ role: 'sidecar', name: 'client', namespace: 'shop', labels: {}, address: '127.0.0.1' })

test('calls go where our server says, also after it said something else, and after it said what the client refuses', async () => {
  const [one, two] = [await backend('one'), await backend('two')]
  const view = new ResourceView()
  const publish = (port: number, cluster = plainCluster()): void => finish(view.publishing(snapshotOf(port, cluster)))
  publish(one)
  const rejections: string[] = []
  const server = await serveAds({
    address: '127.0.0.1:0',
    viewOf: () => ({ view, release: () => undefined }),
    onRejected: (_node, typeUrl, { text }) => rejections.push(`${typeUrl} ${text}`),
  })
  onTestFinished(() => server.close())
  const call = await thirdParty(server.address)

  expect(await call()).toBe('one')
  publish(two)
  await expect.poll(call).toBe('two')
  publish(two, create(ClusterSchema, { ...plainCluster(), clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC } }))
  await expect.poll(() => rejections).toEqual([expect.stringContaining('envoy.config.cluster.v3.Cluster')])
  expect(await call()).toBe('two')
  expect(server.clients().map(({ node, types }) => [node.id, types.filter(({ rejected }) => rejected).length])).toEqual([[id, 1]])
  publish(one)
  await expect.poll(call).toBe('one')
  expect(server.clients()[0]?.types.map(({ state }) => state)).toEqual(['SYNCED', 'SYNCED', 'SYNCED', 'SYNCED'])
})

/** The package reads its configuration from the environment when it is loaded. */
async function thirdParty(address: string): Promise<() => Promise<string>> {
  process.env['GRPC_XDS_BOOTSTRAP_CONFIG'] = JSON.stringify({
    xds_servers: [{ server_uri: address, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] }],
    node: { id, locality: {}, metadata: { NAMESPACE: 'shop' } },
    authorities: {},
  })
  const { register } = await import('@grpc/grpc-js-xds')
  register()
  const client = new Client(`xds:///${target}`, credentials.createInsecure())
  onTestFinished(() => client.close())
  return () =>
    new Promise((resolve, reject) =>
      client.makeUnaryRequest('/greeter/Greet', bytesOf, textOf, 'hello', { deadline: Date.now() + 5000 }, (error, answer) =>
        error ? reject(error) : resolve(answer ?? ''),
      ),
    )
}

function backend(name: string): Promise<number> {
  const server = new Server()
  const method = { requestDeserialize: textOf, responseSerialize: bytesOf, requestSerialize: bytesOf, responseDeserialize: textOf }
  server.addService(
    { greet: { ...method, path: '/greeter/Greet', requestStream: false, responseStream: false } },
    { greet: (_call: unknown, answer: (error: null, text: string) => void) => answer(null, name) },
  )
  onTestFinished(() => server.forceShutdown())
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))),
  )
}

/** What gRPC reads: a listener by the target's name, a route table, a cluster, its endpoints. */
function snapshotOf(port: number, cluster: Cluster): Snapshot {
  const ads = { configSourceSpecifier: { case: 'ads' as const, value: {} } }
  const manager = create(HttpConnectionManagerSchema, {
    routeSpecifier: { case: 'rds', value: { routeConfigName: 'routes', configSource: ads } },
    httpFilters: [
      { name: 'envoy.filters.http.router', configType: { case: 'typedConfig', value: packAny(RouterSchema, create(RouterSchema)) } },
    ],
  })
  const listener = create(ListenerSchema, { name: target, apiListener: { apiListener: packAny(HttpConnectionManagerSchema, manager) } })
  const routes = create(RouteConfigurationSchema, {
    name: 'routes',
    virtualHosts: [
      {
        name: 'greeter',
        domains: [target],
        routes: [
          {
            match: { pathSpecifier: { case: 'prefix', value: '' } },
            action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: cluster.name } } },
          },
        ],
      },
    ],
  })
  const assignment = endpointAt(cluster.name, port)
  return {
    version: port,
    listeners: new Map([[listener.name, listener]]),
    routes: new Map([[routes.name, routes]]),
    clusters: new Map([[cluster.name, cluster]]),
    endpoints: new Map([[assignment.clusterName, assignment]]),
    secrets: new Map(),
    names: new Map(),
    origins: new Map(),
  }
}

function plainCluster(): Cluster {
  return create(ClusterSchema, {
    name: 'greeter',
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: { configSourceSpecifier: { case: 'ads', value: {} } } },
  })
}

function endpointAt(clusterName: string, port: number): ClusterLoadAssignment {
  return create(ClusterLoadAssignmentSchema, {
    clusterName,
    endpoints: [
      {
        locality: { region: 'here' },
        loadBalancingWeight: 1,
        lbEndpoints: [
          {
            hostIdentifier: {
              case: 'endpoint',
              value: {
                address: {
                  address: { case: 'socketAddress', value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: port } } },
                },
              },
            },
          },
        ],
      },
    ],
  })
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text)
}

function textOf(bytes: Buffer): string {
  return bytes.toString()
}
