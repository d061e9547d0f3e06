// Reads a made-up world as a person would who knows what Sallyport promises and nothing of how it keeps it: the witness of the generated calls.
import {
  type Entry,
  gatewayHost,
  gatewayPorts,
  type Host,
  type MadeCall,
  names,
  own,
  type PortName,
  ports,
  range,
  type RulePort,
  type Rules,
  type World,
} from './made-world.ts'

/** `allow CLUSTER`, `answer` or `deny`. Undefined: of this it is not sure, and leaves it to stock Envoy. */
export function plainReading(world: World, call: MadeCall): string | undefined {
  // What Istio does with less strictness, real Istio was asked: its recordings are the witness of that.
  if (world.strictness === 'istio') return undefined
  const found = portOf(call.port)
  if (found === undefined) return undeclared(world)
  const seen = world.entries.filter((entry) => entry.ports.includes(found) && isSeen(entry, world))
  if (found === 'http' || found === 'http-more') return call.says === 'http' ? readRequest(world, call, found) : undeclared(world)
  if (found === 'any') return readAny(world, call, seen)
  // Bytes that say no name open nothing where names decide.
  if (found === 'tls') return call.says === 'tls' ? readTls(world, call, seen) : undeclared(world)
  return readTcp(world, call, seen, 'tcp')
}

function portOf(number: number): PortName | undefined {
  return (Object.keys(ports) as PortName[]).find((name) => ports[name] === number)
}

function policyOf({ policy, sidecar }: World): World['policy'] {
  return sidecar?.policy ?? policy
}

function undeclared(world: World): string {
  return policyOf(world) === 'ALLOW_ANY' ? 'allow PassthroughCluster' : 'deny'
}

/** Exported to the caller, and imported by its Sidecar. */
function isSeen({ namespace, isPrivate, host }: Pick<Entry, 'namespace' | 'isPrivate' | 'host'>, { caller, sidecar }: World): boolean {
  if (isPrivate && namespace !== caller.namespace) return false
  return sidecar === undefined || sidecar.hosts.some((text) => isImported(text, namespace, host, caller.namespace))
}

function isImported(text: string, namespace: string, host: string, callers: string): boolean {
  const [where = '', what = ''] = text.split('/')
  const inNamespace = where === '*' || namespace === (where === '.' ? callers : where)
  return inNamespace && (what === '*' || covers(what, host))
}

export function covers(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : pattern === host
}

/** The most specific declaration of a name; where that one lacks the port, nothing declares it. */
function declaring(world: World, name: string): Entry | undefined {
  const seen = world.entries.filter((entry) => isSeen(entry, world))
  return seen.find(({ host }) => host === name) ?? seen.find(({ host }) => host.startsWith('*.') && covers(host, name))
}

/** Rules for a wildcard, where nothing narrower has some, are another matter. */
function mayBeRuledByWildcard({ rules }: World, name: string): boolean {
  return rules.some(({ host }) => host.startsWith('*') && covers(host, name))
}

function rulesOf(world: World, name: string): Rules | undefined {
  return world.rules.find(({ host }) => host === name && isSeen({ host, namespace: 'default', isPrivate: false }, world))
}

function cluster(host: Host, port: PortName, world: World): string {
  // A policy that is not carried out refuses what it governs; the most specific one governs, and there is one only.
  if (world.destination?.has === 'tunnel' && covers(world.destination.host, host)) return 'deny'
  return `allow outbound|${ports[port]}||${host}`
}

/** Where the connections of a host go: to the gateway, if rules say so. Rules for a wildcard and for what it covers meet in ways of their own. */
function connected(world: World, host: Host, port: 'tls' | 'tcp'): string | undefined {
  const speaking = world.rules.filter((rules) => rules.l4.includes(port) && (covers(rules.host, host) || covers(host, rules.host)))
  if (speaking.some((rules) => rules.host !== host)) return undefined
  const isRuled = rulesOf(world, host)?.l4.includes(port) === true
  return isRuled ? `allow outbound|${gatewayPorts[port]}||${gatewayHost}` : cluster(host, port, world)
}

function readRequest(world: World, call: MadeCall, port: RulePort): string | undefined {
  const name = call.name.toLowerCase()
  const literal = world.entries.find(
    (entry) => isSeen(entry, world) && entry.ports.includes(port) && entry.addresses === 'own' && own[entry.host] === name,
  )
  const entry = literal ?? declaring(world, name)
  if (mayBeRuledByWildcard(world, literal?.host ?? name)) return undefined
  const rules = rulesOf(world, literal?.host ?? name)
  // Rules for a host that nothing declares, or that a wildcard declares, are another matter.
  if (rules !== undefined && (entry?.host !== rules.host || !entry.ports.includes(port))) return undefined
  if (entry === undefined || !entry.ports.includes(port)) return undeclared(world)
  return ruled(world, call, { rules, entry, port })
}

interface Reached {
  readonly rules: Rules | undefined
  readonly entry: Entry
  readonly port: PortName
}

function ruled(world: World, call: MadeCall, { rules, entry, port }: Reached): string {
  // Rules for other workloads are not there at all.
  const mine = rules?.http.filter(({ app }) => app === undefined || app === world.caller.app) ?? []
  if (mine.length === 0) return cluster(entry.host, port, world)
  const rule = mine.find(
    ({ prefix, header }) => (prefix === undefined || call.path.startsWith(prefix)) && (header === undefined || header === call.header),
  )
  if (rule === undefined) return 'deny'
  if (rule.to === 'answer') return 'answer'
  if (rule.to === 'gateway') return `allow outbound|80||${gatewayHost}`
  const { to } = rule
  const target = world.entries.find(({ host }) => host === to.host)
  // What is not imported is pulled in by the rule that leads there, unless it is hidden from its reader.
  const isThere = target?.ports.includes(to.port) === true && !(target.isPrivate && target.namespace !== world.caller.namespace)
  return isThere ? cluster(to.host, to.port, world) : 'deny'
}

function readTls(world: World, { name, ip }: MadeCall, seen: readonly Entry[]): string | undefined {
  const sni = name.toLowerCase()
  if (mayBeRuledByWildcard(world, sni)) return undefined
  const entry = declaring(world, sni)
  // At the address of a service only that service's own name counts, and what of it is declared more narrowly without an address.
  const owner = seen.find((one) => isAt(one, ip))
  if (owner !== undefined && !covers(owner.host, sni)) return undeclared(world)
  if (owner !== undefined && owner === entry) return connected(world, owner.host, 'tls')
  if (entry === undefined || !entry.ports.includes('tls') || entry.addresses !== 'none') return undeclared(world)
  return connected(world, entry.host, 'tls')
}

/** A port that says no protocol is sniffed: who says a name has to say that of whose address it is, and without an address a request has to name its host. */
function readAny(world: World, call: MadeCall, seen: readonly Entry[]): string | undefined {
  const name = call.name.toLowerCase()
  const owner = seen.find((entry) => isAt(entry, call.ip))
  if (call.says === 'bytes') return readTcp(world, call, seen, 'any')
  if (call.says === 'tls') {
    const at = owner ?? seen.find((entry) => entry.addresses === 'none' && leadsTo(entry, call.ip))
    return at !== undefined && covers(at.host, name) ? cluster(at.host, 'any', world) : undeclared(world)
  }
  if (mayBeRuledByWildcard(world, owner?.host ?? name)) return undefined
  const rules = rulesOf(world, owner?.host ?? name)
  const isOwn = owner !== undefined && (covers(owner.host, name) || (owner.addresses === 'own' && own[owner.host] === name))
  const entry = owner === undefined ? declaring(world, name) : isOwn ? owner : undefined
  if (rules !== undefined && (entry?.host !== rules.host || !entry.ports.includes('any'))) return undefined
  // Who has an address is found by name elsewhere where somebody without one has the port as well.
  const isElsewhere = owner === undefined && (entry?.addresses ?? 'none') !== 'none'
  if (isElsewhere || (owner === undefined && Object.values(own).includes(name))) return undefined
  if (entry?.ports.includes('any') !== true) return undeclared(world)
  return ruled(world, call, { rules, entry, port: 'any' })
}

function readTcp(world: World, { ip }: MadeCall, seen: readonly Entry[], port: 'tcp' | 'any'): string | undefined {
  const lead = (host: Host): string | undefined => (port === 'tcp' ? connected(world, host, port) : cluster(host, port, world))
  const at = seen.find((entry) => isAt(entry, ip))
  if (at !== undefined) return lead(at.host)
  const led = seen.find((entry) => entry.addresses === 'none' && leadsTo(entry, ip))
  return led === undefined ? undeclared(world) : lead(led.host)
}

function isAt({ addresses, host }: Entry, ip: string): boolean {
  if (addresses === 'own') return own[host] === ip
  return addresses === 'range' && isWithin(range[host], ip)
}

function isWithin(cidr: string, ip: string): boolean {
  const first = Number(/\.(\d+)\/28$/.exec(cidr)?.[1])
  const [, start = '', last = ''] = /^(.*\.)(\d+)$/.exec(ip) ?? []
  return cidr.startsWith(start) && Number(last) >= first && Number(last) < first + 16
}

/** An address that the host has although nobody wrote it as its own. */
export function leadsTo({ host, resolution }: Entry, ip: string): boolean {
  if (host.startsWith('*')) return false
  const isEndpoint = resolution === 'STATIC' && own[host].replace(/\.1(\d\d)$/, '.2$1') === ip
  return isEndpoint || names[host]?.includes(ip) === true
}
