// Lists the kinds that people keep beside those that Sallyport reads, and what it means that it does not read them.

/** `deny`: it would narrow or protect, so what it governs is denied. `warn`: leaving it undone opens nothing. `ignore`: nothing to do with outbound traffic. */
export interface OtherKind {
  readonly fate: 'deny' | 'warn' | 'ignore'
  readonly consequence: string
  /** Where the labels stand that choose what it governs. */
  readonly selector?: readonly string[]
}

type Groups = Readonly<Record<string, Readonly<Record<string, OtherKind>>>>

const kinds: Groups = {
  'networking.istio.io': {
    EnvoyFilter: {
      fate: 'deny',
      consequence: 'it could put any check into the way, so the traffic of the proxies that it patches is refused',
      selector: ['workloadSelector', 'labels'],
    },
    ProxyConfig: { fate: 'warn', consequence: 'it sets up proxies that Sallyport does not run' },
    WorkloadGroup: { fate: 'warn', consequence: 'it is a template; write WorkloadEntries' },
  },
  'security.istio.io': {
    AuthorizationPolicy: {
      fate: 'deny',
      consequence: 'it would decide who may pass, so what passes the gateways that it governs is refused',
      selector: ['selector', 'matchLabels'],
    },
    RequestAuthentication: {
      fate: 'deny',
      consequence: 'it would check tokens, so what passes the gateways that it governs is refused',
      selector: ['selector', 'matchLabels'],
    },
    PeerAuthentication: { fate: 'warn', consequence: 'it governs connections that come in; Sallyport carries those that go out' },
  },
  'extensions.istio.io': {
    WasmPlugin: {
      fate: 'deny',
      consequence: 'it could put any check into the way, so what passes the proxies that it is put into is refused',
      selector: ['selector', 'matchLabels'],
    },
  },
  'networking.k8s.io': {
    NetworkPolicy: {
      fate: 'deny',
      consequence: 'it would narrow what the workloads reach, so their outbound traffic is refused',
      selector: ['podSelector', 'matchLabels'],
    },
    Ingress: { fate: 'ignore', consequence: 'it governs traffic that comes in' },
    IngressClass: { fate: 'ignore', consequence: 'it governs traffic that comes in' },
  },
  '': {
    Endpoints: { fate: 'warn', consequence: 'endpoints come from ServiceEntries and WorkloadEntries' },
    Pod: { fate: 'ignore', consequence: 'workloads are started by `sallyport run`' },
  },
  'discovery.k8s.io': {
    EndpointSlice: { fate: 'warn', consequence: 'endpoints come from ServiceEntries and WorkloadEntries' },
  },
}

const neutral: OtherKind = { fate: 'ignore', consequence: 'it has no bearing on outbound traffic' }

/** The core group has kinds of ours too, so that a misspelt one must not pass for a foreign one. */
const neutralCoreKinds: ReadonlySet<string> = new Set(
  words('ServiceAccount Node Event PersistentVolume PersistentVolumeClaim ReplicationController LimitRange ResourceQuota PodTemplate'),
)

/** Groups in which every kind not named above is neutral. */
const neutralGroups: ReadonlySet<string> = new Set([
  ...words('apps batch autoscaling policy rbac.authorization.k8s.io storage.k8s.io scheduling.k8s.io coordination.k8s.io'),
  ...words('apiextensions.k8s.io apiregistration.k8s.io admissionregistration.k8s.io node.k8s.io kustomize.config.k8s.io'),
  ...words('events.k8s.io certificates.k8s.io networking.k8s.io discovery.k8s.io'),
])

export function otherKind(group: string, kind: string): OtherKind | undefined {
  const known = kinds[group]
  if (known && Object.hasOwn(known, kind)) return known[kind]
  const isNeutral = group === '' ? neutralCoreKinds.has(kind) : neutralGroups.has(group)
  return isNeutral ? neutral : undefined
}

function words(text: string): string[] {
  return text.split(' ')
}
