// Works out what is behind a Service as Kubernetes' controllers do: EndpointSlices by family of addresses, and the older Endpoints.
import { fnv1a32, parseIp } from '../../base/index.ts'
import {
  endpointsManager,
  fieldAtPath,
  isJsonList,
  isJsonObject,
  type Json,
  type JsonObject,
  type KubeObject,
  sliceManager,
} from '../../kube/index.ts'
import { type PodBehind, podBehind } from './pod-behind.ts'

export const serviceNameLabel = 'kubernetes.io/service-name'

export interface Behind {
  readonly slices: readonly KubeObject[]
  readonly endpoints: KubeObject
}

/** Undefined where somebody else says what is behind it: it has no selector, or stands for a name elsewhere. */
export function selectorOf(service: KubeObject): Readonly<Record<string, Json | undefined>> | undefined {
  const selector = fieldAtPath(service, ['spec', 'selector'])
  if (!isJsonObject(selector) || Object.keys(selector).length === 0) return undefined
  return fieldAtPath(service, ['spec', 'type']) === 'ExternalName' ? undefined : selector
}

/** `pods` are those that its selector chooses. */
export function whatIsBehind(service: KubeObject, pods: readonly KubeObject[]): Behind {
  const members = pods.flatMap((pod) => podBehind(service, pod) ?? [])
  return { slices: slicesOf(service, members), endpoints: endpointsOf(service, members) }
}

type Family = 'IPv4' | 'IPv6'

/** Kubernetes' own limits of one object. */
const mostInSlice = 1000
const mostInEndpoints = 1000

function slicesOf(service: KubeObject, members: readonly PodBehind[]): readonly KubeObject[] {
  const wanted = familiesOf(service)
  const placed = members.flatMap((member) => addressesOf(member, wanted).map((address) => ({ member, address, family: familyOf(address) })))
  const families = Array.from(new Set([...wanted, ...placed.map(({ family }) => family)]))
  return families.flatMap((family) => {
    const groups = groupedBy(
      placed.filter((one) => one.family === family),
      ({ member }) => portsText(member),
    )
    const parts = groups.flatMap((group) => chunks(group, mostInSlice))
    // A family that is wanted has a slice, even an empty one: so it is seen that somebody has looked.
    return (parts.length === 0 ? [[]] : parts).map((part, index) => {
      const endpoints = part.map(({ member, address }) => endpointOf(service, member, address))
      const ports = part[0]?.member.ports ?? []
      return { ...sliceHead(service, family, index), addressType: family, endpoints, ports }
    })
  })
}

function sliceHead(service: KubeObject, family: Family, index: number): KubeObject {
  const { namespace = '', name = '', uid = '' } = service.metadata
  const owner = { apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true }
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace,
      name: `${name}-${suffixOf(`${uid}/${family}/${index}`)}`,
      labels: { ...service.metadata.labels, ...headless(service), [serviceNameLabel]: name, ...sliceManager },
      ownerReferences: [owner],
    },
  }
}

function endpointOf(service: KubeObject, { pod, isServing, isTerminating, node }: PodBehind, address: string): JsonObject {
  const ready = takesAll(service) || (isServing && !isTerminating)
  return {
    addresses: [address],
    conditions: { ready, serving: isServing, terminating: isTerminating },
    ...(node === '' ? {} : { nodeName: node }),
    targetRef: targetOf(pod),
  }
}

function endpointsOf(service: KubeObject, members: readonly PodBehind[]): KubeObject {
  const { namespace = '', name = '', labels } = service.metadata
  const wanted = familiesOf(service).slice(0, 1)
  const staying = members.filter(({ isTerminating }) => !isTerminating || takesAll(service)).slice(0, mostInEndpoints)
  const subsets = groupedBy(staying, portsText).map((group) => {
    const addresses = (isReady: boolean): readonly JsonObject[] =>
      group.filter(({ isServing }) => (isServing || takesAll(service)) === isReady).flatMap((member) => endpointsAddress(member, wanted))
    const [ready, others] = [addresses(true), addresses(false)]
    return {
      ...(ready.length === 0 ? {} : { addresses: ready }),
      ...(others.length === 0 ? {} : { notReadyAddresses: others }),
      ...(group[0] === undefined || group[0].ports.length === 0 ? {} : { ports: group[0].ports.map(namedOnly) }),
    }
  })
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { namespace, name, labels: { ...labels, ...headless(service), ...endpointsManager } },
    ...(subsets.length === 0 ? {} : { subsets }),
  }
}

function endpointsAddress(member: PodBehind, wanted: readonly Family[]): readonly JsonObject[] {
  const { pod, node } = member
  return addressesOf(member, wanted).map((ip) => ({ ip, ...(node === '' ? {} : { nodeName: node }), targetRef: targetOf(pod) }))
}

function namedOnly({ name, ...port }: JsonObject): JsonObject {
  return name === '' ? port : { name, ...port }
}

function targetOf({ metadata: { namespace = '', name = '', uid = '' } }: KubeObject): JsonObject {
  return { kind: 'Pod', namespace, name, uid }
}

/** Differs from Kubernetes: a Pod that has no address of the families that the Service asks for is reached at the one it has; nobody here has chosen those families. */
function addressesOf({ addresses }: PodBehind, wanted: readonly Family[]): readonly string[] {
  const found = wanted.flatMap((family) => addresses.find((address) => familyOf(address) === family) ?? [])
  return found.length > 0 ? found : addresses.slice(0, 1)
}

function familiesOf(service: KubeObject): readonly Family[] {
  const families = fieldAtPath(service, ['spec', 'ipFamilies'])
  const known = isJsonList(families) ? families.filter((one): one is Family => one === 'IPv4' || one === 'IPv6') : []
  return known.length > 0 ? known : ['IPv4']
}

function familyOf(address: string): Family {
  return parseIp(address)?.includes(':') === true ? 'IPv6' : 'IPv4'
}

function takesAll(service: KubeObject): boolean {
  return fieldAtPath(service, ['spec', 'publishNotReadyAddresses']) === true
}

function headless(service: KubeObject): Readonly<Record<string, string>> {
  return fieldAtPath(service, ['spec', 'clusterIP']) === 'None' ? { 'service.kubernetes.io/headless': '' } : {}
}

function portsText({ ports }: PodBehind): string {
  return JSON.stringify(ports)
}

/** In an order that does not depend on that of the members. */
function groupedBy<T>(all: readonly T[], keyOf: (one: T) => string): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>()
  for (const one of all) {
    const key = keyOf(one)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return Array.from(groups)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, group]) => group)
}

function chunks<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  const found: (readonly T[])[] = []
  for (let start = 0; start < all.length; start += size) found.push(all.slice(start, start + size))
  return found
}

/** Looks as if Kubernetes had made it up, and is the same at each start. */
function suffixOf(text: string): string {
  const letters = 'bcdfghjklmnpqrstvwxz2456789'
  let [hash, suffix] = [fnv1a32(text), '']
  for (let i = 0; i < 5; i++) {
    suffix += letters[hash % letters.length]
    hash = Math.floor(hash / letters.length)
  }
  return suffix
}
