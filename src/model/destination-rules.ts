// Chooses the DestinationRule that holds for a client and a service, and merges what Istio merges.
import type { Resource, ResourceRef, Subset, TrafficPolicy } from '../api/index.ts'
import { HostIndex, hasLabels, type Service, SpecMemo, type Spelling } from '../registry/index.ts'
import { expandHost, fieldsUnder } from './names.ts'
import { isVisible, type Visibility, visibilityOf } from './visibility.ts'

/** A piece of a resource, so that a refusal can name the field. */
export interface FieldRef {
  readonly ref: ResourceRef
  readonly field: string
}

interface Part<T> extends FieldRef {
  readonly value: T
  readonly unsupported: readonly string[]
}

/** The rules of one namespace for one host, merged: the oldest is the base. */
export interface DestinationPolicy {
  readonly ref: ResourceRef
  readonly visibility: Visibility
  readonly selector: Readonly<Record<string, string>> | undefined
  readonly trafficPolicy: Part<TrafficPolicy> | undefined
  readonly subsets: readonly Part<Subset>[]
  /** Fields outside traffic policies and subsets that are not carried out. */
  readonly refused: readonly FieldRef[]
}

export interface DestinationRuleIndex {
  readonly isEmpty: boolean
  /** For a client with these labels in namespace `client`. */
  find(client: string, labels: Readonly<Record<string, string>>, service: Service): DestinationPolicy | undefined
}

interface Rule extends DestinationPolicy {
  readonly namespace: string
  readonly host: string
}

export interface DestinationRuleOptions {
  readonly spelling: Spelling
  readonly rootNamespace: string
  readonly defaultExportTo: readonly string[] | undefined
}

const rules = new SpecMemo<'DestinationRule', Rule>()

export function indexDestinationRules(
  resources: readonly Resource<'DestinationRule'>[],
  options: DestinationRuleOptions,
): DestinationRuleIndex {
  const variant = `${options.spelling} ${options.defaultExportTo?.join() ?? ''}`
  const all = new Map<string, HostIndex<Rule>>()
  for (const resource of resources) {
    const rule = rules.get(resource, variant, () => normalise(resource, options))
    const index = all.get(rule.namespace) ?? new HostIndex<Rule>()
    all.set(rule.namespace, index)
    index.add(rule.host, rule)
  }
  return {
    isEmpty: all.size === 0,
    find: (client, labels, service) => search(all, options.rootNamespace, { namespace: client, labels }, service),
  }
}

/** The first step with a match ends the search, even when a later one has a more specific host. */
function search(
  all: ReadonlyMap<string, HostIndex<Rule>>,
  root: string,
  client: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
  service: Service,
): DestinationPolicy | undefined {
  const own = all.get(client.namespace)?.mostSpecific(service.host) ?? []
  const local = client.namespace === root ? own.filter((rule) => isPrivate(rule)) : own
  if (local.length > 0) return choose(local, client.labels)
  for (const namespace of [service.namespace, root]) {
    const found = (all.get(namespace)?.mostSpecific(service.host) ?? []).filter(
      (rule) => rule.selector === undefined && !isPrivate(rule) && isVisible(rule.visibility, client.namespace),
    )
    if (found.length > 0) return choose(found, client.labels)
  }
  return undefined
}

function isPrivate(rule: Rule): boolean {
  return rule.visibility !== 'public' && rule.visibility.size === 1 && rule.visibility.has(rule.namespace)
}

function choose(found: readonly Rule[], labels: Readonly<Record<string, string>>): DestinationPolicy | undefined {
  const selecting = found.filter((rule) => rule.selector !== undefined && hasLabels(labels, rule.selector))
  const candidates = selecting.length > 0 ? selecting : found.filter((rule) => rule.selector === undefined)
  const [base, ...others] = candidates
  if (base === undefined) return undefined
  const mergeable = others.filter((rule) => sameVisibility(rule.visibility, base.visibility))
  return mergeable.length === 0 ? base : merged(base, mergeable)
}

const mergedRules = new WeakMap<Rule, { readonly others: readonly Rule[]; readonly policy: DestinationPolicy }>()

function merged(base: Rule, others: readonly Rule[]): DestinationPolicy {
  const known = mergedRules.get(base)
  if (known !== undefined && known.others.length === others.length && known.others.every((rule, i) => rule === others[i])) {
    return known.policy
  }
  const subsets = new Map<string, Part<Subset>>()
  for (const rule of [base, ...others]) {
    for (const subset of rule.subsets) if (!subsets.has(subset.value.name)) subsets.set(subset.value.name, subset)
  }
  const policy = {
    ...base,
    subsets: [...subsets.values()],
    trafficPolicy: [base, ...others].find((rule) => rule.trafficPolicy !== undefined)?.trafficPolicy,
    refused: [base, ...others].flatMap((rule) => rule.refused),
  }
  mergedRules.set(base, { others, policy })
  return policy
}

function sameVisibility(a: Visibility, b: Visibility): boolean {
  if (a === 'public' || b === 'public') return a === b
  return a.size === b.size && [...a].every((namespace) => b.has(namespace))
}

function normalise(resource: Resource<'DestinationRule'>, options: DestinationRuleOptions): Rule {
  const { spec, meta, unsupported } = resource
  const ref = { kind: 'DestinationRule', namespace: meta.namespace, name: meta.name }
  const part = <T>(value: T, field: string): Part<T> => ({ ref, field, value, unsupported: fieldsUnder(unsupported, field) })
  const elsewhere = unsupported.filter((field) => !/^spec\.(trafficPolicy|subsets)\b/.test(field))
  return {
    ref,
    namespace: meta.namespace,
    host: expandHost(spec.host, meta.namespace, options.spelling),
    visibility: visibilityOf(spec.exportTo ?? [], meta.namespace, options.defaultExportTo),
    selector: spec.workloadSelector?.matchLabels,
    trafficPolicy: spec.trafficPolicy === undefined ? undefined : part(spec.trafficPolicy, 'spec.trafficPolicy'),
    subsets: (spec.subsets ?? []).map((subset, i) => part(subset, `spec.subsets[${i}]`)),
    refused: elsewhere.map((field) => ({ ref, field })),
  }
}
