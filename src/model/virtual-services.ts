// Holds VirtualServices in normal form: names expanded, gateways resolved, and what is delegated put in its place.
import type {
  Destination,
  HttpRoute,
  Resource,
  ResourceRef,
  RouteDestination,
  TcpRoute,
  TlsRoute,
  VirtualServiceSpec,
} from '../api/index.ts'
import { SpecMemo, type Spelling, spell } from '../registry/index.ts'
import { joinDelegate } from './delegates.ts'
import type { FieldRef } from './destination-rules.ts'
import type { HttpRule, RuleMatch } from './http-rule.ts'
import { expandGateway, expandHost, fieldsUnder } from './names.ts'
import { isVisible, visibilityOf } from './visibility.ts'

export interface RuleSet {
  readonly ref: ResourceRef
  readonly namespace: string
  readonly created: number
  readonly hosts: readonly string[]
  /** `mesh` or `namespace/name`. */
  readonly gateways: readonly string[]
  readonly exportTo: readonly string[]
  readonly http: readonly HttpRule[]
  readonly tls: readonly TlsRoute[]
  readonly tcp: readonly TcpRoute[]
  readonly unsupported: readonly string[]
}

export interface NormalForm {
  readonly spelling: Spelling
  /** The mesh's default for VirtualServices. */
  readonly exportTo: readonly string[] | undefined
}

const ruleSets = new SpecMemo<'VirtualService', RuleSet>()

export function ruleSetsOf(resources: readonly Resource<'VirtualService'>[], { spelling, exportTo }: NormalForm): readonly RuleSet[] {
  const all = resources.map((resource) => ruleSets.get(resource, spelling, () => normalise(resource, spelling)))
  // Without hosts a VirtualService is there to be delegated to, and for nothing else.
  const children = new Map(all.filter((rules) => rules.hosts.length === 0).map((rules) => [keyOf(rules.ref), rules] as const))
  return all.filter((rules) => rules.hosts.length > 0).map((rules) => withDelegates(rules, children, exportTo))
}

function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`
}

interface Joined {
  readonly children: readonly (RuleSet | undefined)[]
  readonly rules: RuleSet
}

/** What was joined of a root, for as long as root and children are the same. */
const joined = new WeakMap<RuleSet, Joined>()

/** A rule whose delegate does not exist, or is not exported to its namespace, is left out: the rules after it apply (as in Istio). */
function withDelegates(root: RuleSet, all: ReadonlyMap<string, RuleSet>, byDefault: readonly string[] | undefined): RuleSet {
  if (!root.http.some(({ rule }) => rule.delegate !== undefined)) return root
  const children = root.http.map(({ rule }) => {
    const { name = '', namespace = '' } = rule.delegate ?? {}
    const child = rule.delegate && all.get(keyOf({ namespace: namespace === '' ? root.namespace : namespace, name }))
    return child && isVisible(visibilityOf(child.exportTo, child.namespace, byDefault), root.namespace) ? child : undefined
  })
  const known = joined.get(root)
  if (known !== undefined && known.children.every((child, i) => child === children[i])) return known.rules
  const http = root.http.flatMap((rule, i) => (rule.rule.delegate === undefined ? [rule] : joinDelegate(rule, children[i]?.http ?? [])))
  const rules = { ...root, http }
  joined.set(root, { children, rules })
  return rules
}

function normalise(resource: Resource<'VirtualService'>, spelling: Spelling): RuleSet {
  const { spec, meta } = resource
  const { namespace } = meta
  const gateways = spec.gateways ?? []
  const place: Place = { ref: { kind: 'VirtualService', namespace, name: meta.name }, spelling, unsupported: resource.unsupported }
  return {
    ref: place.ref,
    namespace,
    created: meta.created,
    hosts: (spec.hosts ?? []).map((host) => expandHost(host, namespace, spelling)),
    gateways: gateways.length === 0 ? ['mesh'] : gateways.map((name) => expandGateway(name, namespace)),
    exportTo: spec.exportTo ?? [],
    http: (spec.http ?? []).map((rule, i) => httpRule(rule, i, place)),
    tls: tlsRules(spec, namespace, spelling),
    tcp: (spec.tcp ?? []).map((rule) => normaliseRule(rule, namespace, spelling)),
    unsupported: resource.unsupported,
  }
}

interface Place {
  readonly ref: ResourceRef
  readonly spelling: Spelling
  readonly unsupported: readonly string[]
}

function httpRule(raw: HttpRoute, index: number, { ref, spelling, unsupported }: Place): HttpRule {
  const { namespace } = ref
  const field = `spec.http[${index}]`
  const rule = normaliseRule(raw, namespace, spelling)
  const expand = (destination: Destination) => ({ ...destination, host: expandHost(destination.host, namespace, spelling) })
  const mirrors = rule.mirrors?.map((mirror) => (mirror.destination ? { ...mirror, destination: expand(mirror.destination) } : mirror))
  const refs = (fields: readonly string[]): FieldRef[] => fields.map((one) => ({ ref, field: one }))
  // What concerns the whole resource concerns whoever delegates to it.
  const general = unsupported.filter((one) => !/^spec\.(http|tls|tcp)\b/.test(one))
  const own = fieldsUnder(unsupported, field).filter((one) => !one.startsWith(`${field}.match`))
  const matches: readonly RuleMatch[] = (rule.match ?? []).map((match, j) => ({
    match,
    unsupported: refs(fieldsUnder(unsupported, `${field}.match[${j}]`)),
  }))
  return {
    rule: { ...rule, ...(rule.mirror && { mirror: expand(rule.mirror) }), ...(mirrors && { mirrors }) },
    at: { ref, field },
    unsupported: refs([...general, ...own]),
    matches: matches.length > 0 ? matches : [{ match: undefined, unsupported: [] }],
  }
}

function tlsRules(spec: VirtualServiceSpec, namespace: string, spelling: Spelling): TlsRoute[] {
  return (spec.tls ?? []).map((rule) => {
    const made = normaliseRule(rule, namespace, spelling)
    const match = made.match.map((one) => ({ ...one, sniHosts: one.sniHosts.map((host) => spell(host, spelling)) }))
    return { ...made, match }
  })
}

interface AnyRule {
  readonly match?: readonly { readonly gateways?: readonly string[] }[]
  readonly route?: readonly RouteDestination[]
}

function normaliseRule<R extends AnyRule>(rule: R, namespace: string, spelling: Spelling): R {
  const match = rule.match?.map((one) =>
    one.gateways === undefined ? one : { ...one, gateways: one.gateways.map((name) => expandGateway(name, namespace)) },
  )
  const route = rule.route?.map((one) => ({
    ...one,
    destination: { ...one.destination, host: expandHost(one.destination.host, namespace, spelling) },
  }))
  return { ...rule, ...(match && { match }), ...(route && { route }) }
}
