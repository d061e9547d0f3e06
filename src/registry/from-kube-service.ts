// Makes a service of a Kubernetes Service, whose endpoints are the WorkloadEntries that its selector chooses.
import { fnv1a32, parseIp } from '../base/index.ts'
import type { Resource, ServicePort as KubePort } from '../api/index.ts'
import { familyOfProtocol, type Protocol, parseProtocol } from './protocol.ts'
import { hasPlainPort, type Service, type ServicePort } from './service.ts'

const clusterDomain = 'cluster.local'

/** Ports whose servers speak first: Istio takes them for TCP when a Kubernetes Service does not say (not so for ServiceEntries). */
const serverFirstPorts = new Set([25, 53, 587, 993, 995, 3306, 27017])

export function serviceOfKube(resource: Resource<'Service'>): Service {
  const { spec, meta } = resource
  const host = `${meta.name}.${meta.namespace}.svc.${clusterDomain}`
  const addresses = clusterAddresses(resource)
  const ports = (spec.ports ?? []).map((port, i) => portOfKube(port, `spec.ports[${i}]`, resource.unsupported))
  return {
    host,
    namespace: meta.namespace,
    ref: { kind: 'Service', namespace: meta.namespace, name: meta.name },
    field: 'metadata.name',
    created: meta.created,
    isPlain: hasPlainPort(ports),
    slotHash: fnv1a32(`${meta.namespace}/${host}`),
    addresses,
    ports,
    resolution: spec.clusterIP === 'None' ? 'none' : 'static',
    external: false,
    exportTo: exportToOf(resource),
    labels: meta.labels,
    endpoints: [],
    selector: spec.selector ?? {},
    unsupported: resource.unsupported.filter((field) => !field.startsWith('spec.ports[')),
  }
}

function clusterAddresses(resource: Resource<'Service'>): string[] {
  const { clusterIP, clusterIPs } = resource.spec
  const all = clusterIPs ?? (clusterIP === undefined ? [] : [clusterIP])
  return all.flatMap((text) => parseIp(text) ?? [])
}

function exportToOf(resource: Resource<'Service'>): readonly string[] {
  const text = resource.meta.annotations['networking.istio.io/exportTo']
  return text === undefined || text.trim() === '' ? [] : text.split(',').map((entry) => entry.trim())
}

function portOfKube(port: KubePort, field: string, fields: readonly string[]): ServicePort {
  const protocol = protocolOfKube(port)
  const unsupported = fields.filter((one) => one.startsWith(field))
  const base = { number: port.port, name: port.name ?? '', protocol, family: familyOfProtocol(protocol), field, unsupported }
  if (typeof port.targetPort === 'number') return { ...base, targetPort: port.targetPort }
  return port.targetPort === undefined ? base : { ...base, targetName: port.targetPort }
}

/** `appProtocol`, else the port name's first word, else what the port number is known for. */
function protocolOfKube(port: KubePort): Protocol {
  if (port.protocol === 'UDP') return 'udp'
  if (port.appProtocol !== undefined) return protocolOfApp(port.appProtocol)
  const name = (port.name ?? '').toLowerCase()
  const prefix = name.startsWith('grpc-web') ? 'grpc-web' : (name.split('-')[0] ?? '')
  const named = parseProtocol(prefix)
  if (named !== 'unset') return named
  return serverFirstPorts.has(port.port) ? 'tcp' : 'unset'
}

function protocolOfApp(appProtocol: string): Protocol {
  if (appProtocol === 'kubernetes.io/h2c') return 'http2'
  if (appProtocol === 'kubernetes.io/ws') return 'http'
  if (appProtocol === 'kubernetes.io/wss') return 'https'
  return parseProtocol(appProtocol)
}
