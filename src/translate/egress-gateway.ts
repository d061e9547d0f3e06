// Knows which destinations are egress gateways, and stands in for those that no file provides.
import type { Destination, Model, SynthesisedGateway } from '../model/index.ts'
import { hasLabels, type Service, type ServicePort } from '../registry/index.ts'
import type { Context, TranslateOptions } from './context.ts'

/** Its endpoints have the labels that some Gateway selects, or it is synthesised. */
export function isEgressGateway(ctx: Context, destination: Destination): boolean {
  if (isEmbedded(ctx, destination)) return true
  return destination.parts.some((part) => isSelected(ctx, part))
}

function isSelected(ctx: Context, service: Service): boolean {
  if (ctx.model.gateways.length === 0) return false
  const labelled = labelsOf(service)
  return ctx.model.gateways.some(({ selector }) => {
    if (Object.keys(selector).length === 0) return false
    return labelled.some((labels) => hasLabels(labels, selector))
  })
}

/** Of what stands behind the service. */
function labelsOf(service: Service): readonly Readonly<Record<string, string>>[] {
  const { selector } = service
  const isKube = service.ref.kind === 'Service' && selector !== undefined
  return [...(isKube ? [selector] : []), ...service.endpoints.map((endpoint) => endpoint.labels)]
}

/** A gateway whose rule leads to its own kind: every round would be one hop more, thousands of them, until the head is too long. */
export function isOwnGateway(ctx: Context, destination: Destination): boolean {
  if (ctx.proxy.role !== 'gateway') return false
  const own = ctx.model.gateways.filter(({ selector }) => Object.keys(selector).length > 0 && hasLabels(ctx.proxy.labels, selector))
  if (isEmbedded(ctx, destination)) {
    const { host } = destination.service
    return ctx.model.synthesised.some(({ labels, serviceHosts }) => serviceHosts.includes(host) && hasLabels(ctx.proxy.labels, labels))
  }
  return destination.parts.some((part) => own.some(({ selector }) => labelsOf(part).some((labels) => hasLabels(labels, selector))))
}

export function isEmbedded(ctx: Context, destination: Destination): boolean {
  return ctx.embedded.has(destination.service.host)
}

/** Where the stand-in listens for a port of the Gateway's servers. */
export function socketPath(model: Model, gateway: SynthesisedGateway, directory: string, port: number): string {
  // One gateway is the rule; a second one needs names of its own.
  const isFirst = model.synthesised[0] === gateway
  return `${directory}/${isFirst ? '' : `${gateway.namespace}.${gateway.name}-`}${port}.sock`
}

/** One service per port, so that each port has its own socket. `known` keeps their identity from one model to the next. */
export function embeddedServices(model: Model, options: TranslateOptions, known: Map<string, Service>): readonly Service[] {
  const directory = options.embeddedGateway?.socketDirectory
  if (directory === undefined) return []
  const services = model.synthesised.flatMap((gateway) =>
    gateway.serviceHosts.flatMap((host) => gateway.servicePorts.map((port) => serviceOf(model, gateway, { host, port, directory }))),
  )
  const same = services.map((service) => known.get(JSON.stringify(service)) ?? service)
  known.clear()
  for (const service of same) known.set(JSON.stringify(service), service)
  return same
}

interface Socket {
  readonly host: string
  readonly port: number
  readonly directory: string
}

function serviceOf(model: Model, gateway: SynthesisedGateway, socket: Socket): Service {
  const declared = model.registry.of(socket.host)[0]
  const source = gateway.gateways[0]?.ref ?? { kind: 'Gateway', namespace: gateway.namespace, name: gateway.name }
  const address = `unix://${socketPath(model, gateway, socket.directory, socket.port)}`
  return {
    host: socket.host,
    namespace: gateway.namespace,
    ref: declared?.ref ?? source,
    field: declared?.field ?? 'spec.selector',
    created: 0,
    isPlain: true,
    slotHash: 0,
    addresses: [],
    ports: [portOf(socket.port)],
    resolution: 'static',
    external: false,
    exportTo: [],
    labels: {},
    endpoints: [{ address, ports: {}, labels: {}, weight: 1, locality: '' }],
    selector: undefined,
    unsupported: [],
  }
}

/** What is spoken does not matter on the way to a gateway of our own. */
function portOf(number: number): ServicePort {
  return { number, name: `port-${number}`, protocol: 'tcp', family: 'tcp', field: '', unsupported: [] }
}
