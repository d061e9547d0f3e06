// Joins the declarations of one host into the one destination that a client sees.
import { endpointPort, hasPlainPort, type Service, type ServicePort } from '../registry/index.ts'

export interface Destination {
  /** The declaration that wins, with the ports of those that may be merged into it. */
  readonly service: Service
  /** All declarations of the host in the winner's namespace: their endpoints are joined per port. */
  readonly parts: readonly Service[]
}

/** Something to dial: an IP, a name, or `unix://PATH`, with the port already worked out. */
export interface Target {
  readonly address: string
  readonly port: number
  readonly weight: number
  readonly labels: Readonly<Record<string, string>>
}

const joined = new WeakMap<Service, Destination>()
const alone = new WeakMap<Service, Destination>()

function aloneOf(service: Service): Destination {
  const known = alone.get(service)
  if (known !== undefined) return known
  const made = { service, parts: [service] }
  alone.set(service, made)
  return made
}

/** `visible` are the services of one host that a client sees, in Istio's order; never empty. */
export function destinationOf(visible: readonly [Service, ...Service[]], client: string): Destination {
  const [only] = visible
  if (visible.length === 1) return aloneOf(only)
  const winner = pickWinner(visible, client)
  const parts = visible.filter((service) => service.namespace === winner.namespace)
  const known = joined.get(winner)
  if (known !== undefined && known.parts.length === parts.length && known.parts.every((part, i) => part === parts[i])) return known
  const made = { service: withMergedPorts(winner, parts), parts }
  joined.set(winner, made)
  return made
}

/** The client's own namespace, then Kubernetes Services, then the first. */
function pickWinner(visible: readonly [Service, ...Service[]], client: string): Service {
  const own = visible.filter((service) => service.namespace === client)
  const candidates = own.length > 0 ? own : visible
  return candidates.find((service) => service.ref.kind === 'Service') ?? candidates[0] ?? visible[0]
}

function withMergedPorts(winner: Service, parts: readonly Service[]): Service {
  const ports = new Map<number, ServicePort>(winner.ports.map((port) => [port.number, port]))
  for (const part of parts) {
    if (!mayMerge(winner, part)) continue
    for (const port of part.ports) if (!ports.has(port.number)) ports.set(port.number, port)
  }
  if (ports.size === winner.ports.length) return winner
  const merged = [...ports.values()]
  return { ...winner, ports: merged, isPlain: hasPlainPort(merged) }
}

function mayMerge(a: Service, b: Service): boolean {
  return (
    a.resolution === b.resolution &&
    a.ref.kind === b.ref.kind &&
    sameRecord(a.labels, b.labels) &&
    sameRecord(a.selector ?? {}, b.selector ?? {}) &&
    a.exportTo.join() === b.exportTo.join()
  )
}

function sameRecord(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}

/** What a port of the destination stands for; a DNS entry without endpoints stands for its own name. */
export function targetsOf(destination: Destination, port: number): readonly Target[] {
  const targets: Target[] = []
  for (const part of destination.parts) {
    const servicePort = part.ports.find((one) => one.number === port)
    if (servicePort === undefined) continue
    if (standsForItself(part)) {
      targets.push({ address: part.host, port: servicePort.targetPort ?? servicePort.number, weight: 1, labels: {} })
    }
    for (const endpoint of part.endpoints) {
      targets.push({
        address: endpoint.address,
        port: endpointPort(endpoint, servicePort),
        weight: endpoint.weight,
        labels: endpoint.labels,
      })
    }
  }
  return targets
}

function standsForItself(service: Service): boolean {
  const isDns = service.resolution === 'dns' || service.resolution === 'dns-round-robin'
  return isDns && service.endpoints.length === 0 && service.selector === undefined
}
