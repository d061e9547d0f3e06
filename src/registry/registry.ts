// Collects every declared destination into one immutable list, and finds them by host.
import type { Resource, ResourceSet } from '../api/index.ts'
import { changedStretch, PatchedMap, patchSorted, spliced } from '../base/index.ts'
import { endpointOf, hasLabels } from './endpoint.ts'
import { serviceOfKube } from './from-kube-service.ts'
import { type Spelling, servicesOfEntry } from './from-service-entry.ts'
import type { Service } from './service.ts'
import { compareText, SpecMemo } from './spec-memo.ts'

export interface Registry {
  /** Oldest first (created, host, namespace): in every conflict the older one keeps what it has. */
  readonly services: readonly Service[]
  readonly workloads: readonly Resource<'WorkloadEntry'>[]
  /** Those of exactly this host, oldest first. */
  of(host: string): readonly Service[]
}

/** `previous` changes nothing but the time that this takes. */
export function buildRegistry(resources: ResourceSet, spelling: Spelling, previous?: Registry): Registry {
  const workloads = resources.of('WorkloadEntry')
  const before = previous === undefined ? undefined : sources.get(previous)
  const isComparable = before?.spelling === spelling && isSame(before.workloads, workloads)
  const known = isComparable ? before : nothing
  const entries = follow(known.entries, resources.of('ServiceEntry'), (resource) =>
    entryServices.get(resource, spelling, () => servicesOfEntry(resource, spelling)).map((service) => withWorkloads(service, workloads)),
  )
  const kube = follow(known.kube, resources.of('Service'), (resource) =>
    kubeServices.get(resource, spelling, () => [serviceOfKube(resource)]).map((service) => withWorkloads(service, workloads)),
  )
  const services = sortedServices(isComparable ? (previous?.services ?? []) : [], [entries, kube])
  const byHost = isComparable ? followHosts(previous, [entries, kube]) : undefined
  const registry = registryOf(services, workloads, byHost)
  sources.set(registry, { spelling, workloads, entries, kube })
  return registry
}

/** Resources of one kind and what was made of each. */
interface Made<R> {
  readonly resources: readonly R[]
  readonly services: readonly (readonly Service[])[]
}

/** What a registry was made from. */
interface Source {
  readonly spelling: Spelling
  readonly workloads: readonly Resource<'WorkloadEntry'>[]
  readonly entries: Made<Resource<'ServiceEntry'>>
  readonly kube: Made<Resource<'Service'>>
}

interface Followed<R> extends Made<R> {
  readonly gone: readonly Service[]
  readonly added: readonly Service[]
}

const none = { resources: [], services: [] }
const nothing = { entries: none, kube: none }
const sources = new WeakMap<Registry, Source>()
const entryServices = new SpecMemo<'ServiceEntry', readonly Service[]>()
const kubeServices = new SpecMemo<'Service', readonly Service[]>()

/** Works through what lies between the unchanged beginning and end of the lists only: lists are long and edits short. */
function follow<R extends Resource>(before: Made<R>, resources: readonly R[], make: (resource: R) => readonly Service[]): Followed<R> {
  const old = before.resources
  let { start, beforeEnd, nowEnd } = changedStretch(old, resources)
  while (start < Math.min(beforeEnd, nowEnd) && saysTheSame(old[start], resources[start])) start++
  while (Math.min(beforeEnd, nowEnd) > start && saysTheSame(old[beforeEnd - 1], resources[nowEnd - 1])) {
    beforeEnd--
    nowEnd--
  }
  const made = resources.slice(start, nowEnd).map(make)
  const replaced = before.services.slice(start, beforeEnd)
  return { resources, services: spliced(before.services, start, beforeEnd, made), gone: replaced.flat(), added: made.flat() }
}

function sortedServices(before: readonly Service[], changes: readonly Followed<unknown>[]): readonly Service[] {
  const { gone, added } = differences(changes)
  return patchSorted(before, { gone: [...gone], added }, compareAge)
}

function differences(changes: readonly Followed<unknown>[]): { readonly gone: ReadonlySet<Service>; readonly added: readonly Service[] } {
  const gone = new Set(changes.flatMap((change) => change.gone))
  return { added: changes.flatMap((change) => change.added).filter((service) => !gone.delete(service)), gone }
}

/** A document that only moved is another resource with the same spec. */
function saysTheSame(a: Resource | undefined, b: Resource | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.spec === b.spec && a.hash === b.hash)
}

function isSame(before: readonly Resource[], after: readonly Resource[]): boolean {
  return before === after || (before.length === after.length && before.every((resource, i) => saysTheSame(resource, after[i])))
}

type Hosts = ReadonlyMap<string, readonly Service[]>

const hostsOf = new WeakMap<Registry, () => Hosts | undefined>()

function registryOf(services: readonly Service[], workloads: readonly Resource<'WorkloadEntry'>[], known: Hosts | undefined): Registry {
  let byHost = known
  const registry = { services, workloads, of: (host: string) => (byHost ??= groupByHost(services)).get(host) ?? [] }
  hostsOf.set(registry, () => byHost)
  return registry
}

/** The services by host, if they were asked for before. */
function followHosts(previous: Registry | undefined, changes: readonly Followed<unknown>[]): Hosts | undefined {
  const before = previous && hostsOf.get(previous)?.()
  if (before === undefined) return undefined
  const { gone, added } = differences(changes)
  const groups = new Map<string, readonly Service[] | undefined>()
  const groupOf = (host: string): readonly Service[] => (groups.has(host) ? groups.get(host) : before.get(host)) ?? []
  for (const service of gone) {
    const rest = groupOf(service.host).filter((one) => one !== service)
    groups.set(service.host, rest.length === 0 ? undefined : rest)
  }
  for (const service of added) groups.set(service.host, [...groupOf(service.host), service].sort(compareAge))
  return PatchedMap.of(before, groups)
}

function groupByHost(services: readonly Service[]): Map<string, Service[]> {
  const byHost = new Map<string, Service[]>()
  for (const service of services) {
    const same = byHost.get(service.host)
    if (same === undefined) byHost.set(service.host, [service])
    else same.push(service)
  }
  return byHost
}

/** The order of a registry's services. */
export function compareAge(a: Service, b: Service): number {
  return (
    a.created - b.created || compareText(a.host, b.host) || compareText(a.namespace, b.namespace) || compareText(a.ref.name, b.ref.name)
  )
}

const selected = new WeakMap<Service, Service>()

/** A service with a selector, and the WorkloadEntries of its namespace that the selector chooses as its endpoints. */
function withWorkloads(service: Service, workloads: readonly Resource<'WorkloadEntry'>[]): Service {
  const wanted = service.selector
  if (wanted === undefined || Object.keys(wanted).length === 0) return service
  // One that uses what is not carried out is never dialled; the others are.
  const usable = workloads.filter((w) => w.unsupported.length === 0 && w.meta.namespace === service.namespace)
  const chosen = usable.filter((w) => hasLabels(labelsOf(w), wanted))
  const known = selected.get(service)
  const endpoints = chosen.map((w) => workloadEndpoints.get(w, '', () => ({ ...endpointOf(w.spec), labels: labelsOf(w) })))
  if (known !== undefined && sameItems(known.endpoints, endpoints)) return known
  const made = { ...service, endpoints }
  selected.set(service, made)
  return made
}

const workloadEndpoints = new SpecMemo<'WorkloadEntry', Service['endpoints'][number]>()

function labelsOf(workload: Resource<'WorkloadEntry'>): Readonly<Record<string, string>> {
  return { ...workload.meta.labels, ...workload.spec.labels }
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i])
}
