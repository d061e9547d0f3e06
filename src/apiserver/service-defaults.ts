// Fills in what Kubernetes fills in of a Service; but gives it no address of its own, since nothing here would answer at one.
import { isJsonList, isJsonObject, type Json, type JsonObject, type KubeObject } from '../kube/index.ts'

export function withServiceDefaults(object: KubeObject): KubeObject {
  const spec = isJsonObject(object['spec']) ? object['spec'] : {}
  const status = isJsonObject(object['status']) ? object['status'] : {}
  const type = spec['type'] ?? 'ClusterIP'
  const filled = { ...spec, ...portsOf(spec), type, ...affinityOf(spec), ...(type === 'ExternalName' ? {} : insideOf(spec, type)) }
  return { ...object, spec: filled, status: { ...status, loadBalancer: status['loadBalancer'] ?? {} } }
}

function portsOf({ ports }: JsonObject): JsonObject {
  return isJsonList(ports) ? { ports: ports.map((port) => (isJsonObject(port) ? withPortDefaults(port) : port)) } : {}
}

function withPortDefaults(port: JsonObject): JsonObject {
  const target = port['targetPort'] ?? 0
  return { ...port, protocol: port['protocol'] ?? 'TCP', targetPort: target === 0 || target === '' ? port['port'] : target }
}

/** Three hours, as in Kubernetes. */
const affinityForClient = { clientIP: { timeoutSeconds: 10_800 } }

function affinityOf(spec: JsonObject): JsonObject {
  const sessionAffinity = spec['sessionAffinity'] ?? 'None'
  const config = spec['sessionAffinityConfig'] ?? (sessionAffinity === 'ClientIP' ? affinityForClient : undefined)
  return { sessionAffinity, ...(config === undefined ? {} : { sessionAffinityConfig: config }) }
}

/** Of a Service that stands for endpoints, and not for a name elsewhere. */
function insideOf(spec: JsonObject, type: Json): JsonObject {
  const { clusterIP } = spec
  const isOutside = type === 'NodePort' || type === 'LoadBalancer'
  return {
    internalTrafficPolicy: spec['internalTrafficPolicy'] ?? 'Cluster',
    ...(isOutside ? { externalTrafficPolicy: spec['externalTrafficPolicy'] ?? 'Cluster' } : {}),
    ...(type === 'LoadBalancer' ? { allocateLoadBalancerNodePorts: spec['allocateLoadBalancerNodePorts'] ?? true } : {}),
    ...(typeof clusterIP === 'string' && clusterIP !== '' ? { clusterIPs: spec['clusterIPs'] ?? [clusterIP] } : {}),
    ipFamilies: spec['ipFamilies'] ?? [typeof clusterIP === 'string' && clusterIP.includes(':') ? 'IPv6' : 'IPv4'],
    ipFamilyPolicy: spec['ipFamilyPolicy'] ?? 'SingleStack',
  }
}
