// Judges what Service, Namespace and Secret mean for outbound traffic.
import type { SecretSpec, ServiceSpec } from './core.ts'
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import type { Meta } from './meta.ts'
import { ipProblem, labelsOfProblem } from './names.ts'

export function checkService(spec: ServiceSpec, _meta: Meta, report: Report): void {
  const names = new Set<string>()
  const ports = spec.ports ?? []
  for (const [i, port] of ports.entries()) {
    const path = fieldAt('spec.ports', i)
    const name = port.name ?? ''
    if (name === '' && ports.length > 1) report.error(`${path}.name`, 'a port needs a name where there are several')
    if (name !== '' && names.has(name)) report.error(`${path}.name`, `port name ${JSON.stringify(name)} is used twice`)
    names.add(name)
  }
  if (ports.length === 0 && spec.type !== 'ExternalName' && spec.clusterIP !== 'None') {
    report.error('spec.ports', 'a Service must have at least one port')
  }
  for (const [i, address] of (spec.clusterIPs ?? []).entries()) checkClusterIp(report, fieldAt('spec.clusterIPs', i), address)
  checkClusterIp(report, 'spec.clusterIP', spec.clusterIP ?? '')
  report.check('spec.selector', labelsOfProblem(spec.selector ?? {}))
}

function checkClusterIp(report: Report, path: string, address: string): void {
  if (address !== '' && address !== 'None') report.check(path, ipProblem(address))
}

/** Labels and annotations by which whole namespaces are bound to a gateway. */
export function checkNamespace(_spec: unknown, meta: Meta, report: Report): void {
  const waypoint = meta.labels['istio.io/use-waypoint']
  if (waypoint !== undefined && waypoint !== 'none') {
    const path = fieldAt('metadata.labels', 'istio.io/use-waypoint')
    const message = 'the label istio.io/use-waypoint is understood but not carried out yet: traffic of this namespace is refused'
    report.unsupported(path, message, 'route by Gateway and VirtualService')
  }
  for (const field of ['labels', 'annotations'] as const) {
    if (meta[field]['sallyport.dev/require-gateway'] === undefined) continue
    const path = fieldAt(`metadata.${field}`, 'sallyport.dev/require-gateway')
    const message = 'sallyport.dev/require-gateway is understood but not carried out yet: traffic of this namespace is refused'
    report.unsupported(path, message, 'route by Gateway and VirtualService under REGISTRY_ONLY')
  }
}

/** Who needs what cannot be read is refused; an API does not take it in the first place. */
export function checkSecret({ data = {} }: SecretSpec, _meta: Meta, report: Report): void {
  for (const [key, value] of Object.entries(data)) {
    const isBase64 = /^(?:[A-Za-z0-9+/\s]*={0,2}\s*)$/.test(value) && value.replaceAll(/\s/g, '').length % 4 === 0
    if (!isBase64)
      report.warning(fieldAt('data', key), 'this is not base64, so the Secret has no such key', 'write it below stringData as it is')
  }
}
