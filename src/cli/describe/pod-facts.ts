// Finds what is declared about one Pod: the Services, policies and Gateways that choose it by its labels, and which way its declared traffic goes.
import { type Fields, fieldsOf } from '../../base/index.ts'
import { type Resource } from '../../api/index.ts'
import type { DeclaredObject } from '../../config/index.ts'
import { expandHost, gatewaysSelecting, type Model } from '../../model/index.ts'
import { covers, familyOfProtocol, hasLabels, isWildcardHost, type Service, type ServicePort } from '../../registry/index.ts'
import { explainIn, type Explanation } from '../explain/explanation.ts'

export interface DescribedPod {
  readonly name: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
}

/** One declared destination, as the Pod's sidecar would treat it. */
export interface Way {
  readonly host: string
  readonly port: number
  readonly protocol: string
  readonly declaredBy: string
  readonly explanation: Explanation
  readonly destinationRules: readonly string[]
}

/** More than anybody reads. */
export const mostWays = 100

export function servicesOf(model: Model, { namespace, labels }: DescribedPod): readonly string[] {
  return model.resources
    .of('Service')
    .filter(({ meta, spec }) => meta.namespace === namespace && Object.keys(spec.selector ?? {}).length > 0)
    .filter(({ spec }) => hasLabels(labels, spec.selector ?? {}))
    .map(({ meta, spec }) => `${meta.name} (${(spec.ports ?? []).map(({ port, name }) => `${name ?? 'port'} ${port}`).join(', ')})`)
}

/** A Gateway that selects everybody says nothing of whom it means. */
export function gatewaysOf(model: Model, { labels }: DescribedPod): readonly string[] {
  const selected = gatewaysSelecting(model.gateways, labels).filter(({ selector }) => Object.keys(selector).length > 0)
  return selected.map(({ ref }) => `${ref.namespace}/${ref.name}`)
}

const policyKinds: Readonly<Record<string, readonly string[]>> = {
  AuthorizationPolicy: ['selector', 'matchLabels'],
  RequestAuthentication: ['selector', 'matchLabels'],
  PeerAuthentication: ['selector', 'matchLabels'],
  Telemetry: ['selector', 'matchLabels'],
  Sidecar: ['workloadSelector', 'labels'],
  EnvoyFilter: ['workloadSelector', 'labels'],
}

/** Of the Pod's namespace and of the root namespace, those that choose it or choose nobody in particular. */
export function policiesOf(objects: readonly DeclaredObject[], { namespace, labels }: DescribedPod, root: string): readonly string[] {
  return objects.flatMap((object) => {
    if (!policySources.some((source) => object.source.startsWith(source))) return []
    const fields: Fields = fieldsOf(object.value())
    const [kind, meta] = [String(fields['kind']), fieldsOf(fields['metadata'])]
    const path = policyKinds[kind]
    if (path === undefined || (meta['namespace'] !== namespace && meta['namespace'] !== root)) return []
    const wanted = path.reduce<Fields>((inner, name) => fieldsOf(inner[name]), fieldsOf(fields['spec']))
    const isMeant = Object.entries(wanted).every(([name, value]) => labels[name] === value)
    return isMeant ? [`${kind} ${String(meta['namespace'])}/${String(meta['name'])}`] : []
  })
}

const policySources = [
  'authorizationpolicies.',
  'requestauthentications.',
  'peerauthentications.',
  'telemetries.',
  'sidecars.',
  'envoyfilters.',
]

/** Of every host and port that the Pod sees declared. */
export function waysOf(model: Model, pod: DescribedPod): readonly Way[] {
  const sidecar = model.sidecarOf(pod)
  const { services } = model.scope(pod.namespace, sidecar === undefined ? undefined : { sidecar })
  return services
    .flatMap((service) => service.ports.map((port) => ({ service, port })))
    .slice(0, mostWays)
    .map(({ service, port }) => wayOf(model, pod, { service, port }))
}

interface Declared {
  readonly service: Service
  readonly port: ServicePort
}

function wayOf(model: Model, pod: DescribedPod, { service, port }: Declared): Way {
  // Of a wildcard, some name under it.
  const host = isWildcardHost(service.host) ? service.host.replace(/^\*\.?/, 'any.') : service.host
  const family = familyOfProtocol(port.protocol)
  const protocol = family === 'http' ? 'http' : family === 'tls' ? 'tls' : 'tcp'
  const explanation = explainIn(model, {
    protocol,
    host,
    port: port.number,
    method: 'GET',
    path: '/',
    headers: {},
    authority: port.number === 80 ? host : `${host}:${port.number}`,
    resolved: [],
    workload: pod,
  })
  const destinationRules = model.resources.of('DestinationRule').flatMap((rule) => (isAbout(rule, service.host) ? [nameOf(rule)] : []))
  const declaredBy = `${service.ref.kind} ${service.ref.namespace}/${service.ref.name}`
  return { host: service.host, port: port.number, protocol: port.protocol, declaredBy, explanation, destinationRules }
}

function isAbout({ spec, meta }: Resource<'DestinationRule'>, host: string): boolean {
  return covers(expandHost(spec.host, meta.namespace, 'canonical'), host)
}

function nameOf({ meta }: Resource<'DestinationRule'>): string {
  return `${meta.namespace}/${meta.name}`
}
