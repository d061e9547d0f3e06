// Declares a gateway on a node of its own that HTTP and Redis reach by the mesh's mutual TLS.
import { documents, serviceEntry } from './declare.ts'
import { addresses } from './outside-plan.ts'

const gatewayHost = 'istio-egressgateway.istio-system.svc.cluster.local'
/** Where the gateway is. */
const node = `apiVersion: v1
kind: Namespace
metadata: {name: istio-system}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: gateway-node, namespace: istio-system}
spec:
  hosts: [${gatewayHost}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 6379, name: tcp, protocol: TCP}]
  endpoints: [{address: ${addresses.gw}, labels: {istio: egressgateway}}]
`
const mutual = (port: number, sni: string) => `{port: {number: ${port}}, tls: {mode: ISTIO_MUTUAL, sni: ${sni}}}`
/** What goes through it. */
const way = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: default}
spec:
  selector: {istio: egressgateway}
  servers:
  - {port: {number: 80, name: https, protocol: HTTPS}, hosts: [d2iq.com], tls: {mode: ISTIO_MUTUAL}}
  - {port: {number: 6379, name: tls, protocol: TLS}, hosts: [redis.domain], tls: {mode: ISTIO_MUTUAL}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: way, namespace: istio-system}
spec:
  host: ${gatewayHost}
  subsets: [{name: out, trafficPolicy: {portLevelSettings: [${mutual(80, 'd2iq.com')}, ${mutual(6379, 'redis.domain')}]}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [d2iq.com]
  gateways: [out, mesh]
  http:
  - {match: [{gateways: [mesh]}], route: [{destination: {host: ${gatewayHost}, subset: out, port: {number: 80}}}]}
  - {match: [{gateways: [out]}], route: [{destination: {host: d2iq.com, port: {number: 80}}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: redis, namespace: default}
spec:
  hosts: [redis.domain]
  gateways: [out, mesh]
  tcp:
  - {match: [{gateways: [mesh], port: 6379}], route: [{destination: {host: ${gatewayHost}, subset: out, port: {number: 6379}}}]}
  - {match: [{gateways: [out]}], route: [{destination: {host: redis.domain, port: {number: 6379}}}]}
`
const hosts = documents(
  serviceEntry({ host: 'd2iq.com', port: 80, protocol: 'HTTP' }),
  serviceEntry({
    host: 'redis.domain',
    port: 6379,
    protocol: 'TCP',
    addresses: ['203.0.113.40'],
    resolution: 'STATIC',
    endpoints: ['203.0.113.40'],
  }),
)

/** Without the gateway’s own node: whoever runs a command runs one for it, or a server finds one. */
export const mutualWay = documents(hosts, way)

/** The gateway listens for peers of `198.18.0.0/24`, selected by `istio=egressgateway`. */
export const mutualGateway = documents(node, mutualWay)
